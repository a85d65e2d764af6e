/* GET /api/chat/history/:peer_id: what the caller and the peer said in all their threads, oldest first, the latest
 * 100. On a worker. */
#include "talk/talk.h"

/* With Butler, an ADMIN also sees what Butler asked other humans, because it may decide that too. */
static sw_status reply_butler(sw_request *req, int64_t butler, const id_range *range)
{
    int64_t ids[CHAT_PAGE_MAX], me = sw_request_principal(req)->user_id, first = 0, latest = 0;
    size_t count = 0;

    SW_TRY(ids_of_butler(sw_request_db(req), me, butler, range, ids, &count));
    SW_TRY(pair_get(sw_request_db(req), me, butler, &first, &latest));
    return page_reply(req, ids, count, range->after < 0, first);
}

sw_status get_history(sw_request *req)
{
    const chat *c = sw_request_state(req);
    const sw_principal *who = sw_request_principal(req);
    int64_t ids[CHAT_PAGE_MAX], peer = sw_path_id(req, "peer_id");
    sw_user butler = {.size = sizeof butler};
    id_range range;
    size_t count = 0;

    range_read(req, CHAT_HISTORY_DEFAULT, &range);
    SW_TRY(sw_check(req));
    if (who->role == SW_ROLE_ADMIN) {
        sw_status found = c->users->butler(c->users_self, sw_request_db(req), &butler);
        if (found != SW_OK && found != SW_NOT_FOUND)
            return found;
        if (found == SW_OK && butler.id == peer)
            return reply_butler(req, peer, &range);
    }
    SW_TRY(ids_of_pair(sw_request_db(req), who->user_id, peer, &range, ids, &count));
    return page_reply(req, ids, count, range.after < 0, -1);
}
