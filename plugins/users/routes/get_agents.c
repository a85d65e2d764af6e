/* GET /api/users/agents: lists the AGENT and BUTLER users by id. */
#include "../users.h"

sw_status get_agents(sw_request *req)
{
    return users_reply_list(req, SW_ROLES_HUMAN);
}
