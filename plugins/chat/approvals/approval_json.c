/* An approval as JSON: as the routes list it, as the frames say it (the same text live and replayed), and the object
 * that was asked. Any thread. */
#include "approvals/approvals.h"

#include <string.h>

/* Who decided, when and how: not shown for an expiry, which nobody decided. */
static void write_decision(sw_json *out, const approval *a)
{
    if (!a->decider_id)
        return;
    sw_json_time(out, "decided_at", a->decided_ms);
    sw_json_text(out, "decided_by", a->responder_name);
    sw_json_text(out, "channel", a->channel);
}

void approval_write(sw_json *out, const approval *a, int64_t now_ms)
{
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", a->id);
    sw_json_text(out, "action_id", a->action_id);
    sw_json_int(out, "target_agent_id", a->target_agent_id);
    sw_json_text(out, "target_agent_name", a->target_agent_name);
    sw_json_text(out, "command", a->command);
    sw_json_text(out, "command_sha256", a->command_sha256);
    sw_json_text(out, "reason", a->reason);
    sw_json_text(out, "status", approval_status(a, now_ms));
    sw_json_time(out, "requested_at", a->requested_ms);
    sw_json_time(out, "expires_at", a->expires_ms);
    write_decision(out, a);
    sw_json_bool(out, "delivered", a->delivered);
    sw_json_object_end(out);
}

void approval_write_request(sw_json *out, const char *key, const approval *a, int64_t now_ms)
{
    sw_json_object_begin(out, key);
    sw_json_text(out, "action_id", a->action_id);
    sw_json_int(out, "target_agent_id", a->target_agent_id);
    sw_json_text(out, "target_agent_name", a->target_agent_name);
    sw_json_text(out, "command", a->command);
    sw_json_text(out, "reason", a->reason);
    sw_json_text(out, "status", approval_status(a, now_ms));
    sw_json_time(out, "expires_at", a->expires_ms);
    sw_json_object_end(out);
}

void frame_write_request(sw_json *out, const approval *a, int64_t conversation_id, int64_t now_ms)
{
    sw_json_text(out, "type", TYPE_REQUEST);
    sw_json_int(out, "id", a->chat_id);
    frame_write_sender(out, a->butler_id, a->butler_name, sw_role_name(SW_ROLE_BUTLER));
    sw_json_int(out, "target_id", a->target_user_id);
    if (conversation_id)
        sw_json_int(out, "conversation_id", conversation_id);
    approval_write_request(out, "payload", a, now_ms);
    sw_json_time(out, "timestamp", a->requested_ms);
}

void frame_write_response(sw_json *out, const approval *a)
{
    sw_json_text(out, "type", TYPE_RESPONSE);
    sw_json_int(out, "id", a->response_id);
    frame_write_sender(out, a->decider_id, a->decider_name, a->decider_role);
    sw_json_int(out, "target_id", a->butler_id);
    if (a->response_conversation)
        sw_json_int(out, "conversation_id", a->response_conversation);
    sw_json_object_begin(out, "payload");
    sw_json_text(out, "action_id", a->action_id);
    sw_json_bool(out, "approved", strcmp(a->status, STATUS_APPROVED) == 0);
    sw_json_text(out, "status", a->status);
    sw_json_text(out, "command_sha256", a->command_sha256);
    sw_json_text_opt(out, "responder_name", a->responder_name);
    sw_json_object_end(out);
    sw_json_time(out, "timestamp", a->decided_ms);
}

void frame_write_status(sw_json *out, const char *action_id, const char *status, int64_t at_ms)
{
    sw_json_text(out, "type", "AUTH_STATUS_UPDATE");
    sw_json_object_begin(out, "payload");
    sw_json_text(out, "action_id", action_id);
    sw_json_text(out, "status", status);
    sw_json_object_end(out);
    sw_json_time(out, "timestamp", at_ms);
}
