/* WebSocket: what a plugin declares to take part, and how it sends.
 *
 * An incoming frame is an sw_request (request.h), with the same lanes and steps. The frames of one socket are handled
 * in order. A status that is not SW_OK becomes an ERROR frame with the code and text of sw_fail(). The envelope is
 * described in the README of chat. Clients connect to /api/ws with their token in ?token=, in Authorization, or as the
 * subprotocols "bearer", "<token>".
 */
#ifndef STEWARD_WS_H
#define STEWARD_WS_H

#include <steward/json.h>
#include <steward/tx.h>

SW_BEGIN_DECLS

/* A type of frame that this plugin handles. A sender whose role is not in `roles` gets not_allowed. With `roles` 0 it
 * is a type that only this plugin makes: it is counted by its name, a client that sends it gets unknown_type
 * (before 1.2: not_allowed), and `handle` is never called. Since 1.2 the type "*" stands for every type of the form
 * [A-Z][A-Z0-9_]* that neither the server nor a plugin has, be it disabled or quarantined; sw_frame_type() tells which
 * came, and a sender whose role is not in `roles` gets unknown_type. Before 1.2 nobody could send a "*". With
 * SW_LANE_LOOP the handler is called on the event loop,
 * when no other frame of that socket is being handled. It may return sw_move(req, SW_LANE_WORKER, …) when it cannot
 * decide from memory. */
typedef struct {
    const char *type; /* "CHAT" */
    uint32_t roles;   /* SW_ROLE_BIT(…) ored */
    sw_lane lane;
    sw_handler handle;
    const char *summary;
    uint32_t flags; /* since 1.2: SW_WORK_* */
    /* Since 1.2. Frames of this type with SW_FRAME_DROPPABLE that a slow client was not sent are counted, and this
     * writes the members of a frame that tells it how many, when it can be sent frames again. On the event loop, so it
     * must be quick. With NULL nobody is told. */
    void (*left_out)(sw_json *frame, uint64_t count);
} sw_frame_handler;

/* The members of the incoming envelope. The texts point into the frame and live as long as the request. */
SW_EXPORT sw_str sw_frame_type(const sw_request *req);
SW_EXPORT sw_str sw_frame_local_id(const sw_request *req);  /* decoded; `at` is NULL when absent */
SW_EXPORT sw_str sw_frame_stream_id(const sw_request *req); /* JSON text with its quotes; `at` is NULL when absent */
SW_EXPORT int64_t sw_frame_target(const sw_request *req);   /* 0 when absent */
SW_EXPORT int64_t sw_frame_conversation(const sw_request *req);
SW_EXPORT sw_str sw_frame_payload(const sw_request *req); /* raw JSON text; `at` is NULL when absent */
/* The parsed payload. It must be an object, or a JSON string that holds an object; otherwise this is NULL. */
SW_EXPORT const sw_value *sw_frame_payload_object(sw_request *req);

/* ---- sending ---- */

/* A frame that is being built. sw_frame_json() gives its JSON writer, which is inside the object of the envelope: write
 * "type" first, then the other members in the order of the contract. Once it is sent, a frame is shared and must not
 * change. The memory belongs to the host. */
typedef struct sw_frame sw_frame;
SW_EXPORT sw_frame *sw_frame_new(sw_request *req); /* check step or loop   */
SW_EXPORT sw_frame *sw_frame_new_tx(sw_tx *tx);    /* write step           */
SW_EXPORT sw_json *sw_frame_json(sw_frame *frame);

enum {
    SW_FRAME_DROPPABLE = 1, /* may be left out for a slow client: a piece of a stream, a log line */
    SW_FRAME_RECEIPT = 2    /* calls `receipt` of the plugin with the tag of the frame, when its bytes have left a
                               socket whose client did not ask for hello */
};
/* `id` is the id of the chat row when the frame is stored, so that recovery can read it again from the store; else 0.
 */
