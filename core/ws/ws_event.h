/* An event: one message of a client as a piece of work, from its loop over a worker and the writer back to its loop. */
#ifndef CORE_WS_WS_EVENT_H
#define CORE_WS_WS_EVENT_H

#include "core/runtime/writer.h"
#include "core/ws/deliver.h"

/* Of two kinds. For a handler that runs on the loop it is the loop's spare one, and its spans point into the input. All
 * others are allocated with a copy of the frame; the thread that works on the event owns it. */
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

/* The event behind a request; NULL when the request is not a frame. */
static inline ws_event *ws_event_of(const sw_request *req)
{
    return req && req->kind == REQUEST_FRAME ? (ws_event *)(uintptr_t)req : NULL;
}

/* All of these on the socket's loop. */

/* A whole text message has come. `text` lives during the call; half characters in it may be replaced. */
void ws_event_take(ws_socket *s, char *text, size_t len);
/* Gives waiting events to a worker when it is their turn. */
void ws_event_pump(ws_socket *s);
/* Frees the events that still wait (the loops have stopped). */
void ws_event_drop_waiting(ws_socket *s);

#endif
