/* The send queue of a socket: the bufferevent's output, written straight to the kernel once a turn of the loop, so that
 * many frames leave in one call. What the kernel does not take waits for the peer, bounded by ws.queue. */
#ifndef CORE_WS_OUTPUT_H
#define CORE_WS_OUTPUT_H

#include "core/ws/ws_internal.h"

/* Queues a sealed frame. A droppable one is left out when the queue is seven eighths full; over ws.queue the socket is
 * closed with 4008. */
void output_frame(ws_socket *s, sw_frame *f);
/* Queues a whole control frame. */
void output_control(ws_socket *s, const void *bytes, size_t len);
/* Queues and writes the close frame, whatever the queue holds. */
void output_last(ws_socket *s, const void *bytes, size_t len);
/* Writes what it can now. */
void output_flush(ws_socket *s);
/* The bufferevent has written. */
void output_went(ws_socket *s);
/* A receipt that could not be given: later once more. */
void output_receipt_again(ws_socket *s, int64_t tag);
/* Gives the receipts that are due. */
void output_receipts(ws_socket *s);
/* Bytes waiting. */
size_t output_length(const ws_socket *s);
void output_done(ws_socket *s);

#endif
