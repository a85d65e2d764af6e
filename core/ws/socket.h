/* One WebSocket on its loop: references, its place in the loop's maps, what stops its reading, what falls due, its end.
 * All of it on the socket's loop. What is done for a socket is in the files above: output, recovery, ws_event, input,
 * ws_connection. */
#ifndef CORE_WS_SOCKET_H
#define CORE_WS_SOCKET_H

#include "core/ws/ws_internal.h"

/* An open socket with one reference, which socket_end() and the chore after it give back. NULL when there is no memory.
 */
ws_socket *socket_new(hub_loop *hl);
void socket_ref(ws_socket *s);
void socket_unref(ws_socket *s);
/* The connection is over: taken apart before the loop sleeps. */
void socket_end(ws_socket *s);

/* The socket joins the maps and presence. Returns false when there is no memory. */
bool socket_register(ws_socket *s);
/* It leaves them. A second time does nothing. */
void socket_unregister(ws_socket *s);
/* Calls `each` for every registered socket of that user on this loop; it may unregister the one it is called for. */
void socket_each_of_user(hub_loop *hl, int64_t user_id, void (*each)(ws_socket *s, void *arg), void *arg);

/* Stops and starts reading, for one reason of several. */
void socket_pause(ws_socket *s, uint8_t reason);
void socket_resume(ws_socket *s, uint8_t reason);
/* Puts it on the loop's list of things to do before it sleeps. */
void socket_chores(ws_socket *s, uint8_t what);

/* Sets its timer to the next thing that will be due. */
void socket_schedule(ws_socket *s);
/* Its waiting events, receipts and recovery are tried again then; its events also when it has ended. */
void socket_retry(ws_socket *s, int64_t after_ms);
/* Something in the wheel is due then: makes sure that the loop's timer fires. */
void socket_arm_timer(hub_loop *hl, int64_t due_ms);

#endif
