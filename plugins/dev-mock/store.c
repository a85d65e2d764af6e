/* The SQL of this plugin: every statement, and the functions that bind them. Writes are parts of a write step; the
 * token that is found belongs to the request. */
#include "dev_mock.h"

enum { PUT, FIND, REMOVE, CLEAR, DROP };

static const sw_statement STATEMENTS[] = {
    [PUT] = {.name = "put",
             .sql = "INSERT OR REPLACE INTO dev_mock_tokens (user_id, username, role, raw_token)"
                    " VALUES (?1, ?2, ?3, ?4)"},
    [FIND] = {.name = "find", .sql = "SELECT raw_token FROM dev_mock_tokens WHERE user_id = ?1"},
    [REMOVE] = {.name = "remove", .sql = "DELETE FROM dev_mock_tokens WHERE user_id = ?1"},
    [CLEAR] = {.name = "clear", .sql = "DELETE FROM dev_mock_tokens"},
    /* The server runs it in production: core/plugin/README.md. */
    [DROP] = {.name = "dev-mock.drop-in-production", .sql = "DROP TABLE dev_mock_tokens"},
};

const sw_table DEV_MOCK_STATEMENTS = SW_TABLE(STATEMENTS);

sw_status store_token_put(sw_tx *tx, const sw_token_event *event)
{
    return sw_tx_exec(tx, &STATEMENTS[PUT], NULL, "isss", event->user_id, event->username, sw_role_name(event->role),
                      event->raw_token);
}

sw_status store_token_find(sw_db *db, int64_t user_id, const char **ret_token)
{
    sw_rows *rows;

    SW_TRY(sw_db_query(db, &STATEMENTS[FIND], 0, &rows, "i", user_id));
    const char *token = sw_rows_next(rows) ? sw_rows_text(rows, 0) : NULL;
    SW_TRY(sw_rows_done(rows));
    if (!token)
        return SW_NOT_FOUND;
    *ret_token = token;
    return SW_OK;
}

sw_status store_token_remove(sw_tx *tx, int64_t user_id)
{
    return sw_tx_exec(tx, &STATEMENTS[REMOVE], NULL, "i", user_id);
}

sw_status store_clear(sw_tx *tx)
{
    return sw_tx_exec(tx, &STATEMENTS[CLEAR], NULL, "");
}
