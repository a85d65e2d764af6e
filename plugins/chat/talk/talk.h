/* talk/: CHAT and stream pieces from their frame to the sockets, the stored rows of all frames, and the pages of the
 * HTTP API and of a recovery that are made of them. */
#ifndef CHAT_TALK_H
#define CHAT_TALK_H

#include "threads/threads.h"

enum {
    CHAT_LOCAL_ID_MAX = 128,
    CHAT_REPEAT_MS = 24 * 3600 * 1000, /* how long a local_id is remembered */
    CHAT_HISTORY_DEFAULT = 100,
    CHAT_THREAD_DEFAULT = 200,
    CHAT_PAGE_MAX = 500
};

#define TYPE_CHAT     "CHAT"
#define TYPE_REQUEST  "AUTH_REQUEST"
#define TYPE_RESPONSE "AUTH_RESPONSE"

/* A stored frame. */
typedef struct {
    int64_t id, conversation_id, sender_id, receiver_id, approval_id, at_ms;
    const char *type, *sender_name, *sender_role;
    sw_str local_id, payload, source, stream_id; /* `at` is NULL when there is none */
    const struct approval *approval;             /* of AUTH_REQUEST and AUTH_RESPONSE */
    int64_t asked_conversation;
    const uint8_t *digest; /* 32 bytes, NULL without a local_id */
    bool recovered;        /* to be stored: the receiver's recovery has it */
} chat_row;

/* ---- what every frame has (post.c) ---- */

typedef struct {
    envelope envelope;
    const char *sender_name;
    sw_str local_id, payload, stream_id, source;
    sw_str text;       /* of a string payload that begins as Butler's internal questions do, else `at` is NULL */
    int64_t opened_ms; /* of the socket that sent it, 0 when it is not a frame */
    bool by_frame;     /* ACK and the echo of a repeat go to its socket */
    fault fault;       /* set when refused */
    int64_t id, at_ms; /* what came of it */
} posting;

/* Fills what every frame has; a fault of the envelope is answered. */
sw_status posting_of_frame(sw_request *req, posting *ret);
sw_status payload_missing(sw_request *req);
/* The same for what another plugin posts in its write step. */
sw_status posting_of_service(const chat *c, sw_tx *tx, const sw_chat_post *what, posting *ret);

/* ---- the rule of repeats (repeat.c) ---- */

extern const sw_table REPEAT_STATEMENTS;
/* *ret_first_id: 0 when it is new. With a fault in p->fault: SW_OK too. */
sw_status repeat_find(sw_tx *tx, posting *p, const char *type, uint8_t ret_digest[32], int64_t *ret_first_id);
/* ACK and echo with the first id and timestamp. */
sw_status repeat_answer(sw_tx *tx, posting *p, int64_t first_id);

/* ---- to whom frames go in a write step (post.c); the frame is written ---- */

/* To one or two users; 0 is nobody. */
sw_status deliver_users(sw_tx *tx, sw_frame *frame, int64_t first, int64_t second);
/* To every human. */
void deliver_humans(sw_tx *tx, sw_frame *frame);
/* The ids of all ADMINs. */
sw_status deliver_admins(const chat *c, sw_tx *tx, const int64_t **ret, size_t *ret_count);

/* ---- stored rows (store_rows.c): reading works on any connection, writing in a write step ---- */

extern const sw_table ROW_STATEMENTS;
sw_status row_add(sw_tx *tx, chat_row *row); /* sets id and at_ms */
/* A copy in the memory of the piece of work; the payload too. SW_NOT_FOUND. */
sw_status row_get(sw_db *db, int64_t id, chat_row *ret);
/* The highest id ever given, pruned rows included. */
sw_status chat_last_id(sw_db *db, int64_t *ret);
/* Housekeeping: removes the oldest rows. */
sw_status retention_prune(sw_tx *tx, bool *ret_more);
/* The highest id that was removed, 0 when none was. */
sw_status retention_pruned_to(sw_db *db, int64_t *ret);
/* Are all rows after that id there: none was pruned, and the id is not one that was lost in a restore? */
sw_status chat_complete_since(sw_db *db, int64_t after, bool *ret);

/* Frames: the same text live and replayed. */
void frame_write_chat(sw_json *out, const chat_row *row);
void frame_write_row(sw_json *out, const chat_row *row, int64_t steady_ms);
void frame_write_sender(sw_json *out, int64_t id, const char *name, const char *role);

/* ---- for plugin.c ---- */

/* post.c, stream.c */
sw_status on_chat(sw_request *req);
sw_status on_stream(sw_request *req);
sw_status on_other_type(sw_request *req);
extern const sw_chat_service CHAT_SERVICE;
/* history.c */
extern const sw_table ID_STATEMENTS;
sw_status get_history(sw_request *req);
sw_status get_butler_agent(sw_request *req);
sw_status get_updates(sw_request *req);
sw_status get_thread_messages(sw_request *req);
sw_status recovery_last_id(sw_request *req, int64_t *ret_id);
sw_status recovery_complete_since(sw_request *req, int64_t after, bool *ret_complete);
sw_status recovery_page(sw_request *req, int64_t after, sw_replay_out *out, bool *ret_more);

#endif
