/* Who asked acts on its approval, once, or takes its request back. A worker reads who asks, the write step decides by
 * one conditional update. */
#include "approvals/approvals.h"

#include <string.h>

enum { CLAIM };

static const sw_statement STATEMENTS[] = {
    [CLAIM] = {.name = "approval_claim",
               .sql = "UPDATE chat_approvals SET claimed_ms = ?2 WHERE id = ?1 AND status = 'APPROVED' AND"
                      " claimed_ms = 0"},
};

const sw_table CLAIM_STATEMENTS = SW_TABLE(STATEMENTS);

static sw_status find_own(sw_tx *tx, const char *action_id, approval *ret)
{
    sw_status found = approval_by_action(sw_tx_db(tx), action_id, ret);

    if (found == SW_NOT_FOUND || (found == SW_OK && ret->butler_id != sw_request_principal(sw_tx_request(tx))->user_id))
        return approval_unknown(sw_tx_request(tx));
    return found;
}

static sw_status gone(sw_tx *tx, const approval *a)
{
    bool withdrawn = strcmp(a->status, STATUS_WITHDRAWN) == 0;

    return sw_fail(sw_tx_request(tx), SW_EXPIRED, NULL, "authorization request %s",
                   withdrawn ? "was withdrawn" : "has expired");
}

static bool over(const char *status)
{
    return strcmp(status, STATUS_EXPIRED) == 0 || strcmp(status, STATUS_WITHDRAWN) == 0;
}

static sw_status answer(sw_tx *tx, const approval *a)
{
    return approval_write(sw_tx_reply(tx, 200), sw_tx_db(tx), a, sw_steady_ms(sw_tx_host(tx)));
}

/* ---- claim ---- */

static sw_status store_claim(sw_tx *tx, void *arg)
{
    int64_t changes = 0;
    bool paused = false;
    pause_row p;
    approval a;

    SW_TRY(find_own(tx, arg, &a));
    const char *status = approval_status(&a, sw_steady_ms(sw_tx_host(tx)));
    if (over(status))
        return gone(tx, &a);
    if (strcmp(status, STATUS_APPROVED) != 0)
        return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "not approved");
    SW_TRY(pause_get(sw_tx_db(tx), a.target_agent_id, &p, &paused));
    if (paused)
        return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "%s", pause_words(tx, &p));
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[CLAIM], &changes, "ii", a.id, sw_tx_now(tx)));
    if (changes != 1)
        return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "already claimed");
    a.claimed_ms = sw_tx_now(tx);
    return answer(tx, &a);
}

static sw_status write_action(sw_request *req, sw_step step)
{
    char *action = sw_strdup(req, sw_path_text(req, "action_id"));

    if (!action)
        return SW_NO_MEMORY;
    SW_TRY(sw_check(req));
    return sw_write(req, step, action);
}

sw_status post_claim(sw_request *req)
{
    return write_action(req, store_claim);
}

/* ---- withdraw: announced like an expiry ---- */

static sw_status store_withdrawal(sw_tx *tx, void *arg)
{
    bool done = false;
    approval a;

    SW_TRY(find_own(tx, arg, &a));
    const char *status = approval_status(&a, sw_steady_ms(sw_tx_host(tx)));
    if (strcmp(status, STATUS_WITHDRAWN) == 0)
        return answer(tx, &a);
    if (over(status))
        return gone(tx, &a);
    if (strcmp(status, STATUS_PENDING) != 0)
        return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "already %s by %s",
                       strcmp(status, STATUS_APPROVED) == 0 ? "approved" : "rejected", a.responder_name);
    a.status = STATUS_WITHDRAWN;
    a.decided_ms = sw_tx_now(tx);
    a.channel = "withdrawn";
    SW_TRY(approval_decide(tx, &a, 0, &done));
    if (!done)
        return SW_INTERNAL;
    SW_TRY(announce_decision(sw_tx_state(tx), tx, &a, (sw_str){NULL, 0}));
    return answer(tx, &a);
}

sw_status post_withdraw(sw_request *req)
{
    return write_action(req, store_withdrawal);
}
