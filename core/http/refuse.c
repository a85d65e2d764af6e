#include "core/http/refuse.h"

#include "core/base/str.h"
#include "core/http/conn.h"
#include "core/http/cors.h"
#include "core/http/exchange.h"
#include "core/http/request_id.h"

#include <string.h>

enum { ORIGIN_MAX = 256 };

/* What an answer repeats of a request; empty: it is not known. */
typedef struct {
    char origin[ORIGIN_MAX];
    char request_id[REQUEST_ID_MAX + 2]; /* one too long is seen to be so */
} repeated;

/* Copies the value of the first header of that name; "" when there is none, or it does not fit. */
static void copy_header(const char *head, size_t len, const char *name, char *ret, size_t size)
{
    sw_str rest = {head, len}, line;
    ret[0] = '\0';
    while (str_next(&rest, '\n', &line)) {
        size_t name_len = strlen(name);
        if (line.len <= name_len || line.at[name_len] != ':' || !str_starts_nocase(line, name))
            continue;
        sw_str value = str_trim((sw_str){line.at + name_len + 1, line.len - name_len - 1});
        if (value.len < size) {
            memcpy(ret, value.at, value.len);
            ret[value.len] = '\0';
        }
        return;
    }
}

/* A head that was good stands in the input still when its body is what is refused. */
static void read_head(conn *c, repeated *ret)
{
    *ret = (repeated){.origin = ""};
    if (c->state != CONN_BODY || c->fed)
        return;
    struct evbuffer *input = bufferevent_get_input(c->bev);
    struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    const char *at = end.pos < 0 ? NULL : (const char *)evbuffer_pullup(input, end.pos + 2);
    if (!at)
        return;
    copy_header(at, (size_t)end.pos + 2, "Origin", ret->origin, sizeof ret->origin);
    copy_header(at, (size_t)end.pos + 2, "X-Request-Id", ret->request_id, sizeof ret->request_id);
}

void refuse_read(conn *c, int http_status, const char *code, const char *text)
{
    repeated known;
    read_head(c, &known);
    conn_resume(c);
    c->close_after = true;
    c->linger_after = true; /* what the client still sends must not turn into a reset that eats the answer */
    conn_deadline(c, DEADLINES);
    exchange *x = exchange_new(c, NULL);
    if (!x) {
        conn_free(c);
        return;
    }
    request_id_make(x, known.request_id);
    if (known.origin[0])
        cors_take(x, known.origin);
    if (!text)
        text = http_status == 413 ? "the request body is too large" : "the request is malformed";
    exchange_refuse(x, http_status, code, text);
}