SW_EXPORT void sw_frame_mark(sw_frame *frame, int64_t id, uint32_t flags, int64_t tag);

/* Who gets a frame: all sockets of these users and of these roles, each socket once, but never those of `except_user`.
 * The host copies it. When `size` is not set, nobody gets the frame, and an error is logged. */
typedef struct {
    uint32_t size; /* sizeof(sw_audience) */
    const int64_t *users;
    uint32_t user_count;
    uint32_t roles;      /* SW_ROLE_BITs: every connected user of these roles */
    int64_t except_user; /* 0 for nobody */
} sw_audience;

/* Sends a frame from a write step. It leaves after the commit. */
SW_EXPORT void sw_tx_send(sw_tx *tx, sw_frame *frame, const sw_audience *to);
/* The same, but only to the socket whose frame this request is: for the echo of a duplicate. Does nothing when the
 * request is not a frame. */
SW_EXPORT void sw_tx_send_origin(sw_tx *tx, sw_frame *frame);
/* Sends at once a frame that is not stored. Call it in a check step or on the loop. The order of each socket is kept.
 */
SW_EXPORT void sw_send(sw_request *req, sw_frame *frame, const sw_audience *to);
/* Since 1.1. Sends at once, from a handler that only reads, but only to the socket whose frame this request is. The
 * order among the other frames of the socket, and the receipt, are as with sw_send(). It is SW_OK even when that socket
 * has closed meanwhile. SW_NOT_FOUND: the request is not a frame but HTTP or a task, so that there is no socket.
 * SW_NO_MEMORY: there is no memory, or the frame is too large. */
SW_EXPORT SW_MUST_USE sw_status sw_send_origin(sw_request *req, sw_frame *frame);

/* Tells whether a socket of that user is open now. Any thread. */
SW_EXPORT bool sw_user_online(const sw_host *host, int64_t user_id);

/* ---- recovery: for the one plugin that owns the stored frames ---- */

/* Where replayed frames go. sw_replay_frame() begins one; write its type and members as above. sw_replay_full() says
 * that the page is large enough: stop then, and the host will ask again. */
typedef struct sw_replay_out sw_replay_out;
SW_EXPORT sw_json *sw_replay_frame(sw_replay_out *out, int64_t id, uint32_t flags, int64_t tag);
SW_EXPORT bool sw_replay_full(const sw_replay_out *out);

typedef struct {
    uint32_t size; /* sizeof(sw_recovery)                   */
    /* Finds the highest chat id that was ever given. */
    sw_status (*last_id)(sw_request *req, int64_t *ret_id);
    /* Tells whether all rows with ids above `after` are still there, and none of them was pruned. */
    sw_status (*complete_since)(sw_request *req, int64_t after, bool *ret_complete);
    /* Writes the principal's rows with ids above `after`, in the order of ids, until there are no more or the page is
     * full. *ret_more says whether rows are left. */
    sw_status (*page)(sw_request *req, int64_t after, sw_replay_out *out, bool *ret_more);
    /* Writes what a newly connected socket must be told after HELLO and recovery. `hello` says that it asked for HELLO.
     * `since` is below 0 when it asked for no recovery. `cursor` is 0 at first, and then what *ret_cursor was.
     * *ret_more is as above. A live frame that arrives meanwhile waits for the end of the greeting. When the greeting
     * has a frame with the same id, the live one is not sent. */
    sw_status (*greet)(sw_request *req, bool hello, int64_t since, int64_t cursor, sw_replay_out *out,
                       int64_t *ret_cursor, bool *ret_more);
    uint32_t greet_roles;       /* these roles are greeted whenever they connect */
    uint32_t greet_hello_roles; /* these are greeted when they ask for hello */
    /* The bytes of a frame with SW_FRAME_RECEIPT have left a send queue. sw_request_tag() is its tag. It runs on a
     * worker. */
    sw_handler receipt;
} sw_recovery;

SW_END_DECLS
#endif
