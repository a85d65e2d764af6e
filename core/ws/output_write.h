/* Between output.c, which queues, and output_write.c, which writes. */
#ifndef CORE_WS_OUTPUT_WRITE_H
#define CORE_WS_OUTPUT_WRITE_H

#include "core/ws/ws_internal.h"

/* Writes until the queue is empty, or waits for the peer, and gives the receipts that are due. A broken connection ends
 * the socket. */
void output_write_queue(ws_socket *s);
/* Keeps the sum of what waits for slow peers: after every change of a blocked socket's queue. */
void output_count_waiting(ws_socket *s);

#endif
