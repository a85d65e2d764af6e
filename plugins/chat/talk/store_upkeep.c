/* Upkeep: the highest id, retention, and the reset of everything. */
#include "store.h"

/* The highest id ever given, pruned rows included. */
const char SQL_LAST_ID[] = "SELECT seq FROM sqlite_sequence WHERE name = 'chat'";
const char SQL_PRUNED_TO[] = "SELECT pruned_to FROM chat_pruned WHERE one = 1";
const char SQL_NEWEST_ID[] = "SELECT id FROM chat WHERE id > 0 ORDER BY id DESC LIMIT 1";

/* The only number of a query; 0 when there is no row. */
static sw_status number(sw_status begun, sw_rows *rows, int64_t *ret)
{
    SW_TRY(begun);
    int64_t value = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = value;
    return SW_OK;
}

sw_status chat_last_id(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, ST_LAST_ID, &rows, "");
    return number(begun, rows, ret);
}

sw_status chat_pruned_to(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, ST_PRUNED_TO, &rows, "");
    return number(begun, rows, ret);
}

sw_status chat_newest_id(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, ST_NEWEST_ID, &rows, "");
    return number(begun, rows, ret);
}

const char SQL_OLDEST[] = "SELECT id, at_ms FROM chat WHERE id > 0 ORDER BY id LIMIT ?1";

sw_status chat_prunable(sw_db *db, int64_t limit, int64_t before_ms, int64_t up_to_id, int64_t keep_ms, int64_t *ret,
                        int64_t *ret_count)
{
    sw_rows *rows = NULL;
    int64_t last = 0, count = 0;

    SW_TRY(RUN(db, ST_OLDEST, &rows, "i", limit));
    while (sw_rows_next(rows)) {
        int64_t id = sw_rows_int(rows, 0), at_ms = sw_rows_int(rows, 1);
        if (at_ms >= keep_ms || (at_ms >= before_ms && id > up_to_id))
            break;
        last = id;
        count++;
    }
    SW_TRY(sw_rows_done(rows));
    *ret = last;
    *ret_count = count;
    return SW_OK;
}

const char SQL_PRUNE_ROWS[] = "DELETE FROM chat WHERE id <= ?1";
const char SQL_PRUNE_NOTE[] =
    "INSERT INTO chat_pruned (one, pruned_to) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET pruned_to = ?1";

sw_status chat_prune(sw_tx *tx, int64_t to)
{
    SW_TRY(EXEC(tx, ST_PRUNE_ROWS, NULL, "i", to));
    return EXEC(tx, ST_PRUNE_NOTE, NULL, "i", to);
}

const char SQL_CLEAR_ROWS[] = "DELETE FROM chat";
const char SQL_CLEAR_PRUNED[] = "DELETE FROM chat_pruned";
const char SQL_CLEAR_THREADS[] = "DELETE FROM chat_threads";
const char SQL_CLEAR_PAIRS[] = "DELETE FROM chat_pairs";
const char SQL_CLEAR_APPROVALS[] = "DELETE FROM chat_approvals";
const char SQL_CLEAR_IDS[] = "DELETE FROM sqlite_sequence WHERE name IN ('chat', 'chat_threads', 'chat_approvals')";

sw_status chat_clear(sw_tx *tx)
{
    static const statement_id ALL[] = {ST_CLEAR_ROWS,  ST_CLEAR_PRUNED,    ST_CLEAR_THREADS,
                                       ST_CLEAR_PAIRS, ST_CLEAR_APPROVALS, ST_CLEAR_IDS};

    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++)
        SW_TRY(EXEC(tx, ALL[i], NULL, ""));
    return SW_OK;
}
