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

/* ---- http_health.c: GET /api/health ---- */

typedef struct health health;

health *health_new(void);
void health_free(health *h);
/* While starting or draining the answer is known at once. true: it is answered. On the loop. */
bool health_answer_now(exchange *x);
/* The handler, on a worker. */
sw_status health_handle(sw_request *req);

/* ---- upgrade.c: GET /api/ws ---- */

/* Who asks, and is it a WebSocket handshake? Then ws takes the connection over. On the loop. */
void upgrade_begin(exchange *x);

#endif
