/* GET /api/users: lists everybody, for admins. */
#include "../users.h"

sw_status get_users(sw_request *req)
{
    return users_reply_list(req, 0);
}
