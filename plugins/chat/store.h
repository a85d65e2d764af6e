/* The tables of chat. Each store_*.c holds the SQL of its table, each text next to the function that binds it; store.c
 * joins them to the one table that the host knows. Reading works on any connection, writing in a write step. */
#ifndef CHAT_STORE_H
#define CHAT_STORE_H

#include "chat.h"

typedef enum {
    ST_ROW_ADD,
    ST_ROW_GET,
    ST_ROW_BY_LOCAL_ID,
    ST_IDS_PAIR_NEWEST,
    ST_IDS_PAIR_AFTER,
    ST_IDS_BUTLER_NEWEST,
    ST_IDS_BUTLER_AFTER,
    ST_IDS_THREAD_NEWEST,
    ST_IDS_THREAD_AFTER,
    ST_IDS_BUTLER_THREAD_NEWEST,
    ST_IDS_BUTLER_THREAD_AFTER,
    ST_IDS_INBOX_HUMAN,
    ST_IDS_INBOX_SYSTEM,
    ST_LAST_ID,
    ST_PRUNED_TO,
    ST_OLDEST,
    ST_NEWEST_ID,
    ST_PRUNE_ROWS,
    ST_PRUNE_NOTE,
    ST_THREAD_ADD,
    ST_THREAD_GET,
    ST_THREADS_COUNT,
    ST_THREADS_OF_OWNER,
    ST_THREADS_OF_PAIR,
    ST_THREAD_CHANGE,
    ST_THREAD_TOUCH,
    ST_PAIR_GET,
    ST_PAIR_SET,
    ST_APPROVAL_ADD,
    ST_APPROVAL_SHOWN,
    ST_APPROVAL_BY_ACTION,
    ST_APPROVAL_BY_ID,
    ST_APPROVAL_LIST,
    ST_APPROVAL_LIST_TARGET,
    ST_APPROVAL_DECIDE,
    ST_APPROVAL_ANSWERED,
    ST_APPROVAL_DUE,
    ST_APPROVAL_OF_TARGET,
    ST_APPROVAL_OF_AGENT,
    ST_APPROVAL_UNDELIVERED,
    ST_APPROVAL_PENDING,
    ST_APPROVAL_DELIVERED,
    ST_APPROVAL_COUNTS,
    ST_CLEAR_ROWS,
    ST_CLEAR_PRUNED,
    ST_CLEAR_THREADS,
    ST_CLEAR_PAIRS,
    ST_CLEAR_APPROVALS,
    ST_CLEAR_IDS,
    ST_COUNT
} statement_id;

extern const sw_statement CHAT_STATEMENTS[ST_COUNT];

#define RUN(db, which, ret, ...)      sw_db_query((db), &CHAT_STATEMENTS[which], 0, (ret), __VA_ARGS__)
#define EXEC(tx, which, changes, ...) sw_tx_exec((tx), &CHAT_STATEMENTS[which], (changes), __VA_ARGS__)

/* ---- store_rows.c ---- */

extern const char SQL_ROW_ADD[], SQL_ROW_GET[], SQL_ROW_BY_LOCAL_ID[];
sw_status row_add(sw_tx *tx, chat_row *row); /* sets id and at_ms */
/* A copy in the memory of the piece of work; the payload too. SW_NOT_FOUND. */
sw_status row_get(sw_db *db, int64_t id, chat_row *ret);

/* What a repeat is compared with. */
typedef struct {
    int64_t id, at_ms, asked_conversation, conversation_id;
    bool same; /* type, receiver and payload are those of the digest */
} repeat_row;
/* The latest rows of (sender, local_id) since `since_ms`, newest first: at most `max`. */
sw_status rows_by_local_id(sw_db *db, int64_t sender_id, sw_str local_id, const uint8_t digest[32], int64_t since_ms,
                           repeat_row *ret, size_t max, size_t *ret_count);

/* ---- store_ids.c: ids alone, from indexes alone; the rows are read one by one as they are written ---- */

extern const char SQL_IDS_PAIR_NEWEST[], SQL_IDS_PAIR_AFTER[], SQL_IDS_BUTLER_NEWEST[], SQL_IDS_BUTLER_AFTER[],
    SQL_IDS_THREAD_NEWEST[], SQL_IDS_THREAD_AFTER[], SQL_IDS_BUTLER_THREAD_NEWEST[], SQL_IDS_BUTLER_THREAD_AFTER[],
    SQL_IDS_INBOX_HUMAN[], SQL_IDS_INBOX_SYSTEM[];

/* Which part of a sequence. With `after` >= 0: the first `limit` rows after it, oldest first; else the latest
 * `limit`, newest first. Both stay under `before`. */
typedef struct {
    int64_t before, after, limit;
} id_range;

/* before_id, after_id and limit of the query; sticky (get_history.c). */
void range_read(sw_request *req, int64_t fallback, id_range *ret);
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

/* ---- store_upkeep.c ---- */

extern const char SQL_LAST_ID[], SQL_PRUNED_TO[], SQL_OLDEST[], SQL_NEWEST_ID[], SQL_PRUNE_ROWS[], SQL_PRUNE_NOTE[],
    SQL_CLEAR_ROWS[], SQL_CLEAR_PRUNED[], SQL_CLEAR_THREADS[], SQL_CLEAR_PAIRS[], SQL_CLEAR_APPROVALS[],
    SQL_CLEAR_IDS[];
