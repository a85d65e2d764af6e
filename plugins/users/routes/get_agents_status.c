/* GET /api/users/agents/status: who of the agents is connected, in short. */
#include "../users.h"

sw_status get_agents_status(sw_request *req)
{
    const users_state *state = sw_request_state(req);
    size_t bytes_max = (size_t)sw_option_core_int(state->host, "limits.page_bytes");
    users_filter agents = {
        .exclude = SW_ROLES_ALL & ~SW_ROLE_BIT(SW_ROLE_AGENT),
        .search = "",
        .limit = -1,
    };
    sw_rows *row;

    SW_TRY(store_list(sw_request_db(req), &agents, &row));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_array_begin(out, NULL);
    while (sw_rows_next(row)) {
        if (bytes_max && sw_json_length(out) >= bytes_max) {
            sw_reply_header(req, "X-Truncated", "true");
            break;
        }
        user_write_status(out, row, state->host);
    }
    sw_json_array_end(out);
    return sw_rows_done(row);
}
