/* Every SQL statement of this plugin, each next to the function that binds it.
 *
 * webhook_line has one row with what would be slow to count on the writer, changed in the same transactions. */
#include "webhook.h"

#include <string.h>

enum { ADD, DROP, FIRST, BY_ID, LIST, SETTLE, REVIVE, QUEUED, BACKLOG, FORGET, CLEAR, CLEAR_LINE };

const sw_migration MIGRATIONS[1] = {
    {"0001_deliveries",
     "CREATE TABLE webhook_deliveries ("
     " id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL, message_id INTEGER NOT NULL, body TEXT NOT NULL,"
     " state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),"
     " attempts INTEGER NOT NULL DEFAULT 0, next_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, settled_ms INTEGER,"
     " last_status INTEGER, last_error TEXT) STRICT;"
     "CREATE INDEX webhook_by_state ON webhook_deliveries (state, id);"
     "CREATE INDEX webhook_by_settled ON webhook_deliveries (settled_ms) WHERE settled_ms IS NOT NULL;"
     "CREATE TABLE webhook_line (one INTEGER PRIMARY KEY CHECK (one = 1), pending INTEGER NOT NULL,"
     " dropped INTEGER NOT NULL) STRICT;"
     "INSERT INTO webhook_line VALUES (1, 0, 0)"},
};

/* ---- the line ---- */

static const char SQL_ADD[] = "INSERT INTO webhook_deliveries (uuid, message_id, body, next_ms, created_ms)"
                              " SELECT ?1, ?2, ?3, ?4, ?4 FROM webhook_line WHERE pending < ?5";
static const char SQL_DROP[] = "UPDATE webhook_line SET dropped = dropped + 1";
static const char SQL_QUEUED[] = "UPDATE webhook_line SET pending = pending + ?1";

static sw_status queued(sw_tx *tx, int64_t more)
{
    return sw_tx_exec(tx, &STATEMENTS[QUEUED], NULL, "i", more);
}

sw_status store_add(sw_tx *tx, const char *uuid, int64_t message_id, const char *body, int64_t line_max)
{
    int64_t added;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[ADD], &added, "sisii", uuid, message_id, body, sw_tx_now(tx), line_max));
    if (added)
        return queued(tx, 1);
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[DROP], NULL, ""));
    return SW_TOO_LARGE;
}

static const char SQL_SETTLE[] =
    "UPDATE webhook_deliveries SET state = ?2, attempts = ?3, next_ms = ?4, last_status = nullif(?5, 0),"
    " last_error = nullif(?6, ''), settled_ms = CASE ?2 WHEN 'pending' THEN NULL ELSE ?7 END"
    " WHERE id = ?1 AND state = 'pending'";

sw_status store_settle(sw_tx *tx, const outcome *o)
{
    int64_t changed;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[SETTLE], &changed, "isiiisi", o->id, o->state, o->attempts, o->next_ms, o->status,
                      o->error, sw_tx_now(tx)));
    return changed && strcmp(o->state, "pending") != 0 ? queued(tx, -1) : SW_OK;
}

static const char SQL_REVIVE[] =
    "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, next_ms = ?2, settled_ms = NULL"
    " WHERE id = ?1 AND state = 'dead'";

sw_status store_revive(sw_tx *tx, int64_t id, bool *ret_dead)
{
    int64_t changed;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[REVIVE], &changed, "ii", id, sw_tx_now(tx)));
    *ret_dead = changed > 0;
    return changed ? queued(tx, 1) : SW_OK;
}

/* ---- reading ---- */

#define COLUMNS    "SELECT id, uuid, message_id, state, attempts, next_ms, created_ms, settled_ms, last_status, last_error"
#define DELIVERIES " FROM webhook_deliveries"

static const char SQL_FIRST[] = COLUMNS ", body" DELIVERIES " WHERE state = 'pending' ORDER BY id LIMIT 1";
static const char SQL_BY_ID[] = COLUMNS DELIVERIES " WHERE id = ?1";
static const char SQL_LIST[] = COLUMNS DELIVERIES " WHERE id > 0{clauses} ORDER BY id DESC LIMIT ?3";
static const char *const LIST_CLAUSES[] = {" AND state = ?1", " AND id < ?2", NULL};
enum { WITH_STATE = 1, WITH_BEFORE = 2 };

