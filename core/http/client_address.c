/* The client behind trusted proxies. On the loop. */
#include "core/http/guard.h"

#include "core/base/str.h"
#include "core/http/rate.h"
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>

/* The addresses from the last one backwards: the first that is not a trusted proxy is the client. A proxy adds to the
 * end, so what stands before an untrusted address is only a claim. Several headers count as one list. */
typedef struct {
    address found;
    bool ended; /* an untrusted address, or something that is not an address */
} walk;

static void walk_value(walk *w, const http_settings *s, const char *value)
{
    const char *end = value + strlen(value);
    while (!w->ended && end > value) {
        const char *begin = end;
        while (begin > value && begin[-1] != ',')
            begin--;
        sw_str piece = str_trim((sw_str){begin, (size_t)(end - begin)});
        address a;
        if (address_parse_forwarded(piece.at, piece.len, &a)) {
            w->found = a;
            w->ended = !address_in(&a, s->trusted, s->trusted_count);
        } else {
            w->ended = true;
        }
        end = begin > value ? begin - 1 : value;
    }
}

uint32_t client_find(exchange *x)
{
    const conn *c = x->conn;
    const http_settings *s = &x->home->server->settings;
    if (!c->trusted || !(x->present & HAS_FORWARDED))
        return c->slot;
    walk w = {.found = c->peer};
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(x->ev);
    const char *values[16];
    int n = 0;
    for (const struct evkeyval *h = headers->tqh_first; h && n < 16; h = h->next.tqe_next)
        if (strcasecmp(h->key, "X-Forwarded-For") == 0)
            values[n++] = h->value;
    while (n > 0 && !w.ended)
        walk_value(&w, s, values[--n]);
    address_format(&w.found, x->address);
    x->req.address = x->address;
    return rates_slot(x->home->server->rates, &w.found);
}
