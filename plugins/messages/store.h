/* The SQL of this plugin as functions. Each works on the connection that is given, on any lane that has one. */
#ifndef MESSAGES_STORE_H
#define MESSAGES_STORE_H

#include "messages.h"

enum { MESSAGE_STATEMENT_COUNT = 27 };
extern const sw_statement MESSAGE_STATEMENTS[MESSAGE_STATEMENT_COUNT];

/* Fills id and at_ms. */
SW_MUST_USE sw_status store_add(sw_tx *tx, message *m);

/* Rows: id, agent_id, level, content, at_ms; newest first. */
SW_MUST_USE sw_status store_find(sw_db *db, const message_filter *f, int64_t limit, int64_t offset, sw_rows **ret);
/* The same through the search index; `expression` is FTS5's. */
SW_MUST_USE sw_status store_match(sw_db *db, const message_filter *f, const char *expression, int64_t limit,
                                  sw_rows **ret);
/* How many rows the filter has but for its text, at most `cap`: read from an index alone. */
SW_MUST_USE sw_status store_count(sw_db *db, const message_filter *f, int64_t cap, int64_t *ret);

/* The first row at or after `id`; *ret_id 0: none. */
SW_MUST_USE sw_status store_at(sw_db *db, int64_t id, int64_t *ret_id, int64_t *ret_at_ms);
/* The newest row; *ret_id 0: none. */
SW_MUST_USE sw_status store_last(sw_db *db, int64_t *ret_id, int64_t *ret_at_ms);
/* Rows: from_id, ascending. */
SW_MUST_USE sw_status store_clock_steps(sw_db *db, sw_rows **ret);
SW_MUST_USE sw_status store_clock_step_add(sw_tx *tx, int64_t from_id);

/* The search index. */
SW_MUST_USE sw_status store_indexed_to(sw_db *db, int64_t *ret_id);
/* Rows: id, bytes of content, at_ms; ids after `id`, ascending. */
SW_MUST_USE sw_status store_sizes(sw_db *db, int64_t id, int64_t limit, sw_rows **ret);
SW_MUST_USE sw_status store_index(sw_tx *tx, int64_t after_id, int64_t to_id);
SW_MUST_USE sw_status store_merge(sw_tx *tx, int64_t pages);
/* Rows: the different trigrams that begin with `prefix`, at most `limit`. */
SW_MUST_USE sw_status store_terms(sw_db *db, const char *prefix, int64_t limit, sw_rows **ret);

/* Removes rows up to `to_id` from the table and from the search index. */
SW_MUST_USE sw_status store_remove(sw_tx *tx, int64_t to_id, int64_t indexed_to);
SW_MUST_USE sw_status store_clear(sw_tx *tx);

/* Idempotency keys; `hash` 32 bytes. SW_NOT_FOUND: none younger than a day. */
typedef struct {
    uint8_t hash[32];
    int64_t status, first_id, count, at_ms;
} stored_key;

SW_MUST_USE sw_status store_key_find(sw_tx *tx, int64_t user_id, const char *route, const char *key, stored_key *ret);
SW_MUST_USE sw_status store_key_put(sw_tx *tx, int64_t user_id, const char *route, const char *key,
                                    const stored_key *k);

/* local_ids of frames: in a stored_key only hash, first_id and at_ms count. */
SW_MUST_USE sw_status store_local_find(sw_tx *tx, int64_t sender_id, sw_str local_id, stored_key *ret);
SW_MUST_USE sw_status store_local_put(sw_tx *tx, int64_t sender_id, sw_str local_id, const stored_key *k);

/* Forgets keys and local_ids older than a day, some at a time. */
SW_MUST_USE sw_status store_forget(sw_tx *tx, int64_t limit, bool *ret_more);

#endif
