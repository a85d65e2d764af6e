/* Counts and times of exchanges by route, for the metrics. Each loop writes its own. */
#ifndef CORE_HTTP_ROUTE_METRICS_H
#define CORE_HTTP_ROUTE_METRICS_H

#include "core/http/exchange.h"

/* Room for every route there is; before the loops run. */
bool numbers_open(http_server *h);
void numbers_close(http_server *h);
/* On the loop. */
void numbers_add(const exchange *x, int status, int64_t took_ns);

#endif
