/* A message becomes an event: checked, run on the loop or on its lane in order, answered with ACK or ERROR. */
#ifndef CORE_WS_DISPATCH_H
#define CORE_WS_DISPATCH_H

#include "core/ws/event.h"

/* A whole text message. `text` lives during the call. */
void dispatch_text(ws_socket *s, const char *text, size_t len);
/* Gives waiting events to a worker when it is their turn. */
void dispatch_pump(ws_socket *s);
/* Frees the events that still wait (the loops have stopped). */
void dispatch_drop(ws_socket *s);
#endif
