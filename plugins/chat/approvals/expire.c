/* Requests that nobody answered in time, or whose human or agent is gone, become EXPIRED. That is not a rejection. In
 * write steps: a second's housekeeping, and the removal of a user. */
#include "approvals/approvals.h"

enum { AT_ONCE = 8 }; /* so that a housekeeping step stays within its two milliseconds */

static sw_status expire(const chat *c, sw_tx *tx, approval *a)
{
    bool done = false;

    a->status = STATUS_EXPIRED;
    a->decided_ms = sw_tx_now(tx);
    a->channel = "expiry";
    SW_TRY(approval_decide(tx, a, &done));
    return done ? announce_decision(c, tx, a, (sw_str){NULL, 0}) : SW_OK;
}

sw_status expire_due(sw_tx *tx, bool *ret_more)
{
    approval due[AT_ONCE];
    sw_rows *rows = NULL;
    size_t count = 0;

    SW_TRY(approvals_due(sw_tx_db(tx), sw_tx_now(tx), AT_ONCE, &rows));
    while (count < AT_ONCE && approvals_next(rows, &due[count]))
        count++;
    SW_TRY(sw_rows_done(rows));
    for (size_t i = 0; i < count; i++)
        SW_TRY(expire(sw_tx_state(tx), tx, &due[i]));
    *ret_more = count == AT_ONCE;
    return SW_OK;
}

/* Reads a few before it announces them, since announcing writes to the same table. */
static sw_status expire_all(const chat *c, sw_tx *tx, sw_status (*begin)(sw_db *, int64_t, sw_rows **), int64_t id)
{
    for (;;) {
        approval open[AT_ONCE];
        sw_rows *rows = NULL;
        size_t count = 0;

        SW_TRY(begin(sw_tx_db(tx), id, &rows));
        while (count < AT_ONCE && approvals_next(rows, &open[count]))
            count++;
        SW_TRY(sw_rows_done(rows));
        for (size_t i = 0; i < count; i++)
            SW_TRY(expire(c, tx, &open[i]));
        if (count < AT_ONCE)
            return SW_OK;
    }
}

sw_status expire_of_user(chat *c, sw_tx *tx, int64_t user_id)
{
    SW_TRY(expire_all(c, tx, approvals_of_target, user_id));
    return expire_all(c, tx, approvals_of_agent, user_id);
}
