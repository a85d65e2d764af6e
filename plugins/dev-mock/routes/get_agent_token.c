/* The raw tokens of agents: each is kept when it is made, in the transaction that stores its hash, and GET
 * /api/dev/mock/agent-token/:username answers with it. The events are in the publisher's transaction; the route is on a
 * worker, and the token that it finds belongs to the request. */
#include "../dev_mock.h"

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

/* ---- events ---- */

sw_status on_token_changed(sw_tx *tx, const void *data)
{
    const sw_token_event *event = data;

    return sw_tx_exec(tx, &STATEMENTS[PUT], NULL, "isss", event->user_id, event->username, sw_role_name(event->role),
                      event->raw_token);
}

sw_status on_user_removed(sw_tx *tx, const void *data)
{
    const sw_user_event *event = data;

    return sw_tx_exec(tx, &STATEMENTS[REMOVE], NULL, "i", event->user_id);
}

/* Empties this plugin's own table, as every plugin does. */
sw_status on_store_reset(sw_tx *tx, const void *data)
{
    (void)data;
    return sw_tx_exec(tx, &STATEMENTS[CLEAR], NULL, "");
}

/* ---- the route ---- */

/* SW_NOT_FOUND when none was kept. */
static sw_status find_token(sw_db *db, int64_t user_id, const char **ret_token)
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

sw_status get_agent_token(sw_request *req)
{
    const dev_mock_state *state = sw_request_state(req);
    const char *token;
    sw_user user = {.size = sizeof user};

    sw_status found =
        state->users->by_name(state->users_self, sw_request_db(req), sw_path_text(req, "username"), &user);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "user not found");
    SW_TRY(found);
    found = find_token(sw_request_db(req), user.id, &token);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "raw token not recorded; rotate it");
    SW_TRY(found);

    sw_reply_header(req, "Cache-Control", "no-store");
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "username", user.name);
    sw_json_text(out, "role", sw_role_name(user.role));
    sw_json_text(out, "api_token", token);
    sw_json_object_end(out);
    return SW_OK;
}
