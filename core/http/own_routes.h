/* What http answers itself: ping, health, and the upgrade to a WebSocket. */
#ifndef CORE_HTTP_OWN_ROUTES_H
#define CORE_HTTP_OWN_ROUTES_H

#include "core/http/exchange.h"

enum { OWN_ROUTES_COUNT = 3 };

typedef struct {
    sw_route row;
    route_kind kind;
} own_route;

extern const own_route OWN_ROUTES[OWN_ROUTES_COUNT];

/* GET /api/ping. On the loop. */
void ping_answer(exchange *x);
/* GET /api/health, while starting or draining: the answer is known at once. true: it is answered. On the loop. */
bool health_answer_now(exchange *x);

/* upgrade.c: GET /api/ws of a client that is known. Is it a WebSocket handshake, from an origin that may? Then ws takes
 * the connection over; else it is answered. On the loop. */
void upgrade_take_over(exchange *x);

#endif
