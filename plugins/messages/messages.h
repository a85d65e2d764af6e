/* messages: what the files of this plugin share. plugin.c is the front door. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <steward/plugin.h>
#include <steward/service/users.h>

enum {
    MESSAGE_AGENT_MAX = 128, /* bytes, as all of these */
    MESSAGE_LEVEL_MAX = 32,
    MESSAGE_CONTENT_MAX = 64 * 1024,
    MESSAGES_PER_POST = 1000,
    MESSAGES_KEY_MAX = 128, /* of an Idempotency-Key and of a local_id */
    MESSAGES_REMEMBER_MS = 24 * 60 * 60 * 1000
};

/* Set in start(), constant afterwards, but for what upkeep.c learns: that is the writer's alone. */
typedef struct {
    sw_host *host;
    const sw_users_service *users;
    void *users_self;
    int64_t index_ns_per_kib; /* CPU time that indexing took lately; 0: not known yet */
    bool index_began;         /* a step began and did not come to its end            */
} messages_state;

/* Texts are NUL-ended and live as long as the request. */
typedef struct {
    int64_t id;
    int64_t at_ms;
    sw_str agent_id;
    sw_str content;
    sw_str content_json;               /* the content as a JSON string, see message_encode() */
    char level[MESSAGE_LEVEL_MAX + 1]; /* upper case */
} message;

/* What is asked for: ids in (after_id, before_id), newest first. */
typedef struct {
    const char *agent_id, *level; /* "": any                                        */
    const char *text;             /* "": any; ASCII in lower case                   */
    int64_t after_id, before_id;
    int64_t since_ms, until_ms; /* counted only with check_time                   */
    bool check_time;            /* the bounds of id do not say it all, see clock.c */
    int64_t limit, offset;
} message_filter;

/* A reply being filled. */
typedef struct {
    sw_json *reply;
    int64_t skip, left; /* rows                               */
    size_t bytes_max;
    bool truncated; /* it is large enough, and there was more */
} message_page;

/* ---- model.c ---- */
/* Fills *ret from an object of a body. A failure names the field; `position` (from 1, 0: none) goes into its detail. */
SW_MUST_USE sw_status message_read(sw_request *req, const sw_value *object, size_t position, message *ret);
/* Copies in upper case. `len` ≤ MESSAGE_LEVEL_MAX. */
void message_set_level(message *m, const char *level, size_t len);
/* Writes the content as JSON once, on a worker: reply and frame take it as it is, and the write step stays short. */
SW_MUST_USE sw_status message_encode(sw_request *req, message *m);
void message_write(sw_json *out, const char *key, const message *m);
/* Adds the current row. false: the page takes no more. */
bool message_page_add(message_page *page, const sw_rows *row);

/* ---- live.c: what everybody else hears of stored messages; in the write step ---- */
SW_MUST_USE sw_status message_announce(sw_tx *tx, const message *m, bool by_frame);
/* The sender's latest report. */
SW_MUST_USE sw_status message_report(sw_tx *tx, const message *m);

/* ---- clock.c: times as bounds of ids ---- */
/* Narrows (after_id, before_id) to since_ms (inclusive) … until_ms (inclusive). */
SW_MUST_USE sw_status clock_narrow(sw_db *db, message_filter *filter, int64_t since_ms, int64_t until_ms);
/* Notes it when the clock stands behind the newest row. At start. */
SW_MUST_USE sw_status clock_note_step(sw_tx *tx);

/* ---- search.c ---- */
SW_MUST_USE sw_status search_run(sw_db *db, const message_filter *filter, message_page *page);

/* ---- upkeep.c: housekeeping on the writer ---- */
sw_status upkeep_index(sw_tx *tx, bool *ret_more);
sw_status upkeep_retention(sw_tx *tx, bool *ret_more);
sw_status upkeep_expiry(sw_tx *tx, bool *ret_more);

/* ---- routes, events ---- */
sw_status get_messages(sw_request *req);
sw_status post_messages(sw_request *req);
sw_status on_system_log(sw_request *req);
sw_status on_store_reset(sw_tx *tx, const void *data);

#endif
