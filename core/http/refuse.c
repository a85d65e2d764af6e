#include "core/http/refuse.h"

#include "core/http/conn.h"
#include "core/http/exchange.h"
#include "core/http/request_id.h"

void refuse_read(conn *c, int http_status, const char *code, const char *text)
{
    conn_resume(c);
    c->close_after = true;
    c->linger_after = true; /* what the client still sends must not turn into a reset that eats the answer */
    conn_deadline(c, DEADLINES);
    exchange *x = exchange_new(c, NULL);
    if (!x) {
        conn_free(c);
        return;
    }
    request_id_make(x, NULL);
    if (!text)
        text = http_status == 413 ? "the request body is too large" : "the request is malformed";
    exchange_refuse(x, http_status, code, text);
}
