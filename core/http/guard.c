/* The guard of a request, from evhttp to its handler. It asks in this order: client address, CORS, route, rate, host,
 * draining and memory, module, token, role, type. Then the handler runs here, or the exchange goes to its lane. On the
 * loop.
 *
 * A token that the cache knows is decided on the loop; another one is shown to the provider of auth/1, by the worker or
 * slow thread that has the exchange meanwhile. */
#include "core/base/str.h"
#include "core/http/conn.h"
#include "core/http/cors.h"
#include "core/http/exchange.h"
#include "core/http/forwarded.h"
#include "core/http/own_routes.h"
#include "core/http/rate.h"
#include "core/http/uri.h"
#include "core/runtime/quota.h"
#include <string.h>
#include <strings.h>

enum { TOKEN_MAX = 8192, ASK_TRIES = 4, DISK_RETRY_S = 30 };

typedef enum {
    AUTH_DECIDED = 0, /* x->req.who is set, or is nobody (public routes)                   */
    AUTH_ASK,         /* x->token must be shown to the provider, on a worker: auth_ask()  */
    AUTH_REFUSED      /* the exchange is answered                                        */
} auth_answer;

static void guard(exchange *x);
static const route *find_route(exchange *x, const route_set **ret_set);
static void answer_options(exchange *x, const char *allow);
static bool overloaded(exchange *x);
static bool module_serves(exchange *x);
static void admit(exchange *x);
static auth_answer auth_begin(exchange *x);
static sw_status auth_role(exchange *x);
static void answer_failure(exchange *x);
static sw_status within_quota(exchange *x, int64_t now_ms);
static sw_status disk_allows(exchange *x);
static sw_status auth_then_handle(sw_request *req);
static const char *type_refused(exchange *x);
static bool is_foreign_form(const exchange *x);
static void upgrade_begin(exchange *x);

static const char *header(const exchange *x, const char *name)
{
    return http_header(x->ev, name);
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
    const char *target = evhttp_request_get_uri(ev), *path = target + c->path_at;
    size_t len = strlen(path);
    x->path = c->path_len ? (sw_str){path, c->path_len} : (sw_str){"/", 1};
    x->host = (sw_str){target + c->host_at, c->host_len};
    if (len > c->path_len)
        x->query = (sw_str){path + c->path_len + 1, len - c->path_len - 1};
    exchange_name(x, x->present & HAS_REQUEST_ID ? header(x, "X-Request-Id") : NULL);
    guard(x);
}

/* ---- in its order ---- */

