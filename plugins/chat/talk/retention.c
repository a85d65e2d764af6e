/* Retention removes rows older than retention_days, and those beyond the newest retention_count; both are off by
 * default. The oldest go first, a few in each housekeeping step, and how far it went is remembered for recoveries.
 * Rows of the last day stay, because repeats are recognised by them. Approvals stay, because they are the record of
 * who allowed what. */
#include "talk/talk.h"

enum { PRUNED_TO, OLDEST, NEWEST_ID, PRUNE_ROWS, PRUNE_NOTE };

static const sw_statement STATEMENTS[] = {
    [PRUNED_TO] = {.name = "pruned_to", .sql = "SELECT pruned_to FROM chat_pruned WHERE one = 1"},
    [OLDEST] = {.name = "oldest", .sql = "SELECT id, at_ms FROM chat WHERE id > 0 ORDER BY id LIMIT ?1"},
    [NEWEST_ID] = {.name = "newest_id", .sql = "SELECT id FROM chat WHERE id > 0 ORDER BY id DESC LIMIT 1"},
    [PRUNE_ROWS] = {.name = "prune_rows", .sql = "DELETE FROM chat WHERE id <= ?1"},
    [PRUNE_NOTE] =
        {.name = "prune_note",
         .sql =
             "INSERT INTO chat_pruned (one, pruned_to) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET pruned_to = ?1"},
};

const sw_table RETENTION_STATEMENTS = SW_TABLE(STATEMENTS);

enum { AT_ONCE = 100 };

/* The only number of a query; 0 when there is no row. */
static sw_status number(sw_status begun, sw_rows *rows, int64_t *ret)
{
    SW_TRY(begun);
    int64_t value = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = value;
    return SW_OK;
}

sw_status retention_pruned_to(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[PRUNED_TO], 0, &rows, "");
    return number(begun, rows, ret);
}

static sw_status newest_id(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[NEWEST_ID], 0, &rows, "");
    return number(begun, rows, ret);
}

/* The last id of the oldest `limit` rows that are older than `before_ms` or up to `up_to_id`; 0 when there is none.
 * Never one younger than `keep_ms`. */
static sw_status prunable(sw_db *db, int64_t limit, int64_t before_ms, int64_t up_to_id, int64_t keep_ms, int64_t *ret,
                          int64_t *ret_count)
{
    sw_rows *rows = NULL;
    int64_t last = 0, count = 0;

    SW_TRY(sw_db_query(db, &STATEMENTS[OLDEST], 0, &rows, "i", limit));
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

static sw_status prune(sw_tx *tx, int64_t to)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[PRUNE_ROWS], NULL, "i", to));
    return sw_tx_exec(tx, &STATEMENTS[PRUNE_NOTE], NULL, "i", to);
}

sw_status retention_prune(sw_tx *tx, bool *ret_more)
{
    const chat *c = sw_tx_state(tx);
    int64_t days = sw_option_int(c->host, "retention_days"), keep = sw_option_int(c->host, "retention_count");
    int64_t now = sw_tx_now(tx), newest = 0, to = 0, count = 0;

    *ret_more = false;
    if (!days && !keep)
        return SW_OK;
    if (keep)
        SW_TRY(newest_id(sw_tx_db(tx), &newest));
    int64_t before_ms = days ? now - days * CHAT_REPEAT_MS : INT64_MIN;
    int64_t up_to_id = keep ? newest - keep : 0;
    SW_TRY(prunable(sw_tx_db(tx), AT_ONCE, before_ms, up_to_id, now - CHAT_REPEAT_MS, &to, &count));
    if (!to)
        return SW_OK;
    SW_TRY(prune(tx, to));
    *ret_more = count == AT_ONCE;
    return SW_OK;
}
