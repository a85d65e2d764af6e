/* POST /api/dev/mock/chat: sends a chat message in the name of any user, or an authorization request in Butler's. It is
 * stored and delivered as if that user had sent it; a local_id may be used for another message. */
#include "../dev_mock.h"

#include <string.h>

enum { USERNAME_BYTES = 64, CONTENT_MAX = 64 * 1024, LOCAL_ID_MAX = 128 };

typedef struct {
    const char *sender, *receiver, *content, *local_id;
    int64_t conversation_id;
    bool asks;
} note;

static sw_status find(sw_tx *tx, const char *name, const char *missing, sw_user *ret)
{
    const dev_mock_state *state = sw_tx_state(tx);
    sw_status found = state->users->by_name(state->users_self, sw_tx_db(tx), name, ret);

    return found == SW_NOT_FOUND ? sw_fail(sw_tx_request(tx), SW_INVALID, NULL, "%s", missing) : found;
}

/* The service gives only the status of a refusal. What else could be wrong has been checked before, so each status has
 * one reason. */
static sw_status explain(sw_request *req, const note *n, sw_status status)
{
    switch (status) {
    case SW_INVALID:
        return sw_fail(req, status, NULL, "%sconversation_id is no thread of these two",
                       n->asks ? "content is no authorization request, or " : "");
    case SW_FORBIDDEN:
        return sw_fail(req, status, NULL, "%s",
                       n->asks ? "only Butler asks, and only a human" : "an agent may not write to an agent");
    case SW_NOT_FOUND:
        return sw_fail(req, SW_INVALID, NULL, "no such agent: target_agent_id");
    case SW_CONFLICT:
        return sw_fail(req, status, NULL, "action_id was used for another command");
    default:
        return status;
    }
}

/* By chat/1, or by approvals/1 of the same plugin. */
static sw_status send(sw_tx *tx, const note *n, const sw_chat_post *message, int64_t *ret_id)
{
    const dev_mock_state *state = sw_tx_state(tx);
    void *self = NULL;
    const sw_chat_service *chat = sw_service(state->host, "chat/1", &self);

    if (!chat)
        return sw_fail(sw_tx_request(tx), SW_UNAVAILABLE, NULL, "chat is not loaded");
    if (!n->asks)
        return chat->post(self, tx, message, ret_id, NULL);
    const sw_approvals_service *approvals = sw_service(state->host, "approvals/1", &self);
    if (!approvals || !SW_HAS(approvals, ask))
        return sw_fail(sw_tx_request(tx), SW_UNAVAILABLE, NULL, "approvals/1 is not loaded");
    return approvals->ask(self, tx, message, ret_id);
}

static sw_status post(sw_tx *tx, void *arg)
{
    const note *n = arg;
    sw_json *payload = sw_json_new_tx(tx);
    sw_user sender = {.size = sizeof sender}, receiver = {.size = sizeof receiver};
    int64_t id = 0;

    if (!payload)
        return SW_NO_MEMORY;
    SW_TRY(find(tx, n->sender, "sender user not found", &sender));
    SW_TRY(find(tx, n->receiver, "receiver user not found", &receiver));
    sw_json_text(payload, NULL, n->content);
    sw_str text = sw_json_str(payload);
    if (!text.at)
        return SW_NO_MEMORY;
    sw_chat_post message = {
        .size = sizeof message,
        .sender_id = sender.id,
        .target_id = receiver.id,
        .conversation_id = n->conversation_id,
        .local_id = *n->local_id ? n->local_id : NULL,
        .payload = text.at,
        .payload_len = text.len,
        .local_id_anew = true,
    };
    sw_status stored = send(tx, n, &message, &id);
    if (stored != SW_OK)
        return explain(sw_tx_request(tx), n, stored);
    sw_json *out = sw_tx_reply(tx, 201);
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", id);
    sw_json_object_end(out);
    return SW_OK;
}

sw_status post_chat(sw_request *req)
{
    note *n = sw_alloc(req, 1, sizeof *n);

    if (!n)
        return SW_NO_MEMORY;
    n->sender = sw_body_text(req, "sender_username", 1, USERNAME_BYTES);
    n->receiver = sw_body_text(req, "receiver_username", 1, USERNAME_BYTES);
    n->content = sw_body_text(req, "content", 1, CONTENT_MAX);
    n->local_id = sw_body_text_or(req, "local_id", LOCAL_ID_MAX, "");
    n->conversation_id = sw_body_int(req, "conversation_id", 0, 1, INT64_MAX);
    const char *type = sw_body_text_or(req, "type", USERNAME_BYTES, "CHAT");
    n->asks = strcmp(type, "AUTH_REQUEST") == 0;
    if (!n->asks && *type && strcmp(type, "CHAT") != 0)
        sw_invalid(req, "invalid_request", "type must be CHAT or AUTH_REQUEST");
    SW_TRY(sw_check(req));
    return sw_write(req, post, n);
}
