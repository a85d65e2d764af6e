/* Delivery: from any thread to every socket of an audience, on whichever loop it is. */
#ifndef CORE_WS_DELIVER_H
#define CORE_WS_DELIVER_H

#include "core/ws/ws_internal.h"

/* One frame on its way to an audience. */
typedef struct delivery delivery;

/* Seals the frame, copies the audience. With `origin` it goes to that socket alone, which the caller keeps alive, and
 * `to` is not looked at. Returns NULL when there is no memory, or the frame has failed. */
delivery *delivery_new(struct hub *h, sw_frame *f, const sw_audience *to, ws_socket *origin);
/* Any thread: posts to each loop that may hold a receiver. Owns `d`. */
void delivery_post(delivery *d);
void delivery_free(delivery *d);
/* From a loop: its own sockets at once, the others by post. */
void deliver_from_loop(hub_loop *hl, sw_frame *f, const sw_audience *to);
/* To one socket of this loop as an answer to what it sent, whatever its phase of recovery. */
void deliver_to_origin(ws_socket *s, sw_frame *f);

/* Deliveries in order, until they are posted. */
typedef struct {
    delivery *first, **last;
} delivery_list;
void delivery_list_add(delivery_list *l, delivery *d);
void delivery_list_post(delivery_list *l);
void delivery_list_drop(delivery_list *l);

#endif
