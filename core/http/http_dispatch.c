/* The guard, in its order: client address, CORS, route, rate, draining and memory, module, token, role, type. Then the
 * handler runs here, or the exchange goes to its lane. On the loop. */
#include "core/http/guard.h"

#include "core/base/str.h"
#include "core/http/conn.h"
#include "core/http/cors.h"
#include "core/http/own_routes.h"
#include "core/http/rate.h"
#include <string.h>

static const char *header(const exchange *x, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(x->ev), name);
}

/* ---- what a Content-Type may be ---- */

/* application/json, anything+json, and what curl -d says without being told. */
static bool type_is_json(const char *value)
{
    sw_str type = str_of(value);
    const char *semicolon = memchr(type.at, ';', type.len);
    if (semicolon)
        type.len = (size_t)(semicolon - type.at);
    type = str_trim(type);
    if (type.len == 0 || str_equal_nocase(type, "application/x-www-form-urlencoded"))
        return true;
    const char *slash = memchr(type.at, '/', type.len);
    if (!slash)
        return false;
    sw_str sub = {slash + 1, (size_t)(type.at + type.len - slash - 1)};
    return str_equal_nocase(sub, "json") ||
           (sub.len > 5 && str_equal_nocase((sw_str){sub.at + sub.len - 5, 5}, "+json"));
}

static bool type_accepted(const exchange *x)
{
    bool ignored = x->method == HEAD_GET || x->method == HEAD_HEAD || x->method == HEAD_DELETE;
    if (ignored || !(x->present & HAS_CONTENT_TYPE) || (x->route->row.flags & SW_ROUTE_RAW_BODY))
        return true;
    if (evbuffer_get_length(evhttp_request_get_input_buffer(x->ev)) == 0)
        return true;
    const char *value = header(x, "Content-Type");
    return !value || type_is_json(value);
}

/* ---- the guard ---- */

static const route *find_route(exchange *x, const route_set **ret_set)
{
    static const uint8_t ROUTED[] = {
        [HEAD_GET] = SW_GET,       [HEAD_POST] = SW_POST, [HEAD_PUT] = SW_PUT, [HEAD_PATCH] = SW_PATCH,
        [HEAD_DELETE] = SW_DELETE, [HEAD_HEAD] = SW_GET,  [HEAD_OPTIONS] = 0,
    };
    *ret_set = router_match(x->conn->by->router, x->path, x->values);
    return *ret_set ? (*ret_set)->by_method[ROUTED[x->method]] : NULL;
}

/* Is the module there? A module that is not answers as if its routes were not, either. */
static bool module_serves(exchange *x)
{
    switch ((module_state)x->route->module->status) {
    case MODULE_ENABLED:
        return true;
    case MODULE_DRAINING:
        exchange_fail(x, SW_BUSY, NULL, "this part of the server is being switched off");
        return false;
    default:
        exchange_fail(x, SW_NOT_FOUND, NULL, "not found");
        return false;
    }
}

/* The last part: signed in, allowed, understood; then to the route's lane. */
static void admit(exchange *x)
{
    const route *r = x->route;
    auth_answer answer = auth_begin(x);
    if (answer == AUTH_REFUSED)
        return;
    if (answer == AUTH_DECIDED && auth_role(x) != SW_OK) {
        exchange_fail(x, x->req.failure.status, x->req.failure.code, x->req.failure.text);
        return;
    }
    if (!type_accepted(x)) {
        exchange_fail(x, SW_UNSUPPORTED, NULL, "the Content-Type must be application/json");
        return;
    }
    if (answer == AUTH_ASK)
        exchange_submit(x, x->home->server->authenticate_lane, auth_then_handle);
    else if (r->row.lane == SW_LANE_LOOP)
        exchange_run(x, r->row.handle);
    else
        exchange_submit(x, r->row.lane, r->row.handle);
}

/* Draining, or out of memory: only the health says something else than 503 then. true: answered. */
static bool overloaded(exchange *x)
{
    const http_server *h = x->home->server;
    const http_door *door = x->conn->by->door;
    if ((x->route && x->route->kind == ROUTE_HEALTH) || (door && door->while_draining))
        return false;
    if (atomic_load_explicit(&h->rt->draining, memory_order_relaxed)) {
        x->conn->close_after = true;
        exchange_fail(x, SW_BUSY, NULL, "the server is shutting down");
        return true;
    }
    if (memory_over(h) && x->route && x->route->row.lane != SW_LANE_LOOP) {
        exchange_fail(x, SW_BUSY, NULL, "the server is out of memory for requests");
        return true;
    }
    return false;
}

/* An OPTIONS, whatever its path: 204. `allow`: what the path takes. */
static void answer_options(exchange *x, const char *allow)
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

static void guard(exchange *x)
{
    const http_server *h = x->home->server;
    const route_set *set;
    const http_door *door = x->conn->by->door;
    uint32_t slot = client_find(x);
    if (!door)
        cors_find(x);
    x->route = find_route(x, &set);
    if (!door && !rates_request(h->rates, slot, x->home->clock.mono_ms)) {
        exchange_fail(x, SW_RATE_LIMITED, NULL, "too many requests");
        return;
    }
    if (x->method == HEAD_OPTIONS) {
        answer_options(x, set ? set->allow : "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        return;
    }
    if (overloaded(x))
        return;
    if (!set) {
        exchange_fail(x, SW_NOT_FOUND, NULL, "not found");
        return;
    }
    if (!x->route) {
        x->allow = set->allow;
        exchange_refuse(x, 405, "method_not_allowed", "method not allowed");
        return;
    }
    x->req.host = x->route->module;
    x->req.work_kind = http_method_name(x->route->row.method);
    x->req.work_name = x->route->row.path;
    if (!module_serves(x))
        return;
    switch (x->route->kind) {
    case ROUTE_PING:
        ping_answer(x);
        break;
    case ROUTE_HEALTH:
        if (!health_answer_now(x))
            admit(x);
        break;
    case ROUTE_SOCKET:
        upgrade_begin(x);
        break;
    default:
        admit(x);
    }
}

void http_dispatch(struct evhttp_request *ev, void *http_loop_)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(ev);
    conn *c = conn_of(evhttp_connection_get_bufferevent(evcon));
    (void)http_loop_;
    exchange *x = c && c->state == CONN_BODY ? exchange_new(c, ev) : NULL;
    if (!x) {
        /* Out of memory, when it was accepted or now. */
        evhttp_send_error(ev, 503, NULL);
        return;
    }
    const char *target = evhttp_request_get_uri(ev);
    size_t len = strlen(target);
    x->path = (sw_str){target, c->path_len};
    if (len > c->path_len)
        x->query = (sw_str){target + c->path_len + 1, len - c->path_len - 1};
    exchange_name(x, x->present & HAS_REQUEST_ID ? header(x, "X-Request-Id") : NULL);
    guard(x);
}
