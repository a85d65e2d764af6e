/* Every SQL statement of this plugin, each next to the function that binds it. */
#include "directory.h"

enum { OPEN, FIND, DUE, CONFIRM, END, SUSPEND, EXPIRE, COUNT, CLEAR };

const sw_migration MIGRATIONS[1] = {
    {"0001_sessions",
     "CREATE TABLE directory_sessions ("
     " token_hash BLOB PRIMARY KEY, user_id INTEGER NOT NULL, generation INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
     " checked_ms INTEGER NOT NULL, suspended_ms INTEGER NOT NULL DEFAULT 0) STRICT;"
     "CREATE INDEX directory_by_user ON directory_sessions (user_id);"
     "CREATE INDEX directory_by_check ON directory_sessions (checked_ms);"
     "CREATE INDEX directory_by_end ON directory_sessions (expires_ms)"},
};

static const char SQL_OPEN[] =
    "INSERT INTO directory_sessions (token_hash, user_id, generation, expires_ms, checked_ms)"
    " VALUES (?1, ?2, ?3, ?4, ?5)";

sw_status store_open(sw_tx *tx, const uint8_t hash[HASH_SIZE], const session *s)
{
    return sw_tx_exec(tx, &STATEMENTS[OPEN], NULL, "biiii", (const void *)hash, (size_t)HASH_SIZE, s->user_id,
                      s->generation, s->expires_ms, s->checked_ms);
}

static const char SQL_FIND[] = "SELECT user_id, generation, expires_ms, checked_ms FROM directory_sessions"
                               " WHERE token_hash = ?1 AND expires_ms > ?2";

sw_status store_find(sw_db *db, const uint8_t hash[HASH_SIZE], int64_t now_ms, session *ret)
{
    sw_rows *rows;

    SW_TRY(sw_db_query(db, &STATEMENTS[FIND], 0, &rows, "bi", (const void *)hash, (size_t)HASH_SIZE, now_ms));
    bool found = sw_rows_next(rows);
    if (found)
        *ret = (session){.user_id = sw_rows_int(rows, 0),
                         .generation = sw_rows_int(rows, 1),
                         .expires_ms = sw_rows_int(rows, 2),
                         .checked_ms = sw_rows_int(rows, 3)};
    SW_TRY(sw_rows_done(rows));
    return found ? SW_OK : SW_NOT_FOUND;
}

static const char SQL_DUE[] =
    "SELECT user_id FROM directory_sessions WHERE checked_ms < ?1 GROUP BY user_id ORDER BY min(checked_ms) LIMIT ?2";

sw_status store_due(sw_db *db, int64_t before_ms, int64_t *ret_user_ids, size_t max, size_t *ret_count)
{
    sw_rows *rows;
    size_t count = 0;

    SW_TRY(sw_db_query(db, &STATEMENTS[DUE], 0, &rows, "ii", before_ms, (int64_t)max));
    while (sw_rows_next(rows))
        ret_user_ids[count++] = sw_rows_int(rows, 0);
    *ret_count = count;
    return sw_rows_done(rows);
}

static const char SQL_CONFIRM[] = "UPDATE directory_sessions SET checked_ms = ?3, suspended_ms = 0,"
                                  " expires_ms = CASE generation WHEN ?2 THEN expires_ms ELSE 0 END WHERE user_id = ?1";

sw_status store_confirm(sw_tx *tx, int64_t user_id, int64_t generation)
{
    return sw_tx_exec(tx, &STATEMENTS[CONFIRM], NULL, "iii", user_id, generation, sw_tx_now(tx));
}

static const char SQL_END[] = "DELETE FROM directory_sessions WHERE user_id = ?1{clauses}";
static const char *const END_CLAUSES[] = {" AND token_hash = ?2", NULL};
enum { ONE = 1 };

sw_status store_end(sw_tx *tx, int64_t user_id, const uint8_t *hash)
{
    sw_rows *rows;

    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[END], hash ? ONE : 0u, &rows, hash ? "ib" : "i", user_id,
                       (const void *)hash, (size_t)HASH_SIZE));
    (void)sw_rows_next(rows);
    return sw_rows_done(rows);
}

static const char SQL_SUSPEND[] =
    "UPDATE directory_sessions SET suspended_ms = ?3 WHERE checked_ms < ?1 AND suspended_ms < ?2 RETURNING user_id";

sw_status store_suspend(sw_tx *tx, int64_t before_ms, int64_t again_ms, void (*each)(sw_tx *tx, int64_t user_id))
{
    sw_rows *rows;

    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[SUSPEND], 0, &rows, "iii", before_ms, again_ms, sw_tx_now(tx)));
    while (sw_rows_next(rows))
        each(tx, sw_rows_int(rows, 0));
    return sw_rows_done(rows);
}

static const char SQL_EXPIRE[] =
    "DELETE FROM directory_sessions WHERE token_hash IN"
    " (SELECT token_hash FROM directory_sessions WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT 100)";

sw_status store_expire(sw_tx *tx, bool *ret_more)
{
    int64_t gone;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[EXPIRE], &gone, "i", sw_tx_now(tx)));
    *ret_more = gone > 0;
    return SW_OK;
}

static const char SQL_COUNT[] = "SELECT count(*) FROM directory_sessions WHERE expires_ms > ?1";

sw_status store_count(sw_db *db, int64_t *ret_count)
{
    sw_rows *rows;

    SW_TRY(sw_db_query(db, &STATEMENTS[COUNT], 0, &rows, "i", sw_now_ms()));
    *ret_count = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    return sw_rows_done(rows);
}

static const char SQL_CLEAR[] = "DELETE FROM directory_sessions";

sw_status store_clear(sw_tx *tx)
{
    return sw_tx_exec(tx, &STATEMENTS[CLEAR], NULL, "");
}

const sw_statement STATEMENTS[STATEMENT_COUNT] = {
    [OPEN] = {"directory_open", SQL_OPEN, NULL},       [FIND] = {"directory_find", SQL_FIND, NULL},
    [DUE] = {"directory_due", SQL_DUE, NULL},          [CONFIRM] = {"directory_confirm", SQL_CONFIRM, NULL},
    [END] = {"directory_end", SQL_END, END_CLAUSES},   [SUSPEND] = {"directory_suspend", SQL_SUSPEND, NULL},
    [EXPIRE] = {"directory_expire", SQL_EXPIRE, NULL}, [COUNT] = {"directory_count", SQL_COUNT, NULL},
    [CLEAR] = {"directory_clear", SQL_CLEAR, NULL},
};
