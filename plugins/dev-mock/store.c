/* Every SQL statement of this plugin, each next to the function that binds it. */
#include "dev_mock.h"

/* Names of the rows of the table at the end of the file. */
enum { PUT, FIND, REMOVE, CLEAR };

static const char SQL_PUT[] =
    "INSERT OR REPLACE INTO dev_mock_tokens (user_id, username, role, raw_token) VALUES (?1, ?2, ?3, ?4)";

sw_status store_token_put(sw_tx *tx, const sw_token_event *event)
{
    return sw_tx_exec(tx, &DEV_MOCK_STATEMENTS[PUT], NULL, "isss", event->user_id, event->username,
                      sw_role_name(event->role), event->raw_token);
}

static const char SQL_FIND[] = "SELECT raw_token FROM dev_mock_tokens WHERE user_id = ?1";

sw_status store_token_find(sw_db *db, int64_t user_id, const char **ret_token)
{
    sw_rows *rows;

    SW_TRY(sw_db_query(db, &DEV_MOCK_STATEMENTS[FIND], 0, &rows, "i", user_id));
    const char *token = sw_rows_next(rows) ? sw_rows_text(rows, 0) : NULL;
    SW_TRY(sw_rows_done(rows));
    if (!token)
        return SW_NOT_FOUND;
    *ret_token = token;
    return SW_OK;
}

static const char SQL_REMOVE[] = "DELETE FROM dev_mock_tokens WHERE user_id = ?1";

sw_status store_token_remove(sw_tx *tx, int64_t user_id)
{
    return sw_tx_exec(tx, &DEV_MOCK_STATEMENTS[REMOVE], NULL, "i", user_id);
}

static const char SQL_CLEAR[] = "DELETE FROM dev_mock_tokens";

sw_status store_clear(sw_tx *tx)
{
    return sw_tx_exec(tx, &DEV_MOCK_STATEMENTS[CLEAR], NULL, "");
}

const sw_statement DEV_MOCK_STATEMENTS[DEV_MOCK_STATEMENT_COUNT] = {
    [PUT] = {"put", SQL_PUT, NULL},
    [FIND] = {"find", SQL_FIND, NULL},
    [REMOVE] = {"remove", SQL_REMOVE, NULL},
    [CLEAR] = {"clear", SQL_CLEAR, NULL},
};
