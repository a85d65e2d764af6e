/* The access log: one line an exchange, gathered in the loop and written every 100 ms or 16 KiB. Never a query string
 * (tokens stand there), never a body. */
#ifndef CORE_HTTP_ACCESS_LOG_H
#define CORE_HTTP_ACCESS_LOG_H

#include "core/http/exchange.h"

/* Text: time info access METHOD path status bytes ms address request_id user. On the loop. */
void access_log_add(const exchange *x, int status, size_t bytes, int64_t took_ns);
void access_log_flush(http_loop *l);

#endif