bool store_next(sw_rows *rows, delivery *ret)
{
    if (!sw_rows_next(rows))
        return false;
    *ret = (delivery){
        .id = sw_rows_int(rows, 0),
        .uuid = sw_rows_text(rows, 1),
        .message_id = sw_rows_int(rows, 2),
        .state = sw_rows_text(rows, 3),
        .attempts = sw_rows_int(rows, 4),
        .next_ms = sw_rows_int(rows, 5),
        .created_ms = sw_rows_int(rows, 6),
        .settled_ms = sw_rows_int(rows, 7),
        .last_status = sw_rows_int(rows, 8),
        .last_error = sw_rows_text(rows, 9),
    };
    return true;
}

sw_status store_first(sw_db *db, delivery *ret)
{
    sw_rows *rows;

    SW_TRY(sw_db_query(db, &STATEMENTS[FIRST], 0, &rows, ""));
    bool any = store_next(rows, ret);
    if (any)
        ret->body = sw_rows_text(rows, 10);
    SW_TRY(sw_rows_done(rows));
    return any ? SW_OK : SW_NOT_FOUND;
}

sw_status store_by_id(sw_db *db, int64_t id, delivery *ret)
{
    sw_rows *rows;

    SW_TRY(sw_db_query(db, &STATEMENTS[BY_ID], 0, &rows, "i", id));
    bool any = store_next(rows, ret);
    SW_TRY(sw_rows_done(rows));
    return any ? SW_OK : SW_NOT_FOUND;
}

sw_status store_list(sw_db *db, const char *state, int64_t before_id, int64_t limit, sw_rows **ret_rows)
{
    uint32_t mask = (*state ? WITH_STATE : 0u) | (before_id ? WITH_BEFORE : 0u);

    return sw_db_query(db, &STATEMENTS[LIST], mask, ret_rows, "sii", state, before_id, limit);
}

static const char SQL_BACKLOG[] =
    "SELECT pending, dropped, (SELECT count(*) FROM webhook_deliveries WHERE state = 'dead'),"
    " (SELECT created_ms FROM webhook_deliveries WHERE state = 'pending' ORDER BY id LIMIT 1) FROM webhook_line";

sw_status store_backlog(sw_db *db, backlog *ret)
{
    sw_rows *rows;

    SW_TRY(sw_db_query(db, &STATEMENTS[BACKLOG], 0, &rows, ""));
    if (sw_rows_next(rows))
        *ret = (backlog){.pending = sw_rows_int(rows, 0),
                         .dropped = sw_rows_int(rows, 1),
                         .dead = sw_rows_int(rows, 2),
                         .oldest_ms = sw_rows_int(rows, 3)};
    return sw_rows_done(rows);
}

/* ---- upkeep ---- */

static const char SQL_FORGET[] =
    "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries WHERE settled_ms < ?1"
    " ORDER BY settled_ms LIMIT 100)";

sw_status store_forget(sw_tx *tx, int64_t before_ms, bool *ret_more)
{
    int64_t gone;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[FORGET], &gone, "i", before_ms));
    *ret_more = gone > 0;
    return SW_OK;
}

static const char SQL_CLEAR[] = "DELETE FROM webhook_deliveries";
static const char SQL_CLEAR_LINE[] = "UPDATE webhook_line SET pending = 0, dropped = 0";

sw_status store_clear(sw_tx *tx)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[CLEAR], NULL, ""));
    return sw_tx_exec(tx, &STATEMENTS[CLEAR_LINE], NULL, "");
}

const sw_statement STATEMENTS[STATEMENT_COUNT] = {
    [ADD] = {"webhook_add", SQL_ADD, NULL},
    [DROP] = {"webhook_drop", SQL_DROP, NULL},
    [FIRST] = {"webhook_first", SQL_FIRST, NULL},
    [BY_ID] = {"webhook_by_id", SQL_BY_ID, NULL},
    [LIST] = {"webhook_list", SQL_LIST, LIST_CLAUSES},
    [SETTLE] = {"webhook_settle", SQL_SETTLE, NULL},
    [REVIVE] = {"webhook_revive", SQL_REVIVE, NULL},
    [QUEUED] = {"webhook_queued", SQL_QUEUED, NULL},
    [BACKLOG] = {"webhook_backlog", SQL_BACKLOG, NULL},
    [FORGET] = {"webhook_forget", SQL_FORGET, NULL},
    [CLEAR] = {"webhook_clear", SQL_CLEAR, NULL},
    [CLEAR_LINE] = {"webhook_clear_line", SQL_CLEAR_LINE, NULL},
};
