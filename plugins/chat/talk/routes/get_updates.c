/* GET /api/chat/updates: the rows that a since_id recovery of the caller replays, oldest first. */
#include "talk/talk.h"

sw_status get_updates(sw_request *req)
{
    const sw_principal *who = sw_request_principal(req);
    int64_t ids[CHAT_PAGE_MAX];
    int64_t after = sw_query_int(req, "after_id", 0, 0, INT64_MAX);
    int64_t limit = sw_query_int(req, "limit", CHAT_HISTORY_DEFAULT, 1, CHAT_PAGE_MAX);
    size_t count = 0;

    SW_TRY(sw_check(req));
    SW_TRY(ids_of_inbox(sw_request_db(req), who->user_id, role_human(who->role), after, limit, ids, &count));
    return page_reply(req, ids, count, false, -1);
}
