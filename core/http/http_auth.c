/* A token that the cache knows is decided on the loop; another one is shown to the provider of auth/1, by the worker or
 * slow thread that has the exchange meanwhile. */
#include "core/http/guard.h"

#include "core/base/str.h"
#include <string.h>

enum { TOKEN_MAX = 8192, ASK_TRIES = 4 };

bool bearer_token(const char *value, sw_str *ret)
{
    sw_str s = str_of(value);
    if (!str_starts_nocase(s, "bearer "))
        return false;
    *ret = str_trim((sw_str){s.at + 7, s.len - 7});
    return ret->len > 0;
}

principal_answer auth_lookup(exchange *x)
{
    principals *cache = x->home->server->rt->principals;
    uint8_t key[32];
    if (x->token.len == 0 || x->token.len > TOKEN_MAX)
        return PRINCIPAL_BAD;
    sw_sha256(x->token.at, x->token.len, key);
    return principal_find(cache, key, sw_now_ms(), &x->req.who, &x->req.generation);
}

auth_answer auth_begin(exchange *x)
{
    bool open = x->route->row.access == SW_PUBLIC;
    const char *value = NULL;
    if (x->present & HAS_AUTHORIZATION)
        value = evhttp_find_header(evhttp_request_get_input_headers(x->ev), "Authorization");
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
        if (!open)
            exchange_fail(x, SW_UNAUTHENTICATED, NULL, "invalid token");
        return open ? AUTH_DECIDED : AUTH_REFUSED;
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

sw_status auth_ask(exchange *x, bool *ret_slow)
{
    *ret_slow = false;
    sw_status status = ask_and_keep(x, ret_slow);
    if (!*ret_slow)
        take_back(x);
    return status;
}

sw_status auth_role(exchange *x)
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

sw_status auth_then_handle(sw_request *req)
{
    exchange *x = exchange_of(req);
    bool open = x->route->row.access == SW_PUBLIC;
    bool slow;
    sw_status status = auth_ask(x, &slow);
    if (slow)
        return sw_move(req, SW_LANE_SLOW, auth_then_handle);
    if (!open && status == SW_UNAUTHENTICATED)
        return sw_fail(req, SW_UNAUTHENTICATED, NULL, "invalid token");
    if (!open && status != SW_OK)
        return sw_fail(req, status == SW_BUSY ? SW_BUSY : SW_UNAVAILABLE, NULL, "the token cannot be checked now");
    SW_TRY(auth_role(x));
    sw_lane lane = x->route->row.lane;
    /* A worker may do what the loop may; the other lanes are for those who need them. */
    if (lane == req->lane || (lane == SW_LANE_LOOP && req->lane == SW_LANE_WORKER))
        return x->route->row.handle(req);
    return sw_move(req, lane, x->route->row.handle);
}
