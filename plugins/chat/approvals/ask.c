/* Somebody asks: the request is stored PENDING with the hash of the exact command, then announced. In a write step.
 * Whoever calls has checked the form: frames/auth_request.c does for AUTH_REQUEST. */
#include "approvals/approvals.h"

#include <string.h>

static sw_status refuse(asking *ask, fault f)
{
    ask->frame.fault = f;
    return fault_status(f);
}

/* A repeated action_id is the same request when it has the same command for the same agent. */
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
    envelope *e = &ask->frame.envelope;
    sw_user user = {.size = sizeof user};
    sw_status found = e->target_id ? c->users->by_id(c->users_self, sw_tx_db(tx), e->target_id, &user)
                                   : c->users->first_admin(c->users_self, sw_tx_db(tx), &user);

    if (found == SW_NOT_FOUND)
        return refuse(ask, FAULT_UNKNOWN_TARGET);
    SW_TRY(found);
    if (!role_human(user.role))
        return refuse(ask, FAULT_TARGET_NOT_HUMAN);
    e->target_id = user.id;
    e->target_role = user.role;
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
        .butler_id = ask->frame.envelope.sender_id,
        .butler_name = ask->frame.sender_name,
        .target_user_id = ask->frame.envelope.target_id,
        .conversation_id = ask->frame.envelope.conversation_id,
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
        .asked_conversation = ask->frame.envelope.asked,
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

sw_status ask_approval(chat *c, sw_tx *tx, asking *ask)
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
    SW_TRY(conversation_settle(c, tx, &p->envelope, &p->fault));
    if (p->fault)
        return fault_status(p->fault);
    SW_TRY(fill(tx, ask, &a));
    a.target_agent_name = agent_name;
    SW_TRY(store(tx, ask, p->local_id.at ? digest : NULL, &a));
    SW_TRY(conversation_touch(c, tx, &p->envelope, false));
    SW_TRY(announce_request(c, tx, &a));
    sw_tx_ack(tx, a.chat_id, a.requested_ms);
    return SW_OK;
}
