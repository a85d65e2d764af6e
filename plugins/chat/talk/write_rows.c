/* Rows as the HTTP routes show them. */
#include "chat.h"

#include <string.h>

const char *approval_status(const approval *a, int64_t now_ms)
{
    if (strcmp(a->status, STATUS_PENDING) == 0 && a->expires_ms <= now_ms)
        return STATUS_EXPIRED;
    return a->status;
}

/* A string payload is that text, its token copied; any other JSON is its exact text, as a string. A request is shown
 * with its current status. */
static void write_payload(sw_request *req, sw_json *out, const chat_row *row, int64_t now_ms)
{
    if (row->approval && strcmp(row->type, TYPE_REQUEST) == 0) {
        sw_json *inner = sw_json_new(req);
        sw_str text = {"", 0};
        if (inner) {
            approval_write_request(inner, NULL, row->approval, now_ms);
            text = sw_json_str(inner);
        }
        sw_json_textn(out, "payload", text.at ? text.at : "", text.len);
    } else if (row->payload.len && row->payload.at[0] == '"') {
        sw_json_raw(out, "payload", row->payload.at, row->payload.len);
    } else {
        sw_json_textn(out, "payload", row->payload.at, row->payload.len);
    }
}

void chat_write(sw_request *req, sw_json *out, const chat_row *row, int64_t now_ms)
{
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", row->id);
    sw_json_textn(out, "local_id", row->local_id.at ? row->local_id.at : "", row->local_id.len);
    if (row->conversation_id)
        sw_json_int(out, "conversation_id", row->conversation_id);
    sw_json_int(out, "sender_id", row->sender_id);
    sw_json_text(out, "sender_name", row->sender_name);
    sw_json_text(out, "sender_role", row->sender_role);
    sw_json_int(out, "receiver_id", row->receiver_id);
    sw_json_int(out, "target_id", row->receiver_id);
    sw_json_text(out, "type", row->type);
    write_payload(req, out, row, now_ms);
    if (row->source.at)
        sw_json_raw(out, "source", row->source.at, row->source.len);
    sw_json_time(out, "timestamp", row->at_ms);
    sw_json_object_end(out);
}

void thread_write(sw_json *out, const char *key, const thread_row *t)
{
    sw_json_object_begin(out, key);
    sw_json_int(out, "id", t->id);
    sw_json_int(out, "owner_user_id", t->owner_id);
    sw_json_int(out, "peer_user_id", t->peer_id);
    sw_json_text(out, "channel_kind", t->channel_kind);
    sw_json_text(out, "title", t->title);
    sw_json_text_opt(out, "summary", t->summary);
    sw_json_bool(out, "is_pinned", t->is_pinned);
    sw_json_bool(out, "is_default", t->is_default);
    if (t->archived_ms)
        sw_json_time(out, "archived_at", t->archived_ms);
    if (t->last_message_ms)
        sw_json_time(out, "last_message_at", t->last_message_ms);
    sw_json_time(out, "created_at", t->created_ms);
    sw_json_time(out, "updated_at", t->updated_ms);
    sw_json_object_end(out);
}

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
