/* Origins, and OPTIONS. On the loop. */
#ifndef CORE_HTTP_CORS_H
#define CORE_HTTP_CORS_H

#include "core/http/exchange.h"

/* Sets x->origin: what Access-Control-Allow-Origin says, NULL: nothing. */
void cors_find(exchange *x);
/* The same for an Origin that was read elsewhere; it must live until the answer is sent. */
void cors_take(exchange *x, const char *origin);
/* Answers an OPTIONS, whatever its path: 204. `allow`: what the path takes. */
void cors_options(exchange *x, const char *allow);

#endif