static void guard(exchange *x)
{
    const http_server *h = x->home->server;
    const route_set *set;
    const http_door *door = x->conn->by->door;
    x->slot = client_find(x);
    if (!door && (x->present & HAS_ORIGIN))
        exchange_take_origin(x, header(x, "Origin"));
    x->route = find_route(x, &set);
    if (!door && !rates_request(h->rates, x->slot, x->home->clock.mono_ms)) {
        exchange_fail(x, SW_RATE_LIMITED, NULL, "too many requests");
        return;
    }
    if (!host_served(x)) {
        exchange_refuse(x, 421, "invalid_request",
                        "this server does not answer for that Host; server.hosts lists those it does");
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
    x->req.urgent = (x->route->row.flags & SW_WORK_URGENT) != 0;
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

/* The last part: signed in, allowed, understood; then to the route's lane. */
static void admit(exchange *x)
{
    const route *r = x->route;
    auth_answer answer = auth_begin(x);
    if (answer == AUTH_REFUSED)
        return;
    if (answer == AUTH_DECIDED &&
        (auth_role(x) != SW_OK || within_quota(x, x->home->clock.mono_ms) != SW_OK || disk_allows(x) != SW_OK)) {
        answer_failure(x);
        return;
    }
    const char *why = type_refused(x);
    if (why) {
        exchange_fail(x, SW_UNSUPPORTED, NULL, why);
        return;
    }
    if (is_foreign_form(x)) {
        exchange_fail(x, SW_FORBIDDEN, NULL, "origin not allowed");
        return;
    }
    if (answer == AUTH_ASK)
        exchange_submit(x, x->home->server->authenticate_lane, auth_then_handle);
    else if (r->row.lane == SW_LANE_LOOP)
        exchange_run(x, r->row.handle);
    else
        exchange_submit(x, r->row.lane, r->row.handle);
}

/* ---- the token and the role ---- */

/* The token of "Bearer <token>", trimmed; false when the value has another form. */
static bool bearer_token(const char *value, sw_str *ret)
{
    sw_str s = str_of(value);
    if (!str_starts_nocase(s, "bearer "))
        return false;
    *ret = str_trim((sw_str){s.at + 7, s.len - 7});
    return ret->len > 0;
}

/* Who sends one bad token after the other hears no more than that. A good one is looked up all the same, so that it
 * works, whoever else has its address. `cached`: nobody had to be asked about it. Any thread. */
static sw_status bad_token(exchange *x, bool cached, const char *code, const char *text)
{
    rates *r = x->home->server->rates;
    int retry_s = x->conn->by->door ? 0 : rates_bad_token(r, x->slot, cached, sw_monotonic_ms());
    if (retry_s == 0)
        return sw_fail(&x->req, SW_UNAUTHENTICATED, code, "%s", text);
    sw_fail_retry_after(&x->req, retry_s);
    return sw_fail(&x->req, SW_RATE_LIMITED, NULL, "too many bad tokens from this address");
}

static void answer_failure(exchange *x)
{
    exchange_fail(x, x->req.failure.status, x->req.failure.code, x->req.failure.text);
}

/* Looks x->token up in the cache. PRINCIPAL_UNKNOWN: ask. */
static principal_answer auth_lookup(exchange *x)
{
    principals *cache = x->home->server->rt->principals;
    uint8_t key[32];
    if (x->token.len == 0 || x->token.len > TOKEN_MAX)
        return PRINCIPAL_BAD;
    sw_sha256(x->token.at, x->token.len, key);
    return principal_find(cache, key, sw_now_ms(), &x->req.who, &x->req.generation);
}

static auth_answer auth_begin(exchange *x)
{
    bool open = x->route->row.access == SW_PUBLIC;
    const char *value = NULL;
    if (x->present & HAS_AUTHORIZATION)
        value = header(x, "Authorization");
    if (!value || !value[0]) {
        if (!open)
            exchange_fail(x, SW_UNAUTHENTICATED, NULL, "authorization header required");
        return open ? AUTH_DECIDED : AUTH_REFUSED;
    }
    if (!bearer_token(value, &x->token) || memchr(x->token.at, ' ', x->token.len)) {
        if (!open)
            exchange_fail(x, SW_UNAUTHENTICATED, NULL, "invalid authorization header format");
        return open ? AUTH_DECIDED : AUTH_REFUSED;
    }
    switch (auth_lookup(x)) {
    case PRINCIPAL_GOOD:
        return AUTH_DECIDED;
    case PRINCIPAL_UNKNOWN:
        return AUTH_ASK;
    default:
        if (open)
            return AUTH_DECIDED;
        (void)bad_token(x, true, NULL, "invalid token");
        answer_failure(x);
        return AUTH_REFUSED;
    }
}

/* The request is the provider's while it asks: its state, its share of the slow lane. */
static void lend(exchange *x)
{
    if (x->owner)
        return;
    x->owner = x->req.host;
    request_hand_over(&x->req, x->home->server->provider);
}

static void take_back(exchange *x)
{
    if (x->owner)
        request_hand_over(&x->req, x->owner);
    x->owner = NULL;
}

/* What the provider knows from the database, and else what it hears. */
static sw_status provider_says(exchange *x, sw_principal *ret, bool *ret_slow)
{
    const http_server *h = x->home->server;
    sw_status status = h->authenticate(h->rt, x->req.db, x->token.at, x->token.len, ret);
    status = request_sound(&x->req, status);
    if (status != SW_OK || ret->role)
        return status;
    if (!h->ask)
        return SW_INTERNAL;
    lend(x);
    *ret_slow = x->req.lane != SW_LANE_SLOW;
    if (*ret_slow)
        return SW_OK;
    status = h->ask(&x->req, x->token.at, x->token.len, ret);
    return status == SW_OK && !ret->role ? SW_INTERNAL : status;
}

static sw_status ask_and_keep(exchange *x, bool *ret_slow)
{
    principals *cache = x->home->server->rt->principals;
    uint8_t key[32];
    sw_sha256(x->token.at, x->token.len, key);
    for (int i = 0; i < ASK_TRIES; i++) {
        /* Taken before asking: an answer that somebody's change overtook is not kept, nor used. */
        uint64_t ticket = principal_ticket(cache);
        sw_principal who = {.size = sizeof who};
        sw_status status = provider_says(x, &who, ret_slow);
        if (status == SW_UNAUTHENTICATED)
            principal_put_bad_since(cache, key, ticket, sw_now_ms());
        if (status != SW_OK || *ret_slow)
            return status;
        if (principal_put_good(cache, key, ticket, &who, &x->req.generation)) {
            x->req.who = who;
            return SW_OK;
        }
    }
    return SW_BUSY;
}

/* Asks the provider about x->token and remembers the answer. On the lane of the provider. SW_OK: x->req.who is set;
 * SW_UNAUTHENTICATED; other: the provider failed. SW_OK and *ret_slow: nothing is known yet, and the caller moves to
 * the slow lane to call again. */
static sw_status auth_ask(exchange *x, bool *ret_slow)
{
    *ret_slow = false;
    sw_status status = ask_and_keep(x, ret_slow);
    if (!*ret_slow)
        take_back(x);
    return status;
}

/* Does the principal get through the route's guard? SW_OK, or the failure is set. Any thread. */
static sw_status auth_role(exchange *x)
{
    sw_role role = x->req.who.role;
    switch (x->route->row.access) {
    case SW_PUBLIC:
        return SW_OK;
    case SW_SIGNED_IN:
        return role ? SW_OK : sw_fail(&x->req, SW_UNAUTHENTICATED, NULL, "invalid token");
    case SW_HUMAN:
        return SW_ROLE_BIT(role) & SW_ROLES_HUMAN ? SW_OK
                                                  : sw_fail(&x->req, SW_FORBIDDEN, NULL, "human access required");
    default:
        return role == SW_ROLE_ADMIN ? SW_OK : sw_fail(&x->req, SW_FORBIDDEN, NULL, "admin access required");
    }
}

/* ---- what the principal may still use, and what the disk allows ---- */

static sw_status over_quota(exchange *x, quota_kind kind, int64_t wait_ms)
{
    sw_fail_retry_after(&x->req, (int)((wait_ms + 999) / 1000));
    return sw_fail(&x->req, SW_RATE_LIMITED, NULL, "too much at once: %s allows %lld a second", quota_name(kind),
                   (long long)quota_per_second(x->home->server->rt->quotas, kind));
}

/* SW_OK, or the failure is set. What is urgent has a count of its own, and no other quota keeps it back. Any thread. */
static sw_status within_quota(exchange *x, int64_t now_ms)
{
    quotas *q = x->home->server->rt->quotas;
    const sw_principal *who = &x->req.who;
    bool urgent = x->req.urgent;
    if (!quota_counts(q, who))
        return SW_OK;
    quota_kind kind = urgent ? QUOTA_URGENT : QUOTA_REQUESTS;
    int64_t wait = quota_take(q, who, kind, 1, now_ms);
    if (wait == 0 && !urgent && x->method != HEAD_GET && x->method != HEAD_HEAD) {
        kind = QUOTA_ROWS;
        wait = quota_wait(q, who, kind, now_ms);
    }
    size_t len = wait == 0 && !urgent ? evbuffer_get_length(evhttp_request_get_input_buffer(x->ev)) : 0;
    if (len > 0) {
        kind = QUOTA_BYTES;
        wait = quota_take(q, who, kind, (int64_t)len, now_ms);
    }
    return wait == 0 ? SW_OK : over_quota(x, kind, wait);
}

static sw_status disk_allows(exchange *x)
{
    if ((x->route->row.flags & SW_WORK_BULK) == 0 ||
        !atomic_load_explicit(&x->home->server->rt->disk_low, memory_order_relaxed))
        return SW_OK;
    sw_fail_retry_after(&x->req, DISK_RETRY_S);
    return sw_fail(&x->req, SW_UNAVAILABLE, NULL, DISK_LOW_TEXT);
}

/* The sw_handler of a route whose token must be asked for: asks, checks, and goes on with the route's own. */
static sw_status auth_then_handle(sw_request *req)
{
    exchange *x = exchange_of(req);
    bool open = x->route->row.access == SW_PUBLIC;
    bool slow;
    sw_status status = auth_ask(x, &slow);
    if (slow)
        return sw_move(req, SW_LANE_SLOW, auth_then_handle);
    if (!open && status == SW_UNAUTHENTICATED)
        return bad_token(x, false, NULL, "invalid token");
    if (!open && status != SW_OK)
        return sw_fail(req, status == SW_BUSY ? SW_BUSY : SW_UNAVAILABLE, NULL, "the token cannot be checked now");
    SW_TRY(auth_role(x));
    SW_TRY(within_quota(x, sw_monotonic_ms()));
    SW_TRY(disk_allows(x));
    sw_lane lane = x->route->row.lane;
    /* A worker may do what the loop may; the other lanes are for those who need them. */
    if (lane == req->lane || (lane == SW_LANE_LOOP && req->lane == SW_LANE_WORKER))
        return x->route->row.handle(req);
    return sw_move(req, lane, x->route->row.handle);
}

/* ---- what a Content-Type and a Content-Encoding may be ---- */

/* Without its parameters; empty when there is none. */
static sw_str type_of(const exchange *x)
{
    sw_str type = str_of(x->present & HAS_CONTENT_TYPE ? header(x, "Content-Type") : "");
    const char *semicolon = type.len ? memchr(type.at, ';', type.len) : NULL;
    if (semicolon)
        type.len = (size_t)(semicolon - type.at);
    return str_trim(type);
}

/* Nothing, and what curl -d says without being told: what a page may send without asking first, too. */
static bool type_is_taken_for_json(sw_str type)
{
    return type.len == 0 || str_equal_nocase(type, "application/x-www-form-urlencoded");
}

/* application/json, anything+json. */
static bool type_is_json(sw_str type)
{
    const char *slash = type.len ? memchr(type.at, '/', type.len) : NULL;
    if (!slash)
        return false;
    sw_str sub = {slash + 1, (size_t)(type.at + type.len - slash - 1)};
    return str_equal_nocase(sub, "json") ||
           (sub.len > 5 && str_equal_nocase((sw_str){sub.at + sub.len - 5, 5}, "+json"));
}

/* Why a body is not read: it is of another type than JSON, or compressed. NULL: it may be. */
static const char *type_refused(exchange *x)
{
    bool ignored = x->method == HEAD_GET || x->method == HEAD_HEAD || x->method == HEAD_DELETE;
    if (ignored || !(x->present & (HAS_CONTENT_TYPE | HAS_CODING)) || (x->route->row.flags & SW_ROUTE_RAW_BODY))
        return NULL;
    if (evbuffer_get_length(evhttp_request_get_input_buffer(x->ev)) == 0)
        return NULL;
    if (x->conn->head.coded) {
        x->lines = "Accept-Encoding: identity\r\n";
        return "the Content-Encoding must be identity";
    }
    sw_str type = type_of(x);
    return type_is_taken_for_json(type) || type_is_json(type) ? NULL : "the Content-Type must be application/json";
}

/* A page of another site may have its visitors' browsers send a form anywhere, unasked: where no token is needed, such
 * a body counts only from an Origin that is the own or listed. What calls itself JSON has been asked about before. */
static bool is_foreign_form(const exchange *x)
{
    bool may_be = (x->present & HAS_ORIGIN) && x->route->row.access == SW_PUBLIC && x->method == HEAD_POST &&
                  !(x->route->row.flags & SW_ROUTE_RAW_BODY) && !x->conn->by->door;
    return may_be && !type_is_json(type_of(x)) && !origin_allowed(x);
}

/* ---- the token of an upgrade ---- */

static bool token_in_query(exchange *x)
{
    sw_str value;
    if (!uri_query_find(x->query, "token", &value) || value.len == 0)
        return false;
    char *plain = arena_alloc(&x->req.arena, value.len + 1);
    if (!plain)
        return false;
    x->token = str_trim((sw_str){plain, uri_decode(value, true, plain)});
    return x->token.len > 0;
}

static bool token_in_header(exchange *x)
{
    const char *value = header(x, "Authorization");
    return value && bearer_token(value, &x->token);
}

/* The subprotocols "bearer", "<token>": what a browser can send besides the URL. */
static bool token_in_protocols(exchange *x)
{
    const char *protocols = header(x, "Sec-WebSocket-Protocol");
    sw_str left = str_of(protocols ? protocols : ""), piece;
    if (!str_next(&left, ',', &piece) || !str_equal_nocase(piece, "bearer") || !str_next(&left, ',', &piece))
        return false;
    x->token = piece;
    x->token_in_protocol = true;
    return piece.len > 0;
}

static sw_status ask_for_upgrade(sw_request *req)
{
    exchange *x = exchange_of(req);
    bool slow;
    sw_status status = auth_ask(x, &slow);
    if (slow)
        return sw_move(req, SW_LANE_SLOW, ask_for_upgrade);
    if (status == SW_OK) {
        req->http_status = 101; /* ends well, without a reply of its own: resume_upgrade() */
        return SW_OK;
    }
    if (status == SW_UNAUTHENTICATED)
        return bad_token(x, false, "invalid_credentials", "invalid credentials");
    return sw_fail(req, status == SW_BUSY ? SW_BUSY : SW_UNAVAILABLE, NULL, "the token cannot be checked now");
}

/* The provider has said who it is (or that it is nobody). */
static void resume_upgrade(exchange *x)
{
    x->resume = NULL;
    if (x->outcome == SW_OK)
        upgrade_take_over(x);
    else
        exchange_answer(x);
}

/* GET /api/ws: who asks? Then upgrade.c goes on. */
static void upgrade_begin(exchange *x)
{
    if (!token_in_query(x) && !token_in_header(x) && !token_in_protocols(x)) {
        exchange_fail(x, SW_UNAUTHENTICATED, NULL, "token is required");
        return;
    }
    switch (auth_lookup(x)) {
    case PRINCIPAL_GOOD:
        upgrade_take_over(x);
        break;
    case PRINCIPAL_UNKNOWN:
        x->resume = resume_upgrade;
        exchange_submit(x, x->home->server->authenticate_lane, ask_for_upgrade);
        break;
    default:
        (void)bad_token(x, true, "invalid_credentials", "invalid credentials");
        answer_failure(x);
    }
}
