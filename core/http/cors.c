#include "core/http/cors.h"

#include "core/http/http_reply.h"

void cors_take(exchange *x, const char *origin)
{
    const cors_rules *rules = x->home->server->cors;
    if (origin && cors_origin_listed(rules, origin))
        x->origin = origin;
    else if (rules->any_origin)
        x->origin = "*";
}

void cors_find(exchange *x)
{
    if (x->present & HAS_ORIGIN)
        cors_take(x, evhttp_find_header(evhttp_request_get_input_headers(x->ev), "Origin"));
}

void cors_options(exchange *x, const char *allow)
{
    const cors_rules *rules = x->home->server->cors;
    reply r = {.status = 204};
    if (x->present & HAS_PREFLIGHT) {
        r.preflight = true;
        r.lines = x->origin ? rules->preflight : NULL;
    } else {
        x->allow = allow;
    }
    reply_send(x, &r);
}
