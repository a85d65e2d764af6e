/* What leaves a socket: the send queue, which is the bufferevent's output, written straight to the kernel once a turn
 * of the loop, so that many frames leave in one call. What the kernel does not take waits for the peer, bounded by
 * ws.queue. The close frame is the last of it. On the socket's loop. */
#ifndef CORE_WS_OUTPUT_H
#define CORE_WS_OUTPUT_H

#include "core/ws/ws_internal.h"

/* Queues a sealed frame. A droppable one is left out when the queue is seven eighths full; over ws.queue the socket is
 * closed with 4008. */
void output_frame(ws_socket *s, sw_frame *f);
/* Queues a whole control frame. */
void output_control(ws_socket *s, const void *bytes, size_t len);
/* Writes what it can now. */
void output_flush(ws_socket *s);
/* The bufferevent has written. */
void output_went(ws_socket *s);
/* Gives the receipts that are due. */
void output_receipts(ws_socket *s);
/* Bytes waiting. */
size_t output_length(const ws_socket *s);

/* Sends a close frame; nothing else leaves after it. Only the peer's close is awaited, at most five seconds. */
void output_close(ws_socket *s, uint16_t code, const char *reason);
/* The same after a broken rule: what comes is thrown away, our side of the connection is shut. */
void output_fail(ws_socket *s, uint16_t code, const char *reason);
/* The peer's close has come: answers it with its code and ends. */
void output_peer_close(ws_socket *s, uint16_t code);
/* Frees what it keeps of a socket that has ended. */
void output_done(ws_socket *s);

#endif
