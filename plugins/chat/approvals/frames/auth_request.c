/* AUTH_REQUEST: Butler asks a human. A worker checks the form here; ask.c stores it in the write step. */
#include "approvals/approvals.h"

#include <string.h>

static sw_status store(sw_tx *tx, void *arg)
{
    asking *ask = arg;
    sw_status status = ask_approval(sw_tx_state(tx), tx, ask);

    return ask->frame.fault ? fault_fail(sw_tx_request(tx), ask->frame.fault) : status;
}

static sw_status wrong(sw_request *req, const char *text)
{
    return sw_fail(req, SW_INVALID, "invalid_frame", "%s", text);
}

/* A text without NUL, at most as long as the option says; NULL for anything else. */
static const char *text_of(sw_request *req, const sw_value *value, const char *max_option)
{
    size_t len = 0;
    const char *text = sw_value_text(value, &len);

    if (!text || strlen(text) != len || len > (size_t)sw_option_int(sw_request_host(req), max_option))
        return NULL;
    return text;
}

static bool action_valid(const char *action, size_t len)
{
    static const char ALLOWED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return len >= 1 && len <= CHAT_ACTION_MAX && strspn(action, ALLOWED) == len;
}

static const sw_value *member(const sw_value *object, const char *key)
{
    const sw_value *value = sw_value_get(object, key);
    return sw_value_type(value) == SW_JSON_NULL ? NULL : value;
}

static sw_status read_action(sw_request *req, const sw_value *payload, asking *ask)
{
    const sw_value *value = member(payload, "action_id");
    size_t len = 0;

    if (!value)
        return SW_OK;
    ask->action_id = sw_value_text(value, &len);
    if (!ask->action_id || !action_valid(ask->action_id, len))
        return wrong(req, "action_id must have 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '-'");
    return SW_OK;
}

static sw_status read_expiry(sw_request *req, const sw_value *payload, asking *ask)
{
    const sw_value *value = member(payload, "expires_in_s");
    int64_t seconds = sw_value_int(value, 0);

    ask->expires_ms = sw_option_int(sw_request_host(req), "approval_expiry");
    if (!value)
        return SW_OK;
    if (sw_value_type(value) != SW_JSON_INT || seconds < CHAT_EXPIRES_MIN_S || seconds > CHAT_EXPIRES_MAX_S)
        return wrong(req, "expires_in_s must be a number from 10 to 604800");
    ask->expires_ms = seconds * 1000;
    return SW_OK;
}

static sw_status read_payload(sw_request *req, asking *ask)
{
    const sw_value *payload = sw_frame_payload_object(req);
    const sw_value *reason = member(payload, "reason");

    if (!payload)
        return wrong(req, "payload must be an object");
    SW_TRY(read_action(req, payload, ask));
    ask->target_agent_id = sw_value_int(member(payload, "target_agent_id"), 0);
    if (ask->target_agent_id <= 0)
        return wrong(req, "target_agent_id is required");
    ask->command = text_of(req, member(payload, "command"), "command_max");
    if (!ask->command || !*ask->command)
        return wrong(req, "command is required, a text of at most 16 KiB");
    ask->reason = text_of(req, reason ? reason : member(payload, "reasoning"), "reason_max");
    if (!ask->reason)
        return wrong(req, "reason is required, a text of at most 8 KiB");
    return read_expiry(req, payload, ask);
}

sw_status on_auth_request(sw_request *req)
{
    asking *ask = sw_alloc(req, 1, sizeof *ask);

    if (!ask)
        return SW_NO_MEMORY;
    SW_TRY(posting_of_frame(req, &ask->frame));
    if (!ask->frame.payload.at)
        return payload_missing(req);
    SW_TRY(read_payload(req, ask));
    return sw_write(req, store, ask);
}
