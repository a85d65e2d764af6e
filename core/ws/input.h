/* What comes from a socket: bytes to frames to ws_event.h, within the rate. */
#ifndef CORE_WS_INPUT_H
#define CORE_WS_INPUT_H

#include "core/ws/ws_internal.h"

/* Goes through what the bufferevent has read, until it is done or the socket is paused. */
void input_run(ws_socket *s);

#endif
