/* A stored row as JSON. Frames are the same text live and replayed: "type" first, then the members in the order of the
 * contract; the routes show a row as the history has it. Any thread. */
#include "approvals/approvals.h"

#include <string.h>

static void write_raw(sw_json *out, const char *key, sw_str raw)
{
    if (raw.at)
        sw_json_raw(out, key, raw.at, raw.len);
}

void frame_write_sender(sw_json *out, int64_t id, const char *name, const char *role)
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
    frame_write_sender(out, row->sender_id, row->sender_name, row->sender_role);
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

void frame_write_monitor(sw_json *out, const chat_row *row, int64_t agent_id, int64_t admin_id)
{
    sw_json_text(out, "type", "BUTLER_AGENT_MESSAGE");
    frame_write_sender(out, row->sender_id, row->sender_name, row->sender_role);
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

/* A payload that is a string is shown as that string, its token copied. Any other JSON is shown as a string that holds
 * its exact text. A request is shown with its current status. */
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
