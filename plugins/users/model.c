/* Writes the user object of the contract, straight from a row of a profile statement. On the thread of the query. */
#include "users.h"

const char *actor_type(sw_role role)
{
    return SW_ROLE_BIT(role) & SW_ROLES_HUMAN ? "HUMAN" : "SYSTEM";
}

bool caller_is_human(const sw_request *req)
{
    return (SW_ROLE_BIT(sw_request_principal(req)->role) & SW_ROLES_HUMAN) != 0;
}

/* Writes status, online, last_seen_at and last_report. Only agents have reports; an agent that never sent one shows its
 * connection. */
static void write_presence(sw_json *out, const sw_rows *row, sw_host *host, sw_role role, bool always_report)
{
    bool online = sw_user_online(host, sw_rows_int(row, COL_ID));
    int64_t seen = online ? sw_now_ms() : sw_rows_int(row, COL_LAST_SEEN);

    sw_json_text(out, "status", online ? "ONLINE" : "OFFLINE");
    sw_json_bool(out, "online", online);
    if (seen)
        sw_json_time(out, "last_seen_at", seen);
    if (SW_ROLE_BIT(role) & SW_ROLES_HUMAN)
        return;
    if (!sw_rows_null(row, COL_LAST_REPORT))
        sw_json_column(out, "last_report", row, COL_LAST_REPORT);
    else if (online || seen)
        sw_json_text(out, "last_report", online ? "websocket_connected" : "websocket_disconnected");
    else if (always_report)
        sw_json_text(out, "last_report", "");
}

static sw_role row_role(const sw_rows *row)
{
    return sw_role_of(sw_rows_text(row, COL_ROLE));
}

void user_write(sw_json *out, const char *key, const sw_rows *row, sw_host *host, bool hint, const char *api_token)
{
    sw_role role = row_role(row);

    sw_json_object_begin(out, key);
    sw_json_int(out, "id", sw_rows_int(row, COL_ID));
    sw_json_column(out, "username", row, COL_NAME);
    sw_json_text(out, "role", sw_role_name(role));
    sw_json_text(out, "actor_type", actor_type(role));
    sw_json_column(out, "agent_kind", row, COL_AGENT_KIND);
    sw_json_column(out, "runtime_kind", row, COL_RUNTIME_KIND);
    sw_json_column(out, "description", row, COL_DESCRIPTION);
    if (api_token)
        sw_json_text(out, "api_token", api_token);
    if (hint)
        sw_json_column(out, "token_hint", row, COL_TOKEN_HINT);
    if (!sw_rows_null(row, COL_TOKEN_UPDATED))
        sw_json_time(out, "token_updated_at", sw_rows_int(row, COL_TOKEN_UPDATED));
    write_presence(out, row, host, role, false);
    sw_json_time(out, "created_at", sw_rows_int(row, COL_CREATED));
    sw_json_object_end(out);
}

void user_write_status(sw_json *out, const sw_rows *row, sw_host *host)
{
    sw_role role = row_role(row);

    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", sw_rows_int(row, COL_ID));
    sw_json_column(out, "username", row, COL_NAME);
    sw_json_text(out, "role", sw_role_name(role));
    write_presence(out, row, host, role, true);
    sw_json_object_end(out);
}

sw_status user_reply(sw_tx *tx, int http_status, int64_t id, const char *api_token)
{
    const users_state *state = sw_tx_state(tx);
    sw_rows *row;

    SW_TRY(store_profile(sw_tx_db(tx), id, &row));
    if (!sw_rows_next(row)) {
        SW_TRY(sw_rows_done(row));
        return SW_INTERNAL;
    }
    user_write(sw_tx_reply(tx, http_status), NULL, row, state->host, true, api_token);
    return sw_rows_done(row);
}
