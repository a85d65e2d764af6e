/* An event: one frame of a client as a piece of work, from the loop over a worker and the writer back to its loop. */
#ifndef CORE_WS_EVENT_H
#define CORE_WS_EVENT_H

#include "core/ws/deliver.h"

/* On the loop: the loop's spare one, whose spans point into the input. */
struct ws_event {
    sw_request req;
    pipeline_item item;
    ws_socket *socket; /* referred to while in flight */
    uint16_t type;
    sw_lane lane;
    sw_handler handler;
    sw_step step; /* the handler's, while step_after_sends() stands for it */
    effect pass;
    envelope env;
    delivery_list sends;    /* of sw_send() off the loop, until it is their turn */
    sw_frame *frames;       /* made by sw_frame_new(); a reference each */
    const sw_value *object; /* sw_frame_payload_object() */
    bool object_read, on_loop, left_lane, passing;
    sw_status result;
    const char *error_code, *error_text; /* found wrong before any handler; literals */
    char bytes[];                        /* the frame */
};

/* Fills in what a handler may ask for; the envelope is there already. */
void event_prepare(ws_event *ev, ws_socket *s, uint16_t type);
/* An event with a copy of the frame; NULL: no memory. */
ws_event *event_copy(ws_socket *s, uint16_t type, const envelope *e, const char *text, size_t len);
/* On a worker: runs it. true: it went to another lane, and nothing of its socket may run before it is back. The event
 * may be gone. */
bool event_run(ws_event *ev, worker *w);
/* The event behind a request, NULL: it is none. */
ws_event *event_of(const sw_request *req);
ws_event *event_of_item(pipeline_item *item);
/* At its end: its frames, memory and sends. Not the struct. */
void event_clear(ws_event *ev);
void event_drop(ws_event *ev);

#endif
