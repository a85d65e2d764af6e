/* since_id and greetings: stored frames again, exactly as they were sent live. */
#include "store.h"

enum { IDS_AT_ONCE = 128, GREET_AT_ONCE = 64, DECIDED_AT_ONCE = 256 };

static sw_status last_id(sw_request *req, int64_t *ret_id)
{
    return chat_last_id(sw_request_db(req), ret_id);
}

static sw_status complete_since(sw_request *req, int64_t after, bool *ret_complete)
{
    int64_t pruned_to = 0;

    SW_TRY(chat_pruned_to(sw_request_db(req), &pruned_to));
    *ret_complete = pruned_to <= after;
    return SW_OK;
}

static sw_status page(sw_request *req, int64_t after, sw_replay_out *out, bool *ret_more)
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
                continue; /* pruned in this moment */
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

/* Decisions that Butler has not got, in their order. */
static sw_status greet_butler(sw_request *req, int64_t cursor, sw_replay_out *out, int64_t *ret_cursor, bool *ret_more)
{
    chat *c = sw_request_state(req);
    sw_rows *rows = NULL;
    approval a;
    int64_t butler = sw_request_principal(req)->user_id;
    int seen = 0;

    *ret_more = false;
    SW_TRY(approvals_undelivered(sw_request_db(req), butler, cursor, GREET_AT_ONCE, &rows));
    for (; approvals_next(rows, &a); seen++) {
        if (sw_replay_full(out)) {
            *ret_more = true;
            break;
        }
        if (!notices_is_delivered(c->notices, a.id))
            frame_write_response(sw_replay_frame(out, a.response_id, SW_FRAME_RECEIPT, a.id), &a);
        cursor = a.response_id;
    }
    SW_TRY(sw_rows_done(rows));
    *ret_more = *ret_more || seen == GREET_AT_ONCE;
    *ret_cursor = cursor;
    return SW_OK;
}

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

    SW_TRY(chat_pruned_to(db, &pruned_to));
    SW_TRY(chat_last_id(db, &last));
    if (since < pruned_to || since > last)
        since = -1; /* recovered:false: nothing was replayed */
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

/* What was decided while the recovery ran: its pages may have read the request as pending, and the live update was not
 * let through. */
static sw_status greet_decided(sw_request *req, sw_replay_out *out)
{
    const chat *c = sw_request_state(req);
    int64_t ids[DECIDED_AT_ONCE];
    size_t count = notices_decided_since(c->notices, sw_request_principal(req)->opened_ms, ids, DECIDED_AT_ONCE);

    for (size_t i = 0; i < count; i++) {
        approval a;
        sw_status found = approval_by_id(sw_request_db(req), ids[i], &a);
        if (found == SW_NOT_FOUND)
            continue;
        SW_TRY(found);
        frame_write_status(sw_replay_frame(out, 0, 0, 0), a.action_id, a.status, a.decided_ms);
    }
    return SW_OK;
}

static sw_status greet(sw_request *req, bool hello, int64_t since, int64_t cursor, sw_replay_out *out,
                       int64_t *ret_cursor, bool *ret_more)
{
    sw_role role = sw_request_principal(req)->role;

    (void)hello;
    *ret_more = false;
    *ret_cursor = cursor;
    if (role == SW_ROLE_BUTLER)
        return greet_butler(req, cursor, out, ret_cursor, ret_more);
    if (role == SW_ROLE_ADMIN)
        SW_TRY(greet_admin(req, since, cursor, out, ret_cursor, ret_more));
    return since >= 0 && !*ret_more ? greet_decided(req, out) : SW_OK;
}

const sw_recovery CHAT_RECOVERY = {
    .size = sizeof CHAT_RECOVERY,
    .last_id = last_id,
    .complete_since = complete_since,
    .page = page,
    .greet = greet,
    .greet_roles = SW_ROLE_BIT(SW_ROLE_BUTLER),
    .greet_hello_roles = SW_ROLES_HUMAN,
    .receipt = notices_receipt,
};
