#include "core/http/cors.h"

#include "core/http/reply.h"

void cors_find(exchange *x)
{
    const http_settings *s = &x->home->server->settings;
    if (!(x->present & HAS_ORIGIN))
        return;
    const char *origin = evhttp_find_header(evhttp_request_get_input_headers(x->ev), "Origin");
    if (origin && settings_origin_listed(s, origin))
        x->origin = origin;
    else if (s->any_origin)
        x->origin = "*";
}

void cors_options(exchange *x, const char *allow)
{
    const http_settings *s = &x->home->server->settings;
    reply r                = { .status = 204 };
    if (x->present & HAS_PREFLIGHT) {
        r.preflight = true;
        r.lines     = x->origin ? s->preflight : NULL;
    } else {
        x->allow = allow;
    }
    reply_send(x, &r);
}
