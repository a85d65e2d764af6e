/* WebSocket: what a plugin declares to take part, and how it sends.
 *
 * An incoming frame is a sw_request (request.h): same lanes, same steps, submitted in order per socket.
 * A failing status becomes an ERROR frame with the sw_fail() code and text. Envelope: README of chat.
 * Clients connect to /api/ws with their token as ?token=, in Authorization, or as the subprotocols "bearer", "<token>".
 */
#ifndef STEWARD_WS_H
#define STEWARD_WS_H

#include <steward/json.h>
#include <steward/tx.h>

SW_BEGIN_DECLS

/* A frame type that this plugin takes. A sender whose role is not in `roles` gets not_allowed. With `roles` 0 it is a
 * type that only this plugin makes: it is counted by its name, a client that sends it gets unknown_type (before 1.2:
 * not_allowed), and `handle` is never called.
 * SW_LANE_LOOP: called on the event loop when nothing of that socket is in flight; it may return
 * sw_move(req, SW_LANE_WORKER, …) when it cannot decide from memory. */
typedef struct {
    const char *type; /* "CHAT" */
    uint32_t roles;   /* SW_ROLE_BIT(…) ored */
    sw_lane lane;
    sw_handler handle;
    const char *summary;
} sw_frame_handler;

/* Members of the incoming envelope; the spans point into the frame and live as long as the request. */
SW_EXPORT sw_str sw_frame_type(const sw_request *req);
SW_EXPORT sw_str sw_frame_local_id(const sw_request *req);  /* decoded; at NULL when absent            */
SW_EXPORT sw_str sw_frame_stream_id(const sw_request *req); /* JSON text with quotes; NULL when absent */
SW_EXPORT int64_t sw_frame_target(const sw_request *req);   /* 0: absent                               */
SW_EXPORT int64_t sw_frame_conversation(const sw_request *req);
SW_EXPORT sw_str sw_frame_payload(const sw_request *req); /* raw JSON text; at NULL when absent      */
/* The payload parsed; a payload that is a JSON string holding an object is opened. NULL: neither object
 * nor such a string. */
SW_EXPORT const sw_value *sw_frame_payload_object(sw_request *req);

/* ---- sending ---- */

/* A frame being built: sw_frame_json() gives the writer, positioned inside the envelope object; write
 * "type" first, then the members in the order of the contract. Frames are immutable and shared once
 * sent; the memory is the host's. */
typedef struct sw_frame sw_frame;
SW_EXPORT sw_frame *sw_frame_new(sw_request *req); /* check step or loop   */
SW_EXPORT sw_frame *sw_frame_new_tx(sw_tx *tx);    /* write step           */
SW_EXPORT sw_json *sw_frame_json(sw_frame *frame);

enum {
    SW_FRAME_DROPPABLE = 1, /* a stream piece: may be dropped for a slow consumer                       */
    SW_FRAME_RECEIPT = 2    /* calls the plugin's `receipt` with the frame's tag when its bytes have left
                               a socket of a client that did not ask for hello                          */
};
/* `id`: the chat row's id for stored frames (0: unstored): recovery reads those again from the store. */
SW_EXPORT void sw_frame_mark(sw_frame *frame, int64_t id, uint32_t flags, int64_t tag);

/* Who gets it: the union of the user ids and the roles, each socket once; never `except_user`. Copied. Without its size
 * it is nobody, and an error is logged. */
typedef struct {
    uint32_t size; /* sizeof(sw_audience) */
    const int64_t *users;
    uint32_t user_count;
    uint32_t roles;      /* every connected user of these roles */
    int64_t except_user; /* 0: nobody */
} sw_audience;

/* In a write step: after the commit. */
SW_EXPORT void sw_tx_send(sw_tx *tx, sw_frame *frame, const sw_audience *to);
/* To the one socket whose frame this is (duplicates' echo); nothing for other requests. */
SW_EXPORT void sw_tx_send_origin(sw_tx *tx, sw_frame *frame);
/* At once, for frames that are not stored (check step or loop). Order per socket is kept. */
SW_EXPORT void sw_send(sw_request *req, sw_frame *frame, const sw_audience *to);
/* Since 1.1. At once, to the one socket whose frame this request is, out of a handler that only reads: where it stands
 * among the socket's other frames, and its receipt, are as with sw_send(). SW_OK, too, when that socket has closed
 * meanwhile. SW_NOT_FOUND: the request is no frame (HTTP, a task), so there is no socket. SW_NO_MEMORY: none left, or
 * the frame is too large. */
SW_EXPORT SW_MUST_USE sw_status sw_send_origin(sw_request *req, sw_frame *frame);

/* Is a socket of that user open now? Any thread. */
SW_EXPORT bool sw_user_online(const sw_host *host, int64_t user_id);

/* ---- recovery: one plugin owns the stored frames ---- */

/* Where replayed frames go. sw_replay_frame() begins one (write type and members as above);
 * sw_replay_full() says that the page is large enough: stop, the host asks again. */
typedef struct sw_replay_out sw_replay_out;
SW_EXPORT sw_json *sw_replay_frame(sw_replay_out *out, int64_t id, uint32_t flags, int64_t tag);
SW_EXPORT bool sw_replay_full(const sw_replay_out *out);

typedef struct {
    uint32_t size; /* sizeof(sw_recovery)                   */
    /* The highest chat id ever given. */
    sw_status (*last_id)(sw_request *req, int64_t *ret_id);
    /* Are all rows after `after` still there? (not pruned) */
    sw_status (*complete_since)(sw_request *req, int64_t after, bool *ret_complete);
    /* Rows for the principal with id > after, in id order, until the end or until full.
     * *ret_more: rows are left. */
    sw_status (*page)(sw_request *req, int64_t after, sw_replay_out *out, bool *ret_more);
    /* What a newly connected socket must be told after HELLO and recovery. `hello`: it asked for HELLO;
     * `since` < 0: no recovery; `cursor` 0 at first, then what *ret_cursor said; *ret_more as above.
     * A frame of the greeting with an id stands for the live frame with that id: one that arrived meanwhile (and
     * waits for the greeting to end) is not sent a second time. */
    sw_status (*greet)(sw_request *req, bool hello, int64_t since, int64_t cursor, sw_replay_out *out,
                       int64_t *ret_cursor, bool *ret_more);
    uint32_t greet_roles;       /* roles greeted on every connect        */
    uint32_t greet_hello_roles; /* roles greeted when they ask for hello */
    /* Bytes of a frame with SW_FRAME_RECEIPT left a send queue; sw_request_tag() is its tag. Worker. */
    sw_handler receipt;
} sw_recovery;

SW_END_DECLS
#endif
