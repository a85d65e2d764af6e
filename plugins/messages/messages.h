/* messages: what the files of this plugin share.
 *
 * plugin.c is the front door. model.c reads and writes one message; store.c holds all SQL; search.c finds a text and
 * search_index.c fills the index for it; time_range.c turns times into ids; live.c tells others of a message;
 * message_retention.c removes old ones. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <steward/plugin.h>
#include <steward/service/users.h>

enum {
    MESSAGE_AGENT_MAX = 128, /* bytes, as in all of these */
    MESSAGE_LEVEL_MAX = 32,
    MESSAGE_CONTENT_MAX = 64 * 1024,
    MESSAGES_PER_POST = 1000,
    MESSAGES_KEY_MAX = 128, /* of an Idempotency-Key and of a local_id */
    MESSAGES_REMEMBER_MS = 24 * 60 * 60 * 1000
};

/* Made by start(), freed by stop(). Only what search_index.c learns changes in between, and only on the writer. */
typedef struct {
    sw_host *host;
    const sw_users_service *users;
    void *users_self;
    int64_t index_ns_per_kib; /* CPU time that indexing took lately, 0 when not known yet */
    bool index_began;         /* a step began, and did not come to its end */
} messages_state;

/* A message. Its texts are NUL-ended and live as long as the request. */
typedef struct {
    int64_t id;
    int64_t at_ms;
    sw_str agent_id;
    sw_str content;
    sw_str content_json;               /* the content as a JSON string, see message_encode() */
    char level[MESSAGE_LEVEL_MAX + 1]; /* upper case */
} message;

/* Which messages are asked for: ids between after_id and before_id, both excluded, newest first. */
typedef struct {
    const char *agent_id, *level; /* "" for any */
    const char *text;             /* "" for any; ASCII letters in lower case */
    int64_t after_id, before_id;
    int64_t since_ms, until_ms; /* both included; they count only with check_time */
    bool check_time;            /* the bounds of the ids are not enough, see time_range.c */
    int64_t limit, offset;
} message_filter;

/* A reply that is being filled. */
typedef struct {
    sw_json *reply;
    int64_t skip, left; /* in rows */
    size_t bytes_max;
    bool truncated; /* the reply is large enough, although more rows were there */
} message_page;

/* ---- store.c: the SQL. Each works on the connection that is given, on any lane that has one ---- */
extern const sw_table MESSAGE_STATEMENTS;

/* Stores it, and fills its id and at_ms. */
SW_MUST_USE sw_status store_add(sw_tx *tx, message *m);

/* The columns are id, agent_id, level, content, at_ms; newest first. */
SW_MUST_USE sw_status store_find(sw_db *db, const message_filter *f, int64_t limit, int64_t offset, sw_rows **ret);
/* The same rows, found by the search index. `expression` is in the language of FTS5. */
SW_MUST_USE sw_status store_match(sw_db *db, const message_filter *f, const char *expression, int64_t limit,
                                  sw_rows **ret);
/* How many rows the filter without its text has, at most `cap`. It reads only an index. */
SW_MUST_USE sw_status store_count(sw_db *db, const message_filter *f, int64_t cap, int64_t *ret);

/* The first row at or after `id`; *ret_id is 0 when there is none. */
SW_MUST_USE sw_status store_at(sw_db *db, int64_t id, int64_t *ret_id, int64_t *ret_at_ms);
/* The newest row; *ret_id is 0 when there is none. */
SW_MUST_USE sw_status store_last(sw_db *db, int64_t *ret_id, int64_t *ret_at_ms);
/* The column is from_id, ascending. */
SW_MUST_USE sw_status store_clock_steps(sw_db *db, sw_rows **ret);
SW_MUST_USE sw_status store_clock_step_add(sw_tx *tx, int64_t from_id);

