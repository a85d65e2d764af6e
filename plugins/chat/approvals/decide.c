/* Somebody answers. Everything that decides happens in one write step: it reads what is stored, it reads the clock,
 * and one conditional update takes the first decision. Then announce.c makes it known. */
#include "approvals/approvals.h"

#include <string.h>

/* Is this user an ADMIN, or the human who was asked? *ret_user is filled only then. */
static sw_status may_answer(const chat *c, sw_tx *tx, const answer *a, sw_user *ret_user, bool *ret_may)
{
    sw_user user = {.size = sizeof user};
    sw_status found = c->users->by_id(c->users_self, sw_tx_db(tx), a->user_id, &user);

    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;
    *ret_may =
        found == SW_OK && (user.role == SW_ROLE_ADMIN || (role_human(user.role) && user.id == a->now.target_user_id));
    if (*ret_may)
        *ret_user = user;
    return SW_OK;
}

static sw_decision outcome_of_decided(const answer *a, int64_t now_ms)
{
    if (strcmp(approval_status(&a->now, now_ms), STATUS_EXPIRED) == 0)
        return SW_DECISION_EXPIRED;
    bool approved = strcmp(a->now.status, STATUS_APPROVED) == 0;
    return approved == a->approved ? SW_DECIDED_SAME : SW_DECIDED_OTHERWISE;
}

/* A conversation that was given must be the answering human's own with Butler; it is relayed with the answer. */
static sw_status check_conversation(const chat *c, sw_tx *tx, answer *a, sw_role role)
{
    envelope e = {
        .sender_id = a->user_id,
        .sender_role = role,
        .target_id = a->now.butler_id,
        .target_role = SW_ROLE_BUTLER,
        .asked = a->conversation_id,
    };
    if (!a->conversation_id)
        return SW_OK;
    SW_TRY(conversation_settle(c, tx, &e, &a->fault));
    return a->fault ? fault_status(a->fault) : SW_OK;
}

static approval decided_by(const answer *a, const sw_user *user, int64_t now_ms)
{
    approval decided = a->now;

    decided.status = a->approved ? STATUS_APPROVED : STATUS_REJECTED;
    decided.decided_ms = now_ms;
    decided.decider_id = user->id;
    decided.decider_name = user->name;
    decided.decider_role = sw_role_name(user->role);
    decided.responder_name = a->responder_name && *a->responder_name ? a->responder_name : user->name;
    decided.channel = a->channel ? a->channel : "";
    decided.response_conversation = a->conversation_id;
    return decided;
}

sw_status decide(const chat *c, sw_tx *tx, answer *a)
{
    sw_user user = {.size = sizeof user};
    bool may = false, done = false;

    a->fault = FAULT_NONE;
    sw_status found = approval_by_action(sw_tx_db(tx), a->action_id, &a->now);
    if (found == SW_NOT_FOUND) {
        a->outcome = SW_DECISION_UNKNOWN;
        return SW_OK;
    }
    SW_TRY(found);
    SW_TRY(may_answer(c, tx, a, &user, &may));
    if (!may) {
        a->outcome = SW_DECISION_FORBIDDEN;
        return SW_OK;
    }
    if (strcmp(approval_status(&a->now, sw_tx_now(tx)), STATUS_PENDING) == 0) {
        SW_TRY(check_conversation(c, tx, a, user.role));
        approval decided = decided_by(a, &user, sw_tx_now(tx));
        SW_TRY(approval_decide(tx, &decided, &done));
        if (!done) /* cannot happen: it was pending a moment ago, and there is one writer */
            return SW_INTERNAL;
        a->now = decided;
        a->outcome = SW_DECIDED;
        return announce_decision(c, tx, &a->now, a->local_id);
    }
    a->outcome = outcome_of_decided(a, sw_tx_now(tx));
    return SW_OK;
}

/* Over HTTP and as an ERROR frame the texts are the same, and the codes differ. */
sw_status decide_refusal(sw_request *req, const answer *a)
{
    const chat *c = sw_request_state(req);
    bool frame = a->by_frame;

    if (a->fault)
        return fault_fail(req, a->fault);
    if (a->outcome == SW_DECISION_UNKNOWN)
        return sw_fail(req, SW_NOT_FOUND, frame ? "unknown_action" : NULL, "no such authorization request");
    if (a->outcome == SW_DECISION_FORBIDDEN)
        return sw_fail(req, SW_FORBIDDEN, frame ? "not_allowed" : NULL, "not allowed to answer this request");
    /* The page has put its card back, so it is told the true status once the refusal has reached it. */
    late_status_repeat(c->late_status, a->user_id, a->now.id);
    if (a->outcome == SW_DECISION_EXPIRED)
        return sw_fail(req, SW_EXPIRED, frame ? "action_expired" : NULL, "authorization request has expired");
    const char *how = strcmp(a->now.status, STATUS_APPROVED) == 0 ? "approved" : "rejected";
    return sw_fail(req, SW_CONFLICT, frame ? "already_decided" : NULL, "already %s by %s", how, a->now.responder_name);
}