sw_status chat_last_id(sw_db *db, int64_t *ret);
sw_status chat_pruned_to(sw_db *db, int64_t *ret);
sw_status chat_newest_id(sw_db *db, int64_t *ret);
/* The last id of the oldest `limit` rows that are older than `before_ms` or up to `up_to_id`; 0: none. Never one
 * younger than `keep_ms`. */
sw_status chat_prunable(sw_db *db, int64_t limit, int64_t before_ms, int64_t up_to_id, int64_t keep_ms, int64_t *ret,
                        int64_t *ret_count);
sw_status chat_prune(sw_tx *tx, int64_t to);
sw_status chat_clear(sw_tx *tx);

/* ---- store_threads.c ---- */

extern const char SQL_THREAD_ADD[], SQL_THREAD_GET[], SQL_THREADS_COUNT[], SQL_THREADS_OF_OWNER[],
    SQL_THREADS_OF_PAIR[], SQL_THREAD_CHANGE[], SQL_THREAD_TOUCH[], SQL_PAIR_GET[], SQL_PAIR_SET[];
extern const char *const THREAD_CLAUSES[];
sw_status thread_add(sw_tx *tx, thread_row *t); /* sets id and times */
sw_status thread_get(sw_db *db, int64_t id, thread_row *ret);
/* How many threads the owner has, counted up to `max`. */
sw_status threads_count(sw_db *db, int64_t owner_id, int64_t max, int64_t *ret);
/* `peer_id` 0: all; `channel_kind` "": all. */
sw_status threads_begin(sw_db *db, int64_t owner_id, int64_t peer_id, const char *channel_kind, sw_rows **ret);
bool threads_next(sw_rows *rows, thread_row *ret);
/* Title, summary, pinned, archived and updated, as they are in `t`. */
sw_status thread_change(sw_tx *tx, const thread_row *t);
sw_status thread_touch(sw_tx *tx, int64_t id, int64_t at_ms);
/* The pair's default thread and that of the human's latest CHAT; 0: there is none. */
sw_status pair_get(sw_db *db, int64_t owner_id, int64_t peer_id, int64_t *ret_default, int64_t *ret_latest);
sw_status pair_set(sw_tx *tx, int64_t owner_id, int64_t peer_id, int64_t default_thread, int64_t latest);

/* ---- store_approvals.c ---- */

extern const char SQL_APPROVAL_ADD[], SQL_APPROVAL_SHOWN[], SQL_APPROVAL_BY_ACTION[], SQL_APPROVAL_BY_ID[],
    SQL_APPROVAL_LIST[], SQL_APPROVAL_LIST_TARGET[], SQL_APPROVAL_DECIDE[], SQL_APPROVAL_ANSWERED[], SQL_APPROVAL_DUE[],
    SQL_APPROVAL_OF_TARGET[], SQL_APPROVAL_OF_AGENT[], SQL_APPROVAL_UNDELIVERED[], SQL_APPROVAL_PENDING[],
    SQL_APPROVAL_DELIVERED[], SQL_APPROVAL_COUNTS[];
extern const char *const APPROVAL_CLAUSES[];
sw_status approval_add(sw_tx *tx, approval *a); /* sets id */
/* Its AUTH_REQUEST row, which needed the approval's id first. */
sw_status approval_shown(sw_tx *tx, int64_t id, int64_t chat_id);
/* SW_NOT_FOUND. */
sw_status approval_by_action(sw_db *db, const char *action_id, approval *ret);
sw_status approval_by_id(sw_db *db, int64_t id, approval *ret);
/* Newest first. `target` 0: everybody's; `status` "": all, PENDING: those before their expiry. */
sw_status approvals_list(sw_db *db, int64_t target, const char *status, int64_t now_ms, int64_t before, int64_t limit,
                         sw_rows **ret);
/* Expired by `now_ms`, soonest first, at most `limit`. */
sw_status approvals_due(sw_db *db, int64_t now_ms, int64_t limit, sw_rows **ret);
/* Pending ones that ask this human, or are about this agent. */
sw_status approvals_of_target(sw_db *db, int64_t user_id, sw_rows **ret);
sw_status approvals_of_agent(sw_db *db, int64_t agent_id, sw_rows **ret);
/* Decided, not noted as delivered, in decision order after `response_id`. */
sw_status approvals_undelivered(sw_db *db, int64_t butler_id, int64_t response_id, int64_t limit, sw_rows **ret);
/* Pending ones after an id, by id. */
sw_status approvals_pending(sw_db *db, int64_t after, int64_t now_ms, int64_t limit, sw_rows **ret);
bool approvals_next(sw_rows *rows, approval *ret);
/* The one conditional update: still pending, and (but for EXPIRED) not past its expiry. false: too late. */
sw_status approval_decide(sw_tx *tx, const approval *decided, bool *ret_done);
sw_status approval_answered(sw_tx *tx, int64_t id, int64_t response_id);
sw_status approval_delivered(sw_tx *tx, int64_t id);
sw_status approval_counts(sw_db *db, int64_t now_ms, int64_t *ret_pending, int64_t *ret_undelivered);
/* Reads an approval that begins at `column`. */
void approval_read(const sw_rows *rows, int column, approval *ret);

#endif
