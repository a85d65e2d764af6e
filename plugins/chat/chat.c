/* What concerns every room: how a refusal reads, what /api/health shows, and the event store.reset. */
#include "approvals/approvals.h"

/* ---- how a refusal reads: one row for each fault, its status, its code, and its text. Any thread ---- */

typedef struct {
    sw_status status;
    const char *code, *text;
} fault_row;

static const fault_row FAULTS[] = {
    [FAULT_NONE] = {.status = SW_INTERNAL, .text = "internal error"},
    [FAULT_TARGET_REQUIRED] = {.status = SW_INVALID, .code = "target_required", .text = "target_id is required"},
    [FAULT_UNKNOWN_TARGET] = {.status = SW_NOT_FOUND, .code = "unknown_target", .text = "no such user: target_id"},
    [FAULT_TO_ITSELF] = {.status = SW_FORBIDDEN, .code = "not_allowed", .text = "an agent may not write to itself"},
    [FAULT_AGENT_TO_AGENT] = {.status = SW_FORBIDDEN,
                              .code = "not_allowed",
                              .text = "an agent may not write to another agent"},
    [FAULT_TARGET_NOT_HUMAN] = {.status = SW_FORBIDDEN,
                                .code = "not_allowed",
                                .text = "only a human may be asked: target_id"},
    [FAULT_UNKNOWN_AGENT] = {.status = SW_NOT_FOUND,
                             .code = "unknown_target",
                             .text = "no such agent: target_agent_id"},
    [FAULT_CONVERSATION] = {.status = SW_INVALID,
                            .code = "invalid_conversation",
                            .text = "conversation_id is no thread of these two"},
    [FAULT_LOCAL_ID_REUSED] = {.status = SW_CONFLICT,
                               .code = "local_id_reused",
                               .text = "local_id was used for another frame"},
    [FAULT_ACTION_CONFLICT] = {.status = SW_CONFLICT,
                               .code = "action_conflict",
                               .text = "action_id was used for another command"},
    [FAULT_TOO_MANY_PENDING] = {.status = SW_RATE_LIMITED,
                                .code = "too_many_approvals",
                                .text = "too many requests for approval are pending"},
    [FAULT_TOO_MANY_ASKED] = {.status = SW_RATE_LIMITED,
                              .code = "too_many_approvals",
                              .text = "too many requests for approval in a minute"},
    [FAULT_PAUSED] = {.status = SW_CONFLICT, .code = "not_allowed", .text = "the agent is paused"},
};

sw_status fault_status(fault f)
{
    return FAULTS[f].status;
}

sw_status fault_fail(sw_request *req, fault f)
{
    return sw_fail(req, FAULTS[f].status, FAULTS[f].code, "%s", FAULTS[f].text);
}

sw_status fault_fail_http(sw_request *req, fault f)
{
    if (f == FAULT_ACTION_CONFLICT)
        return sw_fail(req, SW_CONFLICT, NULL, "action_id reused with another command");
    if (FAULTS[f].status == SW_RATE_LIMITED)
        sw_fail_retry_after(req, 60);
    return sw_fail(req, FAULTS[f].status, NULL, "%s", FAULTS[f].text);
}

/* ---- health, on a worker ---- */

bool chat_health(sw_request *req, sw_json *out)
{
    chat *c = sw_request_state(req);
    int64_t pending = 0, undelivered = 0;

    if (approval_counts(sw_request_db(req), sw_steady_ms(sw_request_host(req)), &pending, &undelivered) != SW_OK)
        return false;
    sw_json_int(out, "approvals_pending", pending);
    sw_json_int(out, "decisions_undelivered", undelivered);
    sw_json_int(out, "approvals_refused", (int64_t)atomic_load_explicit(&c->refused, memory_order_relaxed));
    sw_json_int(out, "internal_questions", (int64_t)atomic_load_explicit(&c->questions, memory_order_relaxed));
    return true;
}

/* ---- store.reset: every row goes, ids start again at 1, and memory forgets everything. In the write step of the reset
 * ---- */

/* All of them run, in this order. */
static const sw_statement STATEMENTS[] = {
    {.name = "clear_rows", .sql = "DELETE FROM chat"},
    {.name = "clear_pruned", .sql = "DELETE FROM chat_pruned"},
    {.name = "clear_threads", .sql = "DELETE FROM chat_threads"},
    {.name = "clear_guests", .sql = "DELETE FROM chat_guests"},
    {.name = "clear_pairs", .sql = "DELETE FROM chat_pairs"},
    {.name = "clear_copies", .sql = "DELETE FROM chat_copies"},
    {.name = "clear_approvals", .sql = "DELETE FROM chat_approvals"},
    {.name = "clear_pauses", .sql = "DELETE FROM chat_pauses"},
    {.name = "clear_inputs", .sql = "DELETE FROM chat_approval_inputs"},
    {.name = "clear_rules", .sql = "DELETE FROM chat_rules"},
    {.name = "clear_gaps", .sql = "DELETE FROM steward_gaps WHERE name LIKE 'chat%'"},
    {.name = "clear_before", .sql = "DELETE FROM steward_before WHERE kind = 'chat.action'"},
    {.name = "clear_ids",
     .sql = "DELETE FROM sqlite_sequence WHERE name IN ('chat', 'chat_threads', 'chat_approvals', 'chat_rules')"},
};

const sw_table RESET_STATEMENTS = SW_TABLE(STATEMENTS);

static sw_status clear(sw_tx *tx)
{
    for (size_t i = 0; i < sizeof STATEMENTS / sizeof STATEMENTS[0]; i++)
        SW_TRY(sw_tx_exec(tx, &STATEMENTS[i], NULL, ""));
    return SW_OK;
}

static void forget_approvals(void *state, void *arg)
{
    (void)state;
    const chat *c = arg;

    delivery_clear(c->delivery);
    waits_end_all(c->waits);
    pace_clear(c->pace);
}

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    chat *c = sw_tx_state(tx);

    (void)data;
    SW_TRY(clear(tx));
    sw_tx_on_commit(tx, forget_approvals, c);
    SW_TRY(rules_clear_later(c, tx));
    return cache_clear_later(c->cache, tx);
}
