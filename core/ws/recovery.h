/* HELLO, recovery and greeting of one socket: reads pages on workers, sends them as its queue drains. What is sent when
 * is decided in replay.c. On the socket's loop. */
#ifndef CORE_WS_RECOVERY_H
#define CORE_WS_RECOVERY_H

#include "core/ws/ws_internal.h"

typedef struct recovery recovery;

/* The socket has been registered. `since` is -1 when no recovery was asked for. Plain sockets are live at once. */
void recovery_begin(ws_socket *s, int64_t since);
/* A frame for the audience of a socket that is not live yet. */
void recovery_frame(ws_socket *s, sw_frame *f);
/* Asks for the next page when there is room for it. */
void recovery_run(ws_socket *s);
void recovery_done(ws_socket *s);

#endif
