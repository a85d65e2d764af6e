/* Listening sockets: one a loop on the same port (SO_REUSEPORT), or one shared that systemd has passed on. */
#ifndef CORE_HTTP_HTTP_LISTENER_H
#define CORE_HTTP_HTTP_LISTENER_H

#include "core/http/http_internal.h"

/* Opens all loops' listeners. A bind without SO_REUSEPORT first proves that nobody else has the port. Before the loops
 * run. false: `error` says why. */
bool listener_open(http_server *h, int *ret_port, char *error, size_t error_size);
/* Has an entrance accept from a bound socket, which is taken over. Before the loops run. false: `error`. */
bool listener_add(entrance *by, int fd, char *error, size_t error_size);
/* The TCP port accepts no more, for good. On the loop. */
void listener_close(http_loop *l);

#endif
