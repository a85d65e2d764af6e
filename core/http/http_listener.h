/* Listening sockets: one a loop on the same port (SO_REUSEPORT), or one shared that systemd has passed on. */
#ifndef CORE_HTTP_HTTP_LISTENER_H
#define CORE_HTTP_HTTP_LISTENER_H

#include "core/http/http_internal.h"

/* Opens all loops' listeners. A bind without SO_REUSEPORT first proves that nobody else has the port. Before the loops
 * run. false: `error` says why. */
bool listener_open(http_server *h, int *ret_port, char *error, size_t error_size);
/* For good. On the loop. */
void listener_close(http_loop *l);

#endif
