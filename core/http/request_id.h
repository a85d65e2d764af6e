/* X-Request-Id: the caller's own when it is sane, else one of ours. */
#ifndef CORE_HTTP_REQUEST_ID_H
#define CORE_HTTP_REQUEST_ID_H

#include "core/http/exchange.h"

/* `given` may be NULL. On the loop. */
void request_id_make(exchange *x, const char *given);
/* The prefix of this loop's own: random, so that restarts do not repeat ids. */
bool request_id_open(http_loop *l, unsigned index);

#endif
