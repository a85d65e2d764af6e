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

/* ---- what every frame has (posting.c) ---- */

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

/* ---- a CHAT (post.c, repeat.c, question.c) ---- */

sw_status post_chat(chat *c, sw_tx *tx, posting *p);
/* The rule of repeats. *ret_first_id: 0 when it is new. With a fault in p->fault: SW_OK too. */
sw_status repeat_find(sw_tx *tx, posting *p, const char *type, uint8_t ret_digest[32], int64_t *ret_first_id);
/* ACK and echo with the first id and timestamp. */
sw_status repeat_answer(sw_tx *tx, posting *p, int64_t first_id);
/* `value` is the parsed payload. */
void question_look(posting *p, const sw_value *value);
bool question_is(const posting *p);
sw_status question_relay(chat *c, sw_tx *tx, posting *p);

/* ---- to whom frames go in a write step (audience.c); the frame is written ---- */

/* To one or two users; 0 is nobody. */
sw_status deliver_users(sw_tx *tx, sw_frame *frame, int64_t first, int64_t second);
/* To every human. */
void deliver_humans(sw_tx *tx, sw_frame *frame);
/* The ids of all ADMINs. */
sw_status deliver_admins(const chat *c, sw_tx *tx, const int64_t **ret, size_t *ret_count);

/* ---- a row as JSON (row_json.c) ---- */

/* As the history shows it. `req` lends memory for payloads that are made here. */
void chat_write(sw_request *req, sw_json *out, const chat_row *row, int64_t now_ms);
/* Frames: the same text live and replayed. */
void frame_write_chat(sw_json *out, const chat_row *row);
void frame_write_row(sw_json *out, const chat_row *row, int64_t now_ms);
void frame_write_monitor(sw_json *out, const chat_row *row, int64_t agent_id, int64_t admin_id);
void frame_write_sender(sw_json *out, int64_t id, const char *name, const char *role);

/* ---- pages of rows (page.c, store_ids.c): ids from indexes alone, then row by row as they are written ---- */

/* Which part of a sequence. With `after` >= 0: the first `limit` rows after it, oldest first; else the latest
 * `limit`, newest first. Both stay under `before`. */
typedef struct {
    int64_t before, after, limit;
} id_range;

/* before_id, after_id and limit of the query; sticky. */
void range_read(sw_request *req, int64_t fallback, id_range *ret);
/* A reply of many rows, oldest first. `ids` are in that order, or the other way round with `newest_first`: then a page
 * that grows too large loses its oldest rows. `own_thread`: what AUTH_REQUESTs to others show as thread; -1: theirs. */
sw_status page_reply(sw_request *req, const int64_t *ids, size_t count, bool newest_first, int64_t own_thread);

extern const sw_table ID_STATEMENTS;
sw_status ids_of_pair(sw_db *db, int64_t a, int64_t b, const id_range *range, int64_t *ret, size_t *ret_count);
/* The pair of an ADMIN and Butler, with the AUTH_REQUESTs that others were asked. */
sw_status ids_of_butler(sw_db *db, int64_t admin, int64_t butler, const id_range *range, int64_t *ret,
                        size_t *ret_count);
sw_status ids_of_thread(sw_db *db, int64_t thread, const id_range *range, int64_t *ret, size_t *ret_count);
/* The default thread of an ADMIN and Butler, with the AUTH_REQUESTs that others were asked. */
sw_status ids_of_butler_thread(sw_db *db, int64_t admin, int64_t thread, const id_range *range, int64_t *ret,
                               size_t *ret_count);
/* What a recovery of that user replays, after an id, oldest first. */
sw_status ids_of_inbox(sw_db *db, int64_t user, bool human, int64_t after, int64_t limit, int64_t *ret,
                       size_t *ret_count);

/* ---- store_rows.c: reading works on any connection, writing in a write step ---- */

extern const sw_table ROW_STATEMENTS;
sw_status row_add(sw_tx *tx, chat_row *row); /* sets id and at_ms */
/* A copy in the memory of the piece of work; the payload too. SW_NOT_FOUND. */
sw_status row_get(sw_db *db, int64_t id, chat_row *ret);
/* The highest id ever given, pruned rows included. */
sw_status chat_last_id(sw_db *db, int64_t *ret);

/* What a repeat is compared with. */
typedef struct {
    int64_t id, at_ms, asked_conversation, conversation_id;
    bool same; /* type, receiver and payload are those of the digest */
} repeat_row;
/* The latest rows of (sender, local_id) since `since_ms`, newest first: at most `max`. */
sw_status rows_by_local_id(sw_db *db, int64_t sender_id, sw_str local_id, const uint8_t digest[32], int64_t since_ms,
                           repeat_row *ret, size_t max, size_t *ret_count);

/* ---- retention.c, chat_recovery.c, chat_service.c ---- */

extern const sw_table RETENTION_STATEMENTS;
sw_status retention_prune(sw_tx *tx, bool *ret_more);
/* The highest id that was removed, 0 when none was. */
sw_status retention_pruned_to(sw_db *db, int64_t *ret);
sw_status recovery_last_id(sw_request *req, int64_t *ret_id);
sw_status recovery_complete_since(sw_request *req, int64_t after, bool *ret_complete);
sw_status recovery_page(sw_request *req, int64_t after, sw_replay_out *out, bool *ret_more);
extern const sw_chat_service CHAT_SERVICE;

/* ---- frames/, routes/ ---- */

sw_status on_chat(sw_request *req);
sw_status on_stream(sw_request *req);
sw_status get_history(sw_request *req);
sw_status get_butler_agent(sw_request *req);
sw_status get_updates(sw_request *req);

#endif
