/* messages: what the files of this plugin share.
 *
 * plugin.c is the front door. message.c reads, stores and tells one message; routes/get_messages.c lists them, and
 * search.c finds the rows of a filter; upkeep.c is what the writer does between its batches. */
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

/* Made by start(), freed by stop(). What is not fixed by start() is the writer's alone. */
typedef struct {
    sw_host *host;
    const sw_users_service *users;
    void *users_self;
    int64_t index_ns_per_kib; /* CPU time that indexing took lately, 0 when not known yet */
    bool index_began;         /* a step began, and did not come to its end */
    int64_t latest_ms;        /* no row has a later time */
    int64_t removed;          /* by retention since the last line that said so */
    int64_t removed_said_ms;
    int64_t floor; /* ids up to it were given before a restore; 0: there was none */
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

/* Which messages are asked for: ids between after_id and before_id, both excluded. A page has the newest of them, or
 * the oldest when `oldest_first`. */
typedef struct {
    const char *agent_id, *level; /* "" for any */
    const char *text;             /* "" for any; ASCII letters in lower case */
    int64_t after_id, before_id;
    int64_t since_ms, until_ms; /* both included; they count only with check_time */
    bool check_time;            /* the bounds of the ids are not enough, see get_messages.c */
    int64_t limit, offset;
    bool oldest_first; /* for a poller, which goes on from the highest id that it saw */
} message_filter;

/* What a search may still use. */
typedef struct {
    int64_t bytes_left; /* of contents that it looks through */
    int64_t cpu_ms, cpu_end_ms;
    size_t unlooked, unlooked_bytes; /* since the latest look at the clock */
} message_budget;

/* A reply that is being filled, newest row first. Rows that come oldest first wait in `texts`. */
typedef struct {
    sw_request *req;
    sw_json *reply;
    int64_t skip, left; /* in rows */
    sw_str *texts;      /* NULL when they come newest first */
    size_t count;       /* of `texts` */
    size_t bytes, bytes_max;
    message_budget budget;
    int64_t last_id; /* of the latest row that was looked at; the rest of a truncated page is behind it */
    bool truncated;  /* the reply is large enough or the budget used up, although more rows were there */
    bool failed;     /* there was no memory */
} message_page;

/* ---- message.c ---- */
extern const sw_table MESSAGE_STATEMENTS;
/* Fills *ret from an object of a body. A failure names the field. Its detail names `position`, which counts from 1,
 * unless that is 0. */
SW_MUST_USE sw_status message_read(sw_request *req, const sw_value *object, size_t position, message *ret);
/* Copies the level in upper case. `len` is at most MESSAGE_LEVEL_MAX. */
void message_set_level(message *m, const char *level, size_t len);
/* Writes the content as JSON once, on a worker. Reply and frame take it as it is, so that the write step stays short.
 */
SW_MUST_USE sw_status message_encode(sw_request *req, message *m);
void message_write(sw_json *out, const char *key, const message *m);
/* Stores it, and fills its id and at_ms. */
SW_MUST_USE sw_status store_add(sw_tx *tx, message *m);
/* Sends it to all humans and publishes message.stored. */
SW_MUST_USE sw_status message_announce(sw_tx *tx, const message *m, bool by_frame);
/* Tells a slow client how many SYSTEM_LOGs it was not sent. On a loop. */
void message_left_out(sw_json *out, uint64_t count);
/* Notes it as the sender's latest report. */
SW_MUST_USE sw_status message_report(sw_tx *tx, const message *m);

/* What was stored under an Idempotency-Key. */
typedef struct {
    uint8_t hash[32];
    int64_t status, first_id, count, at_ms;
} stored_key;

/* SW_NOT_FOUND when there is none that is younger than a day. */
SW_MUST_USE sw_status store_key_find(sw_tx *tx, int64_t user_id, const char *route, const char *key, stored_key *ret);
SW_MUST_USE sw_status store_key_put(sw_tx *tx, int64_t user_id, const char *route, const char *key,
                                    const stored_key *k);

/* ---- search.c ---- */
extern const sw_table SEARCH_STATEMENTS;
SW_MUST_USE sw_status search_run(sw_db *db, const message_filter *filter, message_page *page);
/* The search index: up to which id it is filled. */
SW_MUST_USE sw_status store_indexed_to(sw_db *db, int64_t *ret_id);

/* ---- upkeep.c ---- */
extern const sw_table UPKEEP_STATEMENTS;
sw_status search_index_step(sw_tx *tx, bool *ret_more);
sw_status retention_step(sw_tx *tx, bool *ret_more);
sw_status retention_forget_keys(sw_tx *tx, bool *ret_more);
sw_status on_store_reset(sw_tx *tx, const void *data);
sw_status messages_prepare(sw_tx *tx);

/* ---- routes/get_messages.c ---- */
extern const sw_table TIME_STATEMENTS;
/* The newest row; *ret_id is 0 when there is none. */
SW_MUST_USE sw_status store_last(sw_db *db, int64_t *ret_id, int64_t *ret_at_ms);
/* At the start, and before a row is added when the clock may have been set back since the latest one: notes the next id
 * when it is behind the newest row. */
SW_MUST_USE sw_status time_range_note_step(sw_tx *tx);
sw_status get_messages(sw_request *req);

/* ---- routes/post_messages.c, events/system_log.c ---- */
extern const sw_table REPORT_STATEMENTS;
sw_status post_messages(sw_request *req);
sw_status on_system_log(sw_request *req);

#endif
