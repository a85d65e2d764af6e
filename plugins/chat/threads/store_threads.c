/* The tables of threads and of pairs: which threads there are, and which one a pair talks in. Reading works on any
 * connection, writing in a write step. */
#include "threads/threads.h"

#define THREAD_COLUMNS                                                                                                 \
    "SELECT id, owner_id, peer_id, channel_kind, title, summary, is_pinned, is_default, archived_ms, last_message_ms," \
    " created_ms, updated_ms FROM chat_threads"

static const char *const CLAUSES[] = {"AND channel_kind = ?2", NULL};

enum {
    THREAD_ADD,
    THREAD_GET,
    THREADS_COUNT,
    THREADS_OF_OWNER,
    THREADS_OF_PAIR,
    THREAD_CHANGE,
    THREAD_TOUCH,
    PAIR_GET,
    PAIR_SET
};

static const sw_statement STATEMENTS[] = {
    [THREAD_ADD] =
        {.name = "thread_add",
         .sql = "INSERT INTO chat_threads (owner_id, peer_id, channel_kind, title, is_default, created_ms, updated_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)"},
    [THREAD_GET] = {.name = "thread_get", .sql = THREAD_COLUMNS " WHERE id = ?1"},
    [THREADS_COUNT] = {.name = "threads_count",
                       .sql = "SELECT count(*) FROM (SELECT 1 FROM chat_threads WHERE owner_id = ?1 LIMIT ?2) AS some"},
    /* NULLs are the smallest, so newest first puts threads without a message last. */
    [THREADS_OF_OWNER] = {.name = "threads_of_owner",
                          .sql = THREAD_COLUMNS
                          " WHERE owner_id = ?1 {clauses} ORDER BY is_pinned DESC, last_message_ms DESC, id",
                          .clauses = CLAUSES},
    [THREADS_OF_PAIR] =
        {.name = "threads_of_pair",
         .sql = THREAD_COLUMNS
         " WHERE owner_id = ?1 AND peer_id = ?3 {clauses} ORDER BY is_pinned DESC, last_message_ms DESC, id",
         .clauses = CLAUSES},
    [THREAD_CHANGE] = {.name = "thread_change",
                       .sql = "UPDATE chat_threads SET title = ?2, summary = ?3, is_pinned = ?4,"
                              " archived_ms = nullif(?5, 0), updated_ms = ?6 WHERE id = ?1"},
    [THREAD_TOUCH] = {.name = "thread_touch", .sql = "UPDATE chat_threads SET last_message_ms = ?2 WHERE id = ?1"},
    [PAIR_GET] =
        {.name = "pair_get",
         .sql = "SELECT default_thread_id, latest_thread_id FROM chat_pairs WHERE owner_id = ?1 AND peer_id = ?2"},
    [PAIR_SET] =
        {.name = "pair_set",
         .sql =
             "INSERT INTO chat_pairs (owner_id, peer_id, default_thread_id, latest_thread_id) VALUES (?1, ?2, ?3, ?4)"
             " ON CONFLICT (owner_id, peer_id) DO UPDATE SET default_thread_id = ?3, latest_thread_id = ?4"},
};

const sw_table THREAD_STATEMENTS = SW_TABLE(STATEMENTS);

sw_status thread_add(sw_tx *tx, thread_row *t)
{
    t->created_ms = t->updated_ms = sw_tx_now(tx);
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[THREAD_ADD], NULL, "iissii", t->owner_id, t->peer_id, t->channel_kind, t->title,
                      (int64_t)t->is_default, t->created_ms));
    t->id = sw_tx_last_id(tx);
    return SW_OK;
}

bool threads_next(sw_rows *rows, thread_row *ret)
{
    if (!sw_rows_next(rows))
        return false;
    *ret = (thread_row){
        .id = sw_rows_int(rows, 0),
        .owner_id = sw_rows_int(rows, 1),
        .peer_id = sw_rows_int(rows, 2),
        .channel_kind = sw_rows_text(rows, 3),
        .title = sw_rows_text(rows, 4),
        .summary = sw_rows_text(rows, 5),
        .is_pinned = sw_rows_int(rows, 6) != 0,
        .is_default = sw_rows_int(rows, 7) != 0,
        .archived_ms = sw_rows_int(rows, 8),
        .last_message_ms = sw_rows_int(rows, 9),
        .created_ms = sw_rows_int(rows, 10),
        .updated_ms = sw_rows_int(rows, 11),
    };
    return true;
}

sw_status thread_get(sw_db *db, int64_t id, thread_row *ret)
{
    sw_rows *rows = NULL;
    thread_row found;

    SW_TRY(sw_db_query(db, &STATEMENTS[THREAD_GET], 0, &rows, "i", id));
    bool any = threads_next(rows, &found);
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

sw_status threads_count(sw_db *db, int64_t owner_id, int64_t max, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[THREADS_COUNT], 0, &rows, "ii", owner_id, max));
    int64_t count = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = count;
    return SW_OK;
}

sw_status threads_begin(sw_db *db, int64_t owner_id, int64_t peer_id, const char *channel_kind, sw_rows **ret)
{
    const sw_statement *which = &STATEMENTS[peer_id ? THREADS_OF_PAIR : THREADS_OF_OWNER];
    return sw_db_query(db, which, *channel_kind ? 1u : 0u, ret, "isi", owner_id, channel_kind, peer_id);
}

sw_status thread_change(sw_tx *tx, const thread_row *t)
{
    return sw_tx_exec(tx, &STATEMENTS[THREAD_CHANGE], NULL, "issiii", t->id, t->title, t->summary,
                      (int64_t)t->is_pinned, t->archived_ms, t->updated_ms);
}

sw_status thread_touch(sw_tx *tx, int64_t id, int64_t at_ms)
{
    return sw_tx_exec(tx, &STATEMENTS[THREAD_TOUCH], NULL, "ii", id, at_ms);
}

sw_status pair_get(sw_db *db, int64_t owner_id, int64_t peer_id, int64_t *ret_default, int64_t *ret_latest)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[PAIR_GET], 0, &rows, "ii", owner_id, peer_id));
    bool any = sw_rows_next(rows);
    int64_t first = any ? sw_rows_int(rows, 0) : 0, latest = any ? sw_rows_int(rows, 1) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret_default = first;
    *ret_latest = latest;
    return SW_OK;
}

sw_status pair_set(sw_tx *tx, int64_t owner_id, int64_t peer_id, int64_t default_thread, int64_t latest)
{
    return sw_tx_exec(tx, &STATEMENTS[PAIR_SET], NULL, "iiii", owner_id, peer_id, default_thread, latest);
}
