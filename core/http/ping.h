/* GET /api/ping. */
#ifndef CORE_HTTP_PING_H
#define CORE_HTTP_PING_H

#include "core/http/exchange.h"

/* On the loop: no storage, no allocation. */
void ping_answer(exchange *x);
/* The same as a handler, so that its route is one like all others. */
sw_status ping_handle(sw_request *req);

#endif
