/* Frames as clients get them, live and in recovery: "type" first, then the members in the order of the contract. */
#include "chat.h"

#include <string.h>

static void write_raw(sw_json *out, const char *key, sw_str raw)
{
    if (raw.at)
        sw_json_raw(out, key, raw.at, raw.len);
}

static void write_sender(sw_json *out, int64_t id, const char *name, const char *role)
{
    sw_json_int(out, "sender_id", id);
    sw_json_text(out, "sender_name", name);
    sw_json_text(out, "sender_role", role);
}

static void write_id(sw_json *out, const char *key, int64_t id)
{
    if (id)
        sw_json_int(out, key, id);
}

void frame_write_chat(sw_json *out, const chat_row *row)
{
    sw_json_text(out, "type", row->type);
    write_id(out, "id", row->id);
    if (row->local_id.at)
        sw_json_textn(out, "local_id", row->local_id.at, row->local_id.len);
    write_sender(out, row->sender_id, row->sender_name, row->sender_role);
    write_id(out, "target_id", row->receiver_id);
    write_id(out, "conversation_id", row->conversation_id);
    write_raw(out, "payload", row->payload);
    write_raw(out, "source", row->source);
    sw_json_time(out, "timestamp", row->at_ms);
    write_raw(out, "stream_id", row->stream_id);
}

void frame_write_row(sw_json *out, const chat_row *row, int64_t now_ms)
{
    if (row->approval && strcmp(row->type, TYPE_REQUEST) == 0)
        frame_write_request(out, row->approval, row->conversation_id, now_ms);
    else if (row->approval && strcmp(row->type, TYPE_RESPONSE) == 0)
        frame_write_response(out, row->approval);
    else
        frame_write_chat(out, row);
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
    write_sender(out, a->butler_id, a->butler_name, sw_role_name(SW_ROLE_BUTLER));
    sw_json_int(out, "target_id", a->target_user_id);
    write_id(out, "conversation_id", conversation_id);
    approval_write_request(out, "payload", a, now_ms);
    sw_json_time(out, "timestamp", a->requested_ms);
}

void frame_write_response(sw_json *out, const approval *a)
{
    sw_json_text(out, "type", TYPE_RESPONSE);
    sw_json_int(out, "id", a->response_id);
    write_sender(out, a->decider_id, a->decider_name, a->decider_role);
    sw_json_int(out, "target_id", a->butler_id);
    write_id(out, "conversation_id", a->response_conversation);
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

void frame_write_monitor(sw_json *out, const chat_row *row, int64_t agent_id, int64_t admin_id)
{
    sw_json_text(out, "type", "BUTLER_AGENT_MESSAGE");
    write_sender(out, row->sender_id, row->sender_name, row->sender_role);
    sw_json_int(out, "target_id", admin_id);
    sw_json_object_begin(out, "payload");
    sw_json_int(out, "agent_id", agent_id);
    sw_json_text(out, "type", row->type);
    sw_json_int(out, "id", row->id);
    sw_json_int(out, "sender_id", row->sender_id);
    sw_json_text(out, "sender_role", row->sender_role);
    sw_json_text(out, "sender_name", row->sender_name);
    write_raw(out, "payload", row->payload);
    sw_json_time(out, "timestamp", row->at_ms);
    sw_json_object_end(out);
    sw_json_time(out, "timestamp", row->at_ms);
}
