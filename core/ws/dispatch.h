/* A message becomes an event: checked, run on the loop or on its lane in order, answered with ACK or ERROR. */
#ifndef CORE_WS_DISPATCH_H
#define CORE_WS_DISPATCH_H

#include "core/ws/deliver.h"

/* One frame of a client as a piece of work. On the loop: the loop's spare one, whose spans point into the input. */
struct ws_event {
    sw_request req;
    pipeline_item item;
    ws_socket *socket;          /* referred to while in flight */
    uint16_t type;
    sw_lane lane;
    sw_handler handler;
    sw_step step;               /* the handler's, while step_after_sends() stands for it */
    effect pass;
    envelope env;
    delivery_list sends;        /* of sw_send() off the loop, until it is their turn */
    sw_frame *frames;           /* made by sw_frame_new(); a reference each */
    const sw_value *object;     /* sw_frame_payload_object() */
    bool object_read, on_loop, left_lane, passing;
    sw_status result;
    const char *error_code, *error_text; /* found wrong before any handler; literals */
    char bytes[];               /* the frame */
};

/* A whole text message. `text` lives during the call. */
void dispatch_text(ws_socket *s, const char *text, size_t len);
/* Gives waiting events to a worker when it is their turn. */
void dispatch_pump(ws_socket *s);
/* Frees the events that still wait (the loops have stopped). */
void dispatch_drop(ws_socket *s);
/* The event behind a request, NULL: it is none. */
ws_event *event_of(const sw_request *req);
/* For the end of an event: its frames, memory and sends. Not the struct. */
void event_clear(ws_event *ev);

#endif
