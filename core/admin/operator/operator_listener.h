/* DATA/control: the socket by which commands of an operator reach the server that runs. One line of JSON asks, one
 * answers: {"do":"user passwd","name":…,"password":…} and {"ok":true} or {"ok":false,"error":…}. */
#ifndef CORE_ADMIN_OPERATOR_LISTENER_H
#define CORE_ADMIN_OPERATOR_LISTENER_H

#include "core/plugin/registry.h"
#include <sys/un.h>

typedef struct operator_listener operator_listener;

/* Whatever stood there is replaced: the data folder's lock is held. On loop 0; before loops_start(), after
 * registry_start(). NULL: `error`. */
operator_listener *operator_listener_open(runtime *rt, char *error, size_t error_size);
/* After loops_stop(), before loops_close(); the lock is still held. NULL is fine. */
void operator_listener_close(operator_listener *l);

/* client.c: asks the server of that data folder to change a password, and waits for its answer. Blocks up to a minute.
 * SW_NOT_FOUND: none listens there; else what came of it, with a text for a person when that is not SW_OK. */
sw_status operator_ask_password(const char *data_dir, const char *name, const char *password, char *text, size_t size);

/* socket.c, for both: a socket and the address of DATA/control, however long that path is. The descriptor, -1: errno.
 * `ret_folder` is to be closed after bind() or connect(). */
int operator_socket(const char *data_dir, struct sockaddr_un *ret, int *ret_folder);

#endif
