/* From evhttp's request to the handler: the guard, in its order. */
#ifndef CORE_HTTP_HTTP_DISPATCH_H
#define CORE_HTTP_HTTP_DISPATCH_H

#include "core/http/http_internal.h"

/* evhttp's callback for every request; `http_loop_` is the loop's. */
void dispatch(struct evhttp_request *ev, void *http_loop_);

#endif
