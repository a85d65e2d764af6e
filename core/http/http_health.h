/* GET /api/health. */
#ifndef CORE_HTTP_HTTP_HEALTH_H
#define CORE_HTTP_HTTP_HEALTH_H

#include "core/http/exchange.h"

typedef struct health health;

health *health_new(void);
void health_free(health *h);
/* While starting or draining the answer is known at once. true: answered. On the loop. */
bool health_answer_now(exchange *x);
/* The handler, on a worker. */
sw_status health_handle(sw_request *req);

#endif
