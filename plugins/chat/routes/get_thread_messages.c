/* GET /api/chat/threads/:thread_id/messages: the latest 200 of one of the caller's own threads, oldest first. */
#include "store.h"

sw_status get_thread_messages(sw_request *req)
{
    int64_t ids[CHAT_PAGE_MAX], id = sw_path_id(req, "thread_id");
    id_range range;
    thread_row t;
    size_t count = 0;

    range_read(req, CHAT_THREAD_DEFAULT, &range);
    SW_TRY(sw_check(req));
    sw_status found = thread_get(sw_request_db(req), id, &t);
    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    if (found == SW_NOT_FOUND || t.owner_id != sw_request_principal(req)->user_id)
        return thread_missing(req);
    SW_TRY(ids_of_thread(sw_request_db(req), id, &range, ids, &count));
    return page_reply(req, ids, count, range.after < 0, -1);
}
