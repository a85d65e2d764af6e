/* PATCH /api/users/agents/:id/token: gives an agent another token. Once this has been answered, the old one is refused.
 */
#include "../users.h"

#include <string.h>

typedef struct {
    int64_t id;
    const char *token;
    bool server_made;
    char made[USERS_TOKEN_SIZE];
    uint8_t hash[32];
    char hint[USERS_HINT_SIZE];
} rotation;

static sw_status reply(sw_tx *tx, const rotation *r)
{
    int64_t updated_ms;

    SW_TRY(store_token_updated(sw_tx_db(tx), r->id, &updated_ms));
    sw_json *out = sw_tx_reply(tx, 200);
    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "ok", true);
    sw_json_text(out, "message", "agent token updated");
    sw_json_int(out, "agent_id", r->id);
    if (r->server_made)
        sw_json_text(out, "api_token", r->token);
    sw_json_text(out, "token_hint", r->hint);
    sw_json_time(out, "token_updated_at", updated_ms);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status rotate_and_reply(sw_tx *tx, void *arg)
{
    const rotation *r = arg;
    sw_request *req = sw_tx_request(tx);
    sw_user agent, holder;

    sw_status found = store_by_id(sw_tx_db(tx), r->id, &agent);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "agent not found");
    SW_TRY(found);
    if (SW_ROLE_BIT(agent.role) & SW_ROLES_HUMAN)
        return sw_fail(req, SW_INVALID, NULL, "target user is not an agent");

    sw_status held = store_by_token(sw_tx_db(tx), r->hash, &holder);
    if (held == SW_OK) /* when it is its own current token, nothing changes and no socket closes */
        return holder.id == r->id ? reply(tx, r) : sw_fail(req, SW_CONFLICT, NULL, "api_token already in use");
    if (held != SW_NOT_FOUND)
        return held;
    SW_TRY(store_set_token(tx, r->id, r->hash, r->hint));
    sw_tx_user_changed(tx, r->id, true);
    SW_TRY(token_publish(tx, r->id, agent.name, agent.role, r->token));
    return reply(tx, r);
}

sw_status patch_agent_token(sw_request *req)
{
    rotation *r = sw_alloc(req, 1, sizeof *r);

    if (!r)
        return SW_NO_MEMORY;
    r->id = sw_path_id(req, "id");
    r->token = field_api_token(req, false);
    SW_TRY(sw_check(req));

    if (!r->token) {
        SW_TRY(token_make(r->made));
        r->token = r->made;
        r->server_made = true;
    }
    SW_TRY(token_hash(sw_request_host(req), r->token, strlen(r->token), r->hash));
    token_hint(r->token, r->hint);
    return sw_write(req, rotate_and_reply, r);
}
