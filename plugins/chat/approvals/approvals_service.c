/* The service approvals/1, for other plugins: a human answers by another road, or a plugin asks how things stand.
 * decide() runs in the caller's write step, find() on any connection. `self` is chat's state, since the step that
 * calls may be another plugin's. */
#include "approvals/approvals.h"

#include <string.h>

enum { SW_APPROVAL_FIRST = offsetof(sw_approval, decided_ms) + sizeof(int64_t) }; /* what ABI 1.0 has of it */

/* Copies as many members as the caller's headers know. */
static sw_status give(const sw_approval *whole, sw_approval *ret)
{
    uint32_t size = ret->size < sizeof *whole ? ret->size : (uint32_t)sizeof *whole;

    if (size < SW_APPROVAL_FIRST)
        return SW_INTERNAL;
    memcpy(ret, whole, size);
    ret->size = size;
    return SW_OK;
}

static sw_status tell(const approval *a, sw_approval *ret, int64_t now_ms)
{
    sw_approval whole = {
        .approval_id = a->id,
        .action_id = a->action_id,
        .status = approval_status(a, now_ms),
        .decided_by = a->responder_name,
        .command = a->command,
        .reason = a->reason,
        .target_agent_name = a->target_agent_name,
        .channel = a->channel,
        .expires_ms = a->expires_ms,
        .decided_ms = a->decided_ms,
    };
    return give(&whole, ret);
}

/* What is told of a request that does not exist. */
static sw_status tell_unknown(const char *action_id, sw_approval *ret)
{
    sw_approval whole = {
        .action_id = action_id,
        .status = "",
        .decided_by = "",
        .command = "",
        .reason = "",
        .target_agent_name = "",
        .channel = "",
    };
    return give(&whole, ret);
}

static sw_status decide_for(void *self, sw_tx *tx, const char *action_id, bool approved, int64_t user_id,
                            const char *responder_name, const char *channel, sw_decision *ret_decision,
                            sw_approval *ret)
{
    answer a = {
        .action_id = action_id,
        .approved = approved,
        .user_id = user_id,
        .responder_name = responder_name,
        .channel = channel,
    };
    SW_TRY(decide(self, tx, &a));
    *ret_decision = a.outcome;
    if (!ret)
        return SW_OK;
    return a.outcome == SW_DECISION_UNKNOWN ? tell_unknown(action_id, ret) : tell(&a.now, ret, sw_tx_now(tx));
}

static sw_status find(void *self, sw_db *db, const char *action_id, sw_approval *ret)
{
    approval a;

    (void)self;
    SW_TRY(approval_by_action(db, action_id, &a));
    return tell(&a, ret, sw_now_ms());
}

const sw_approvals_service APPROVALS_SERVICE = {
    .size = sizeof APPROVALS_SERVICE,
    .decide = decide_for,
    .find = find,
};
