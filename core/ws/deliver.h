/* Delivery: from any thread to every socket of an audience, on whichever loop it is. */
#ifndef CORE_WS_DELIVER_H
#define CORE_WS_DELIVER_H

#include "core/ws/ws_internal.h"

/* One frame on its way to an audience. */
typedef struct delivery delivery;

/* Seals the frame, copies the audience. `origin`: that socket alone (the caller keeps it alive), `to` is not looked at.
 * NULL: no memory, or a frame that failed. */
delivery *delivery_new(struct hub *h, sw_frame *f, const sw_audience *to, ws_socket *origin);
/* Any thread: posts to each loop that may hold a receiver. Owns `d`. */
void delivery_post(delivery *d);
void delivery_free(delivery *d);
/* From a loop: its own sockets at once, the others by post. */
void deliver_from_loop(hub_loop *hl, sw_frame *f, const sw_audience *to);
/* To one socket of this loop, as its phase (recovery, live) asks. */
void deliver_to(ws_socket *s, sw_frame *f);
/* The same as an answer to what it sent: past its phase. */
void deliver_to_origin(ws_socket *s, sw_frame *f);

/* Deliveries in order, until they are posted. */
typedef struct {
    delivery *first, **last;
} delivery_list;
void delivery_list_add(delivery_list *l, delivery *d);
void delivery_list_post(delivery_list *l);
void delivery_list_drop(delivery_list *l);

/* The socket joins the maps and presence; false: no memory. */
bool deliver_register(ws_socket *s);
/* And leaves them; again: nothing. */
void deliver_unregister(ws_socket *s);
/* Calls `each` for every registered socket of that user on this loop; it may unregister the one it is called for. */
void deliver_each(hub_loop *hl, int64_t user_id, void (*each)(ws_socket *s, void *arg), void *arg);

#endif
