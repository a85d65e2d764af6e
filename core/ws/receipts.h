/* Receipts: frames with SW_FRAME_RECEIPT, whose module is told when their bytes have left. On the socket's loop. */
#ifndef CORE_WS_RECEIPTS_H
#define CORE_WS_RECEIPTS_H

#include "core/ws/ws_internal.h"

/* The frame that was queued last wants one. */
void receipts_note(ws_socket *s, int64_t tag);
/* Tells the module of the frames whose bytes are among the first `gone` ever queued. What cannot be told now is tried
 * again a little later. */
void receipts_give(ws_socket *s, uint64_t gone);
/* The frames that wait will not be delivered. */
void receipts_forget(ws_socket *s);

#endif
