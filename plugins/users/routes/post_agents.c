/* POST /api/users/agents: adds an agent. Only this answer holds its raw token. */
#include "../users.h"

#include <string.h>

typedef struct {
    new_user user;
    const char *token;
    char made[USERS_TOKEN_SIZE];
    uint8_t hash[32];
    char hint[USERS_HINT_SIZE];
} registration;

static sw_status store_and_reply(sw_tx *tx, void *arg)
{
    registration *r = arg;
    sw_user same;

    /* The name is looked up first, so that the answer is always the same when both name and token are taken. */
    sw_status taken = store_by_name(sw_tx_db(tx), r->user.name, &same);
    if (taken == SW_OK)
        return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "username already exists");
    if (taken != SW_NOT_FOUND)
        return taken;
    SW_TRY(store_add(tx, &r->user));
    sw_tx_user_changed(tx, r->user.id, false); /* its token may have been tried too early: forget that it was refused */
    sw_user_event event = {
        .user_id = r->user.id,
        .username = r->user.name,
        .role = r->user.role,
        .at_ms = sw_tx_now(tx),
    };
    SW_TRY(sw_tx_publish(tx, SW_EVENT_USER_CREATED, &event, sizeof event));
    SW_TRY(token_publish(tx, r->user.id, r->user.name, r->user.role, r->token));
    return user_reply(tx, 201, r->user.id, r->token);
}

sw_status post_agents(sw_request *req)
{
    registration *r = sw_alloc(req, 1, sizeof *r);

    if (!r)
        return SW_NO_MEMORY;
    r->user = (new_user){
        .name = field_agent_name(req),
        .role = SW_ROLE_AGENT,
        .password_hash = "",
        .agent_kind = field_kind(req, "agent_kind", "generic"),
        .runtime_kind = field_kind(req, "runtime_kind", "websocket"),
        .description = field_description(req),
        .token_hash = r->hash,
        .token_hint = r->hint,
    };
    r->token = field_api_token(req, true);
    SW_TRY(sw_check(req));

    if (!r->token) {
        SW_TRY(token_make(r->made));
        r->token = r->made;
    }
    SW_TRY(token_hash(sw_request_host(req), r->token, strlen(r->token), r->hash));
    token_hint(r->token, r->hint);
    return sw_write(req, store_and_reply, r);
}
