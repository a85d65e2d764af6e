/* Between the socket and evhttp: evhttp gets a request only when it is whole and clean. */
#ifndef CORE_HTTP_HTTP_GATE_H
#define CORE_HTTP_HTTP_GATE_H

#include "core/http/http_internal.h"

/* The read callback of every connection that waits for a request. */
void gate_readable(struct bufferevent *bev, void *unused);
/* Goes on with what is in the input already: after a reply, for pipelined requests. */
void gate_run(conn *c);

#endif
