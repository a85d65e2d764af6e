/* What a socket hears after its recovery, or when it says hello: Butler hears the decisions that it has not got
 * (delivery.c), an ADMIN what can still be decided, and a human what was decided meanwhile (late_status.c). On a
 * worker. */
#include "approvals/approvals.h"

enum { GREET_AT_ONCE = 64 };

/* Has the recovery since that id replayed this request to its human? */
static bool replayed(const approval *a, int64_t user_id, int64_t since)
{
    return since >= 0 && a->target_user_id == user_id && a->chat_id > since;
}

/* What an ADMIN can still decide. */
static sw_status greet_admin(sw_request *req, int64_t since, int64_t cursor, sw_replay_out *out, int64_t *ret_cursor,
                             bool *ret_more)
{
    sw_db *db = sw_request_db(req);
    sw_rows *rows = NULL;
    approval a;
    int64_t me = sw_request_principal(req)->user_id, now_ms = sw_now_ms(), pruned_to = 0, last = 0;
    int seen = 0;

    SW_TRY(retention_pruned_to(db, &pruned_to));
    SW_TRY(chat_last_id(db, &last));
    if (since < pruned_to || since > last)
        since = -1; /* the answer was recovered:false, so nothing was replayed */
    *ret_more = false;
    SW_TRY(approvals_pending(db, cursor, now_ms, GREET_AT_ONCE, &rows));
    for (; approvals_next(rows, &a); seen++) {
        int64_t first = 0, latest = 0;
        if (sw_replay_full(out)) {
            *ret_more = true;
            break;
        }
        if (!replayed(&a, me, since)) {
            if (a.target_user_id == me)
                first = a.conversation_id;
            else
                SW_TRY(pair_get(db, me, a.butler_id, &first, &latest));
            frame_write_request(sw_replay_frame(out, a.chat_id, 0, 0), &a, first, now_ms);
        }
        cursor = a.id;
    }
    SW_TRY(sw_rows_done(rows));
    *ret_more = *ret_more || seen == GREET_AT_ONCE;
    *ret_cursor = cursor;
    return SW_OK;
}

sw_status approvals_greet(sw_request *req, bool hello, int64_t since, int64_t cursor, sw_replay_out *out,
                          int64_t *ret_cursor, bool *ret_more)
{
    sw_role role = sw_request_principal(req)->role;

    (void)hello;
    *ret_more = false;
    *ret_cursor = cursor;
    if (role == SW_ROLE_BUTLER)
        return delivery_greet(req, cursor, out, ret_cursor, ret_more);
    if (role == SW_ROLE_ADMIN)
        SW_TRY(greet_admin(req, since, cursor, out, ret_cursor, ret_more));
    return since >= 0 && !*ret_more ? late_status_greet(req, out) : SW_OK;
}
