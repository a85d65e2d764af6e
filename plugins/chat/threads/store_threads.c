/* Threads, and which thread a pair talks in. */
#include "store.h"
#include "threads/threads.h"

#define THREAD_COLUMNS                                                                                                 \
    "SELECT id, owner_id, peer_id, channel_kind, title, summary, is_pinned, is_default, archived_ms, last_message_ms," \
    " created_ms, updated_ms FROM chat_threads"

const char SQL_THREAD_ADD[] =
    "INSERT INTO chat_threads (owner_id, peer_id, channel_kind, title, is_default, created_ms, updated_ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)";

sw_status thread_add(sw_tx *tx, thread_row *t)
{
    t->created_ms = t->updated_ms = sw_tx_now(tx);
    SW_TRY(EXEC(tx, ST_THREAD_ADD, NULL, "iissii", t->owner_id, t->peer_id, t->channel_kind, t->title,
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

const char SQL_THREAD_GET[] = THREAD_COLUMNS " WHERE id = ?1";

sw_status thread_get(sw_db *db, int64_t id, thread_row *ret)
{
    sw_rows *rows = NULL;
    thread_row found;

    SW_TRY(RUN(db, ST_THREAD_GET, &rows, "i", id));
    bool any = threads_next(rows, &found);
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

const char SQL_THREADS_COUNT[] =
    "SELECT count(*) FROM (SELECT 1 FROM chat_threads WHERE owner_id = ?1 LIMIT ?2) AS some";

sw_status threads_count(sw_db *db, int64_t owner_id, int64_t max, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(RUN(db, ST_THREADS_COUNT, &rows, "ii", owner_id, max));
    int64_t count = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = count;
    return SW_OK;
}

/* NULLs are the smallest, so newest first has threads without a message last. */
const char SQL_THREADS_OF_OWNER[] =
    THREAD_COLUMNS " WHERE owner_id = ?1 {clauses} ORDER BY is_pinned DESC, last_message_ms DESC, id";
const char SQL_THREADS_OF_PAIR[] =
    THREAD_COLUMNS " WHERE owner_id = ?1 AND peer_id = ?3 {clauses} ORDER BY is_pinned DESC, last_message_ms DESC, id";
const char *const THREAD_CLAUSES[] = {"AND channel_kind = ?2", NULL};

sw_status threads_begin(sw_db *db, int64_t owner_id, int64_t peer_id, const char *channel_kind, sw_rows **ret)
{
    statement_id which = peer_id ? ST_THREADS_OF_PAIR : ST_THREADS_OF_OWNER;
    return sw_db_query(db, &CHAT_STATEMENTS[which], *channel_kind ? 1u : 0u, ret, "isi", owner_id, channel_kind,
                       peer_id);
}

const char SQL_THREAD_CHANGE[] =
    "UPDATE chat_threads SET title = ?2, summary = ?3, is_pinned = ?4, archived_ms = nullif(?5, 0), updated_ms = ?6"
    " WHERE id = ?1";

sw_status thread_change(sw_tx *tx, const thread_row *t)
{
    return EXEC(tx, ST_THREAD_CHANGE, NULL, "issiii", t->id, t->title, t->summary, (int64_t)t->is_pinned,
                t->archived_ms, t->updated_ms);
}

const char SQL_THREAD_TOUCH[] = "UPDATE chat_threads SET last_message_ms = ?2 WHERE id = ?1";

sw_status thread_touch(sw_tx *tx, int64_t id, int64_t at_ms)
{
    return EXEC(tx, ST_THREAD_TOUCH, NULL, "ii", id, at_ms);
}

const char SQL_PAIR_GET[] =
    "SELECT default_thread_id, latest_thread_id FROM chat_pairs WHERE owner_id = ?1 AND peer_id = ?2";

sw_status pair_get(sw_db *db, int64_t owner_id, int64_t peer_id, int64_t *ret_default, int64_t *ret_latest)
{
    sw_rows *rows = NULL;

    SW_TRY(RUN(db, ST_PAIR_GET, &rows, "ii", owner_id, peer_id));
    bool any = sw_rows_next(rows);
    int64_t first = any ? sw_rows_int(rows, 0) : 0, latest = any ? sw_rows_int(rows, 1) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret_default = first;
    *ret_latest = latest;
    return SW_OK;
}

const char SQL_PAIR_SET[] =
    "INSERT INTO chat_pairs (owner_id, peer_id, default_thread_id, latest_thread_id) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (owner_id, peer_id) DO UPDATE SET default_thread_id = ?3, latest_thread_id = ?4";

sw_status pair_set(sw_tx *tx, int64_t owner_id, int64_t peer_id, int64_t default_thread, int64_t latest)
{
    return EXEC(tx, ST_PAIR_SET, NULL, "iiii", owner_id, peer_id, default_thread, latest);
}
