/* A request, a decision or an expiry becomes known: its frames to who asked and to humans, and its event for other
 * plugins. This happens in the write step that stores it, so it is known exactly when it is durable. The frames are the
 * same text live and replayed, and are written here for both; that part runs on any thread. */
#include "approvals/approvals.h"

#include <string.h>

enum { ANSWERED };

static const sw_statement STATEMENTS[] = {
    [ANSWERED] = {.name = "approval_answered", .sql = "UPDATE chat_approvals SET response_id = ?2 WHERE id = ?1"},
};

const sw_table ANNOUNCE_STATEMENTS = SW_TABLE(STATEMENTS);

/* ---- the frames ---- */

/* Who approved first, where two must: while that may still count, and when it did. */
static void write_first(sw_json *out, const approval *a, const char *status)
{
    if (a->first_id && (strcmp(status, STATUS_PENDING) == 0 || strcmp(status, STATUS_APPROVED) == 0))
        sw_json_text(out, "approved_by", a->first_name);
}

void approval_write_request(sw_json *out, const char *key, const approval *a, int64_t steady_ms)
{
    sw_json_object_begin(out, key);
    sw_json_text(out, "action_id", a->action_id);
    sw_json_int(out, "target_agent_id", a->target_agent_id);
    sw_json_text(out, "target_agent_name", a->target_agent_name);
    sw_json_text(out, "command", a->command);
    sw_json_text(out, "reason", a->reason);
    sw_json_text(out, "status", approval_status(a, steady_ms));
    sw_json_time(out, "expires_at", a->expires_ms);
    sw_json_text(out, "command_sha256", a->command_sha256);
    sw_json_text_opt(out, "tool", a->tool);
    sw_json_text_opt(out, "input_sha256", a->input_sha256);
    sw_json_text_opt(out, "cwd", a->cwd);
    sw_json_text_opt(out, "session_id", a->session_id);
    if (a->needs > 1)
        sw_json_bool(out, "four_eyes", true);
    write_first(out, a, approval_status(a, steady_ms));
    sw_json_object_end(out);
}

void frame_write_request(sw_json *out, const approval *a, int64_t conversation_id, int64_t steady_ms)
{
    sw_json_text(out, "type", TYPE_REQUEST);
    sw_json_int(out, "id", a->chat_id);
    frame_write_sender(out, a->butler_id, a->butler_name, a->requester_role);
    sw_json_int(out, "target_id", a->target_user_id);
    if (conversation_id)
        sw_json_int(out, "conversation_id", conversation_id);
    approval_write_request(out, "payload", a, steady_ms);
    sw_json_time(out, "timestamp", a->requested_ms);
}

void frame_write_response(sw_json *out, const approval *a)
{
    sw_json_text(out, "type", TYPE_RESPONSE);
    if (a->response_id) /* a rule's has none */
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
    write_first(out, a, a->status);
    sw_json_text_opt(out, "responder_name", a->responder_name);
    sw_json_text_opt(out, "comment", a->comment);
    sw_json_object_end(out);
    sw_json_time(out, "timestamp", a->decided_ms);
}

void frame_write_status(sw_json *out, const approval *a, const char *status, int64_t at_ms)
{
    sw_json_text(out, "type", "AUTH_STATUS_UPDATE");
    sw_json_object_begin(out, "payload");
    sw_json_text(out, "action_id", a->action_id);
    sw_json_text(out, "status", status);
    write_first(out, a, status);
    sw_json_object_end(out);
    sw_json_time(out, "timestamp", at_ms);
}

/* ---- the write step ---- */

/* For other plugins. */
static sw_status publish(sw_tx *tx, const char *name, const approval *a)
{
    sw_approval_event event = {
        .approval_id = a->id,
        .chat_id = a->chat_id,
        .target_user_id = a->target_user_id,
        .target_agent_id = a->target_agent_id,
        .conversation_id = a->conversation_id,
        .action_id = a->action_id,
        .target_agent_name = a->target_agent_name,
        .command = a->command,
        .reason = a->reason,
        .status = a->status,
        .channel = a->channel,
        .decided_by = a->responder_name,
        .at_ms = sw_tx_now(tx),
        .expires_ms = a->expires_ms,
        .requester_id = a->butler_id,
        .requester_name = a->butler_name,
        .tool = a->tool,
        .comment = a->comment,
    };
    return sw_tx_publish(tx, name, &event, sizeof event);
}

