/* What the server says about a client's frame: ACK and ERROR. On the socket's loop. */
#ifndef CORE_WS_ANSWER_H
#define CORE_WS_ANSWER_H

#include "core/ws/dispatch.h"

/* After an event has finished. SW_UNAUTHENTICATED closes the socket with 4003. */
void answer_event(ws_socket *s, const ws_event *ev, sw_status status);
/* An ERROR; too many of the kind that only a broken client makes close the socket with 1008. */
void answer_error(ws_socket *s, const envelope *e, const char *code, const char *text);
/* {"type":"SHUTDOWN",…}: a new reference. */
sw_frame *answer_shutdown(struct hub *h, int64_t restart_expected_ms);

#endif
