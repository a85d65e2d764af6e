/* Nobody answered in time, or the human or the agent is gone: EXPIRED, which is not a rejection. In the write steps of
 * a second's housekeeping and of a user's removal. And what rules have decided goes when it is old. */
#include "approvals/approvals.h"

enum { AT_ONCE = 8, RULED_AT_ONCE = 64 }; /* so that a housekeeping step stays within its two milliseconds */

enum { DUE, OF_TARGET, OF_AGENT, PRUNE_INPUTS, PRUNE };

static const sw_statement STATEMENTS[] = {
    [DUE] = {.name = "approval_due",
             .sql = SELECT_APPROVAL " WHERE a.status = 'PENDING' AND a.due_ms <= ?1 ORDER BY a.due_ms LIMIT ?2"},
    [OF_TARGET] = {.name = "approval_of_target",
                   .sql = SELECT_APPROVAL " WHERE a.target_user_id = ?1 AND a.status = 'PENDING' ORDER BY a.id"},
    [OF_AGENT] = {.name = "approval_of_agent",
                  .sql = SELECT_APPROVAL " WHERE a.target_agent_id = ?1 AND a.status = 'PENDING' ORDER BY a.id"},
    [PRUNE_INPUTS] = {.name = "approval_prune_inputs",
                      .sql = "DELETE FROM chat_approval_inputs WHERE approval_id IN (SELECT id FROM chat_approvals"
                             " WHERE chat_id = 0 AND decided_ms < ?1 ORDER BY decided_ms, id LIMIT ?2)"},
    [PRUNE] = {.name = "approval_prune",
               .sql = "DELETE FROM chat_approvals WHERE id IN (SELECT id FROM chat_approvals WHERE chat_id = 0"
                      " AND decided_ms < ?1 ORDER BY decided_ms, id LIMIT ?2)"},
};

const sw_table EXPIRY_STATEMENTS = SW_TABLE(STATEMENTS);

/* Expired by `steady_ms`, soonest first, at most `limit`. */
static sw_status approvals_due(sw_db *db, int64_t steady_ms, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[DUE], 0, ret, "ii", steady_ms, limit);
}

/* Pending ones that ask this human. */
static sw_status approvals_of_target(sw_db *db, int64_t user_id, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[OF_TARGET], 0, ret, "i", user_id);
}

/* Pending ones that are about this agent. */
static sw_status approvals_of_agent(sw_db *db, int64_t agent_id, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[OF_AGENT], 0, ret, "i", agent_id);
}

static sw_status expire(const chat *c, sw_tx *tx, approval *a)
{
    bool done = false;

    a->status = STATUS_EXPIRED;
    a->decided_ms = sw_tx_now(tx);
    a->channel = "expiry";
    SW_TRY(approval_decide(tx, a, 0, &done));
    return done ? announce_decision(c, tx, a, (sw_str){NULL, 0}) : SW_OK;
}

sw_status expire_due(sw_tx *tx, bool *ret_more)
{
    approval due[AT_ONCE];
    sw_rows *rows = NULL;
    size_t count = 0;

    SW_TRY(approvals_due(sw_tx_db(tx), sw_steady_ms(sw_tx_host(tx)), AT_ONCE, &rows));
    while (count < AT_ONCE && approvals_next(rows, &due[count]))
        count++;
    SW_TRY(sw_rows_done(rows));
    for (size_t i = 0; i < count; i++)
        SW_TRY(expire(sw_tx_state(tx), tx, &due[i]));
    *ret_more = count == AT_ONCE;
    return SW_OK;
}

/* Decisions by rule would drown the others. */
sw_status ruled_prune(sw_tx *tx, bool *ret_more)
{
    int64_t before_ms = sw_tx_now(tx) - sw_option_int(sw_tx_host(tx), "ruled_retention"), count = 0;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[PRUNE_INPUTS], NULL, "ii", before_ms, (int64_t)RULED_AT_ONCE));
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[PRUNE], &count, "ii", before_ms, (int64_t)RULED_AT_ONCE));
    *ret_more = count == RULED_AT_ONCE;
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

/* The event user.removed: memory forgets the user, and the requests that it was asked, or that it would have run,
 * expire.
 */
sw_status on_user_removed(sw_tx *tx, const void *data)
{
    const sw_user_event *event = data;
    const chat *c = sw_tx_state(tx);

    SW_TRY(cache_forget_user_later(c->cache, tx, event->user_id));
    pace_forget(c->pace, event->user_id);
    SW_TRY(pause_forget(tx, event->user_id));
    SW_TRY(rules_forget_agent(c, tx, event->user_id));
    SW_TRY(expire_all(c, tx, approvals_of_target, event->user_id));
    return expire_all(c, tx, approvals_of_agent, event->user_id);
}
