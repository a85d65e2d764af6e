/* GET /api/chat/threads/:thread_id/messages: the latest 200 of one of the caller's own threads, oldest first. On a
 * worker. */
#include "talk/talk.h"

#include <string.h>

/* An ADMIN's copies of what others were asked belong to its default thread with Butler, live and in the history, and
 * so here too. */
static bool has_requests_of_others(const sw_principal *who, const thread_row *t)
{
    return who->role == SW_ROLE_ADMIN && t->is_default && strcmp(t->channel_kind, "butler_direct") == 0;
}

sw_status get_thread_messages(sw_request *req)
{
    const sw_principal *who = sw_request_principal(req);
    int64_t ids[CHAT_PAGE_MAX], id = sw_path_id(req, "thread_id");
    id_range range;
    thread_row t;
    size_t count = 0;

    range_read(req, CHAT_THREAD_DEFAULT, &range);
    SW_TRY(sw_check(req));
    sw_status found = thread_get(sw_request_db(req), id, &t);
    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    if (found == SW_NOT_FOUND || t.owner_id != who->user_id)
        return thread_missing(req);
    if (has_requests_of_others(who, &t)) {
        SW_TRY(ids_of_butler_thread(sw_request_db(req), who->user_id, id, &range, ids, &count));
        return page_reply(req, ids, count, range.after < 0, id);
    }
    SW_TRY(ids_of_thread(sw_request_db(req), id, &range, ids, &count));
    return page_reply(req, ids, count, range.after < 0, -1);
}
