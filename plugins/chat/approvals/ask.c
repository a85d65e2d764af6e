/* An AUTH_REQUEST of the Butler: stored with the hash of the exact command, shown to who is asked and to every ADMIN.
 */
#include "store.h"

#include <string.h>

static sw_status refuse(asking *ask, fault f)
{
    ask->frame.fault = f;
    return fault_status(f);
}

/* A repeated action_id: the same request when it is the same command for the same agent. */
static sw_status known_action(sw_tx *tx, asking *ask, bool *ret_known)
{
    approval known;
    sw_status found = ask->action_id ? approval_by_action(sw_tx_db(tx), ask->action_id, &known) : SW_NOT_FOUND;

    *ret_known = found == SW_OK;
    if (found != SW_OK)
        return found == SW_NOT_FOUND ? SW_OK : found;
    if (strcmp(known.command, ask->command) != 0 || known.target_agent_id != ask->target_agent_id)
        return refuse(ask, FAULT_ACTION_CONFLICT);
    sw_tx_ack(tx, known.chat_id, known.requested_ms);
    return SW_OK;
}

static sw_status find_target(const chat *c, sw_tx *tx, asking *ask)
{
    route *r = &ask->frame.route;
    sw_user user = {.size = sizeof user};
    sw_status found = r->target_id ? c->users->by_id(c->users_self, sw_tx_db(tx), r->target_id, &user)
                                   : c->users->first_admin(c->users_self, sw_tx_db(tx), &user);

    if (found == SW_NOT_FOUND)
        return refuse(ask, FAULT_UNKNOWN_TARGET);
    SW_TRY(found);
    if (!role_human(user.role))
        return refuse(ask, FAULT_TARGET_NOT_HUMAN);
    r->target_id = user.id;
    r->target_role = user.role;
    return SW_OK;
}

static sw_status find_agent(const chat *c, sw_tx *tx, asking *ask, const char **ret_name)
{
    sw_user agent = {.size = sizeof agent};
    sw_status found = c->users->by_id(c->users_self, sw_tx_db(tx), ask->target_agent_id, &agent);

    if (found == SW_NOT_FOUND || (found == SW_OK && agent.role != SW_ROLE_AGENT))
        return refuse(ask, FAULT_UNKNOWN_AGENT);
    SW_TRY(found);
    *ret_name = agent.name;
    return SW_OK;
}

static sw_status fill(sw_tx *tx, const asking *ask, approval *a)
{
    uint8_t hash[32];
    char *sha256 = sw_tx_alloc(tx, 1, 65), *uuid = sw_tx_alloc(tx, 1, 37);

    if (!sha256 || !uuid)
        return SW_NO_MEMORY;
    if (!ask->action_id)
        SW_TRY(sw_uuid(uuid));
    sw_sha256(ask->command, strlen(ask->command), hash);
    sw_hex(hash, sizeof hash, sha256);
    *a = (approval){
        .action_id = ask->action_id ? ask->action_id : uuid,
        .butler_id = ask->frame.route.sender_id,
        .butler_name = ask->frame.sender_name,
        .target_user_id = ask->frame.route.target_id,
        .conversation_id = ask->frame.route.conversation_id,
        .target_agent_id = ask->target_agent_id,
        .command = ask->command,
        .command_sha256 = sha256,
        .reason = ask->reason,
        .status = STATUS_PENDING,
        .requested_ms = sw_tx_now(tx),
        .expires_ms = sw_tx_now(tx) + ask->expires_ms,
        .decider_name = "",
        .decider_role = "",
        .responder_name = "",
        .channel = "",
    };
    return SW_OK;
}

static sw_status store(sw_tx *tx, const asking *ask, const uint8_t *digest, approval *a)
{
    chat_row row = {
        .type = TYPE_REQUEST,
        .local_id = ask->frame.local_id,
        .sender_id = a->butler_id,
        .sender_name = a->butler_name,
        .sender_role = sw_role_name(SW_ROLE_BUTLER),
        .receiver_id = a->target_user_id,
        .conversation_id = a->conversation_id,
        .asked_conversation = ask->frame.route.asked,
        .payload = ask->frame.payload,
        .digest = digest,
        .recovered = true,
    };
    SW_TRY(approval_add(tx, a));
    row.approval_id = a->id;
    SW_TRY(row_add(tx, &row));
    a->chat_id = row.id;
    return approval_shown(tx, a->id, row.id);
}

static sw_status send_to(sw_tx *tx, const approval *a, int64_t user, int64_t conversation)
{
    sw_frame *frame = sw_frame_new_tx(tx);

    if (!frame)
        return SW_NO_MEMORY;
    frame_write_request(sw_frame_json(frame), a, conversation, sw_tx_now(tx));
    sw_frame_mark(frame, a->chat_id, 0, 0);
    return deliver_users(tx, frame, user, 0);
}

/* The human who is asked, and every ADMIN: those others in their own thread with Butler. An ADMIN who is not connected
 * gets its thread all the same: it may connect before the commit. */
static sw_status send(const chat *c, sw_tx *tx, const approval *a)
{
    const int64_t *admins = NULL;
    size_t count = 0;

    SW_TRY(send_to(tx, a, a->target_user_id, a->conversation_id));
    SW_TRY(deliver_admins(c, tx, &admins, &count));
    for (size_t i = 0; i < count; i++) {
        int64_t thread = 0;
        if (admins[i] == a->target_user_id)
            continue;
        SW_TRY(conversation_default(c, tx, admins[i], a->butler_id, SW_ROLE_BUTLER, &thread));
        SW_TRY(send_to(tx, a, admins[i], thread));
    }
    return SW_OK;
}

sw_status approval_publish(sw_tx *tx, const char *name, const approval *a)
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
    };
    return sw_tx_publish(tx, name, &event, sizeof event);
}

sw_status request_store(chat *c, sw_tx *tx, asking *ask)
{
    posting *p = &ask->frame;
    uint8_t digest[32];
    const char *agent_name = "";
    int64_t first = 0;
    bool known = false;
    approval a;

    SW_TRY(known_action(tx, ask, &known));
    if (known)
        return SW_OK;
    if (p->local_id.at) {
        SW_TRY(repeat_find(tx, p, TYPE_REQUEST, digest, &first));
        if (first)
            return repeat_answer(tx, p, first);
        if (p->fault)
            return fault_status(p->fault);
    }
    SW_TRY(find_target(c, tx, ask));
    SW_TRY(find_agent(c, tx, ask, &agent_name));
    SW_TRY(conversation_settle(c, tx, &p->route, &p->fault));
    if (p->fault)
        return fault_status(p->fault);
    SW_TRY(fill(tx, ask, &a));
    a.target_agent_name = agent_name;
    SW_TRY(store(tx, ask, p->local_id.at ? digest : NULL, &a));
    SW_TRY(conversation_touch(c, tx, &p->route, false));
    SW_TRY(send(c, tx, &a));
    SW_TRY(approval_publish(tx, SW_EVENT_APPROVAL_REQUESTED, &a));
    sw_tx_ack(tx, a.chat_id, a.requested_ms);
    return SW_OK;
}