/* The search index: up to which id it is filled. */
SW_MUST_USE sw_status store_indexed_to(sw_db *db, int64_t *ret_id);
/* The columns are id, bytes of content, at_ms; ids above `id`, ascending. */
SW_MUST_USE sw_status store_sizes(sw_db *db, int64_t id, int64_t limit, sw_rows **ret);
SW_MUST_USE sw_status store_index(sw_tx *tx, int64_t after_id, int64_t to_id);
/* Merges as many pages of the index as `bytes` of content, added or removed, ask for. */
SW_MUST_USE sw_status store_merge(sw_tx *tx, int64_t bytes);
/* The column is a trigram that begins with `prefix`; each one once, at most `limit`. */
SW_MUST_USE sw_status store_terms(sw_db *db, const char *prefix, int64_t limit, sw_rows **ret);

/* Removes rows up to `to_id` from the table and from the search index. */
SW_MUST_USE sw_status store_remove(sw_tx *tx, int64_t to_id, int64_t indexed_to);
SW_MUST_USE sw_status store_clear(sw_tx *tx);

/* What was stored under an Idempotency-Key or a local_id. The functions that find one say SW_NOT_FOUND when there is
 * none that is younger than a day. */
typedef struct {
    uint8_t hash[32];
    int64_t status, first_id, count, at_ms;
} stored_key;

SW_MUST_USE sw_status store_key_find(sw_tx *tx, int64_t user_id, const char *route, const char *key, stored_key *ret);
SW_MUST_USE sw_status store_key_put(sw_tx *tx, int64_t user_id, const char *route, const char *key,
                                    const stored_key *k);

/* Of a local_id only hash, first_id and at_ms count. */
SW_MUST_USE sw_status store_local_find(sw_tx *tx, int64_t sender_id, sw_str local_id, stored_key *ret);
SW_MUST_USE sw_status store_local_put(sw_tx *tx, int64_t sender_id, sw_str local_id, const stored_key *k);

/* Forgets keys and local_ids that are older than a day, at most `limit` of each. */
SW_MUST_USE sw_status store_forget(sw_tx *tx, int64_t limit, bool *ret_more);

/* ---- model.c ---- */
/* Fills *ret from an object of a body. A failure names the field. Its detail names `position`, which counts from 1,
 * unless that is 0. */
SW_MUST_USE sw_status message_read(sw_request *req, const sw_value *object, size_t position, message *ret);
/* Copies the level in upper case. `len` is at most MESSAGE_LEVEL_MAX. */
void message_set_level(message *m, const char *level, size_t len);
/* Writes the content as JSON once, on a worker. Reply and frame take it as it is, so that the write step stays short.
 */
SW_MUST_USE sw_status message_encode(sw_request *req, message *m);
void message_write(sw_json *out, const char *key, const message *m);
/* Adds the current row. false when the page takes no more. */
bool message_page_add(message_page *page, const sw_rows *row);

/* ---- live.c: tells others of a stored message; in the write step ---- */
/* Sends it to all humans and publishes message.stored. */
SW_MUST_USE sw_status message_announce(sw_tx *tx, const message *m, bool by_frame);
/* Notes it as the sender's latest report. */
SW_MUST_USE sw_status message_report(sw_tx *tx, const message *m);

/* ---- time_range.c ---- */
/* Narrows after_id and before_id to the rows from since_ms to until_ms, both included. */
SW_MUST_USE sw_status time_range_narrow(sw_db *db, message_filter *filter, int64_t since_ms, int64_t until_ms);
/* At the start: notes the next id when the clock is behind the newest row. */
SW_MUST_USE sw_status time_range_note_step(sw_tx *tx);

/* ---- search.c ---- */
SW_MUST_USE sw_status search_run(sw_db *db, const message_filter *filter, message_page *page);

/* ---- search_index.c, message_retention.c: housekeeping on the writer ---- */
sw_status search_index_step(sw_tx *tx, bool *ret_more);
sw_status retention_step(sw_tx *tx, bool *ret_more);
sw_status retention_forget_keys(sw_tx *tx, bool *ret_more);

/* ---- routes, events ---- */
sw_status get_messages(sw_request *req);
sw_status post_messages(sw_request *req);
sw_status on_system_log(sw_request *req);
sw_status on_store_reset(sw_tx *tx, const void *data);

#endif
