/* Where the frames of a send queue begin and end: kept only while a queue waits for its peer. So a slow socket's queue
 * can be cut at a frame's end, and its close frame still follows. */
#ifndef CORE_WS_BACKLOG_H
#define CORE_WS_BACKLOG_H

#include "core/ws/ws_internal.h"

struct evbuffer;

/* From a queue that begins with the start of a frame. NULL: no memory, or these are not whole frames. */
backlog *backlog_of(struct evbuffer *queue);
/* A frame was queued. false: no memory. */
bool backlog_add(backlog *b, size_t len);
/* That many bytes have left. */
void backlog_take(backlog *b, size_t len);
/* Bytes of the frame that has been sent in part; 0: none has. */
size_t backlog_open(const backlog *b);
void backlog_free(backlog *b);

#endif
