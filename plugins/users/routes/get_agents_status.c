/* GET /api/users/agents/status: tells in short which agents are connected. */
#include "../users.h"

static void write_status(sw_json *out, const sw_rows *row, sw_host *host, bool hint)
{
    (void)hint;
    user_write_status(out, row, host);
}

sw_status get_agents_status(sw_request *req)
{
    const users_filter agents = {
        .exclude = SW_ROLES_ALL & ~SW_ROLE_BIT(SW_ROLE_AGENT),
        .search = "",
        .limit = -1,
    };

    return users_reply_rows(req, &agents, write_status);
}
