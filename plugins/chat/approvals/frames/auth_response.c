/* AUTH_RESPONSE: a human answers over a WebSocket. A worker checks the form here; decide.c decides in the write step.
 * The rule of repeats does not apply, since a decision has its own rule for a second answer. */
#include "approvals/approvals.h"

#include <string.h>

static sw_status store(sw_tx *tx, void *arg)
{
    answer *a = arg;
    sw_status status = decide(sw_tx_state(tx), tx, a);

    if (a->fault)
        return decide_refusal(sw_tx_request(tx), a);
    SW_TRY(status);
    if (a->outcome != SW_DECIDED && a->outcome != SW_DECIDED_SAME)
        return decide_refusal(sw_tx_request(tx), a);
    sw_tx_ack(tx, a->now.response_id, a->now.decided_ms);
    return SW_OK;
}

sw_status on_auth_response(sw_request *req)
{
    answer *a = sw_alloc(req, 1, sizeof *a);
    posting p;
    size_t len = 0;

    if (!a)
        return SW_NO_MEMORY;
    SW_TRY(posting_of_frame(req, &p));
    const sw_value *payload = sw_frame_payload_object(req);
    const char *action = sw_value_text(sw_value_get(payload, "action_id"), &len);
    int approved = sw_value_bool(sw_value_get(payload, "approved"), -1);
    if (!payload)
        return sw_fail(req, SW_INVALID, "invalid_frame", "payload must be an object");
    if (!action || len == 0)
        return sw_fail(req, SW_INVALID, "invalid_frame", "action_id is required");
    if (approved < 0)
        return sw_fail(req, SW_INVALID, "invalid_frame", "approved must be a boolean");
    if (strlen(action) != len)
        return sw_fail(req, SW_NOT_FOUND, "unknown_action", "no such authorization request");
    *a = (answer){
        .action_id = action,
        .approved = approved != 0,
        .user_id = p.envelope.sender_id,
        .channel = "ws",
        .conversation_id = p.envelope.asked,
        .local_id = p.local_id,
        .by_frame = true,
    };
    return sw_write(req, store, a);
}
