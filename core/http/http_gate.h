/* Between the socket and evhttp: evhttp gets a request only when it is whole and clean. On the loop. */
#ifndef CORE_HTTP_HTTP_GATE_H
#define CORE_HTTP_HTTP_GATE_H

#include "core/http/http_internal.h"

/* http_server.read: takes what is in the input, and all requests of it that are answered at once. */
void gate_read(conn *c);
/* Answers a request that is still being read (CONN_IDLE, CONN_HEAD, CONN_BODY) with a failure, and ends the connection.
 * `text` NULL: the status's own. */
void refuse_read(conn *c, int http_status, const char *code, const char *text);

/* sweep.c: the callback of the timer that conn_timer() sets. */
void sweep_fired(evutil_socket_t fd, short what, void *http_loop_);

#endif
