/* Recovery with since_id: stored frames are sent again, exactly as they were sent live. On a worker. What a socket
 * hears after that is in approvals/greet.c. */
#include "talk/talk.h"

enum { IDS_AT_ONCE = 128 };

sw_status recovery_last_id(sw_request *req, int64_t *ret_id)
{
    return chat_last_id(sw_request_db(req), ret_id);
}

sw_status recovery_complete_since(sw_request *req, int64_t after, bool *ret_complete)
{
    int64_t pruned_to = 0;

    SW_TRY(retention_pruned_to(sw_request_db(req), &pruned_to));
    *ret_complete = pruned_to <= after;
    return SW_OK;
}

sw_status recovery_page(sw_request *req, int64_t after, sw_replay_out *out, bool *ret_more)
{
    const sw_principal *who = sw_request_principal(req);
    sw_db *db = sw_request_db(req);
    int64_t now_ms = sw_now_ms();

    for (;;) {
        int64_t ids[IDS_AT_ONCE];
        size_t count = 0;

        SW_TRY(ids_of_inbox(db, who->user_id, role_human(who->role), after, IDS_AT_ONCE, ids, &count));
        for (size_t i = 0; i < count; i++) {
            chat_row row;
            if (sw_replay_full(out)) {
                *ret_more = true;
                return SW_OK;
            }
            sw_status found = row_get(db, ids[i], &row);
            if (found == SW_NOT_FOUND)
                continue; /* it was pruned in this moment */
            SW_TRY(found);
            frame_write_row(sw_replay_frame(out, row.id, 0, 0), &row, now_ms);
        }
        if (count < IDS_AT_ONCE) {
            *ret_more = false;
            return SW_OK;
        }
        after = ids[count - 1];
    }
}