static sw_status send_to(sw_tx *tx, const approval *a, int64_t user, int64_t conversation)
{
    sw_frame *frame = sw_frame_new_tx(tx);

    if (!frame)
        return SW_NO_MEMORY;
    frame_write_request(sw_frame_json(frame), a, conversation, sw_steady_ms(sw_tx_host(tx)));
    sw_frame_mark(frame, a->chat_id, 0, 0);
    return deliver_users(tx, frame, user, 0);
}

/* The request goes to the human who is asked, and to every other ADMIN in that ADMIN's own thread with Butler. An
 * ADMIN who is not connected gets its thread all the same, since it may connect before the commit. */
sw_status announce_request(const chat *c, sw_tx *tx, const approval *a)
{
    const int64_t *admins = NULL;
    size_t count = 0;

    SW_TRY(send_to(tx, a, a->target_user_id, a->conversation_id));
    SW_TRY(deliver_admins(c, tx, &admins, &count));
    for (size_t i = 0; i < count; i++) {
        int64_t thread = 0;
        if (admins[i] == a->target_user_id)
            continue;
        SW_TRY(copy_put(c, tx, a, admins[i], &thread));
        SW_TRY(send_to(tx, a, admins[i], thread));
    }
    return publish(tx, SW_EVENT_APPROVAL_REQUESTED, a);
}

static sw_status write_payload(sw_tx *tx, const approval *a, sw_str *ret)
{
    sw_json *out = sw_json_new_tx(tx);

    if (!out)
        return SW_NO_MEMORY;
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "action_id", a->action_id);
    sw_json_bool(out, "approved", strcmp(a->status, STATUS_APPROVED) == 0);
    sw_json_text(out, "status", a->status);
    sw_json_object_end(out);
    *ret = sw_json_str(out);
    return ret->at ? SW_OK : SW_NO_MEMORY;
}

static sw_status approval_answered(sw_tx *tx, int64_t id, int64_t response_id)
{
    return sw_tx_exec(tx, &STATEMENTS[ANSWERED], NULL, "ii", id, response_id);
}

/* An AUTH_RESPONSE is in nobody's recovery: Butler gets it from approvals_greet() until it is noted as delivered. An
 * expiry is a row as well, without a sender, because the row's id gives it its place among the decisions. */
static sw_status store_response(sw_tx *tx, approval *a, sw_str local_id)
{
    chat_row row = {
        .type = TYPE_RESPONSE,
        .local_id = local_id,
        .sender_id = a->decider_id,
        .sender_name = a->decider_name,
        .sender_role = a->decider_role,
        .receiver_id = a->butler_id,
        .approval_id = a->id,
        .recovered = false,
    };
    SW_TRY(write_payload(tx, a, &row.payload));
    SW_TRY(row_add(tx, &row));
    a->response_id = row.id;
    return approval_answered(tx, a->id, row.id);
}

static sw_status send_response(sw_tx *tx, const approval *a)
{
    sw_frame *frame = sw_frame_new_tx(tx);

    if (!frame)
        return SW_NO_MEMORY;
    frame_write_response(sw_frame_json(frame), a);
    sw_frame_mark(frame, a->response_id, SW_FRAME_RECEIPT, a->id);
    return deliver_users(tx, frame, a->butler_id, 0);
}

static sw_status send_status(sw_tx *tx, const approval *a, int64_t at_ms)
{
    sw_frame *frame = sw_frame_new_tx(tx);

    if (!frame)
        return SW_NO_MEMORY;
    frame_write_status(sw_frame_json(frame), a, a->status, at_ms);
    deliver_humans(tx, frame);
    return SW_OK;
}

sw_status announce_first(sw_tx *tx, const approval *a)
{
    return send_status(tx, a, a->first_ms);
}

sw_status announce_decision(const chat *c, sw_tx *tx, approval *a, sw_str local_id)
{
    SW_TRY(store_response(tx, a, local_id));
    SW_TRY(delivery_decided(c->delivery, tx, a->id));
    SW_TRY(waits_wake_later(c->waits, tx, a->id));
    SW_TRY(send_response(tx, a));
    SW_TRY(send_status(tx, a, a->decided_ms));
    return publish(tx, SW_EVENT_APPROVAL_DECIDED, a);
}
