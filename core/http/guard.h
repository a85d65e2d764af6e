/* From evhttp's request to its handler: the guard asks in the order of http_dispatch.c. */
#ifndef CORE_HTTP_GUARD_H
#define CORE_HTTP_GUARD_H

#include "core/http/exchange.h"

/* http_dispatch.c: evhttp's callback for every request that has passed the gate; `http_loop_` is the loop's. */
void http_dispatch(struct evhttp_request *ev, void *http_loop_);

/* client_address.c: sets the address of an exchange from X-Forwarded-For, when the peer is a trusted proxy. Gives the
 * slot under which its requests are counted. On the loop. */
uint32_t client_find(exchange *x);

/* ---- http_auth.c: the Authorization header, the principal cache, and the provider behind it ---- */

typedef enum {
    AUTH_DECIDED = 0, /* x->req.who is set, or is nobody (public routes)                   */
    AUTH_ASK,         /* x->token must be shown to the provider, on a worker: auth_ask()  */
    AUTH_REFUSED      /* the exchange is answered                                        */
} auth_answer;

/* On the loop. */
auth_answer auth_begin(exchange *x);
/* Looks x->token up in the cache. PRINCIPAL_UNKNOWN: ask. On the loop. */
principal_answer auth_lookup(exchange *x);
/* Asks the provider about x->token and remembers the answer. On the lane of the provider. SW_OK: x->req.who is set;
 * SW_UNAUTHENTICATED; other: the provider failed. SW_OK and *ret_slow: nothing is known yet, and the caller moves to
 * the slow lane to call again. */
sw_status auth_ask(exchange *x, bool *ret_slow);
/* Does the principal get through the route's guard? SW_OK, or the failure is set. Any thread. */
sw_status auth_role(exchange *x);

/* The sw_handler of a route whose token must be asked for: asks, checks, and goes on with the route's own. */
sw_status auth_then_handle(sw_request *req);
/* The token of "Bearer <token>", trimmed; false when the value has another form. */
bool bearer_token(const char *value, sw_str *ret);

#endif
