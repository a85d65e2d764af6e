/* POST /api/users/agents/test-connection: tells whether this api token is an agent's. The status is always 200. */
#include "../users.h"

#include <string.h>

enum { ANY_LENGTH = 1 << 24 }; /* a token of any length is answered with 200 */

sw_status post_agents_test_connection(sw_request *req)
{
    const users_state *state = sw_request_state(req);
    const char *token = sw_body_text(req, "api_token", 1, ANY_LENGTH);
    size_t len = strlen(token);
    sw_status found = SW_NOT_FOUND;
    uint8_t hash[32];
    sw_user agent;

    SW_TRY(sw_check(req));
    if (len >= USERS_TOKEN_MIN && len <= USERS_TOKEN_MAX) {
        SW_TRY(token_hash(state->host, token, len, hash));
        found = store_by_token(sw_request_db(req), hash, &agent);
    }
    if (found != SW_OK && found != SW_NOT_FOUND)
        return found;

    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "ok", found == SW_OK);
    sw_json_text(out, "message", found == SW_OK ? "token accepted by backend" : "token is not registered to any agent");
    if (found == SW_OK) {
        sw_json_int(out, "agent_id", agent.id);
        sw_json_text(out, "agent_name", agent.name);
    }
    sw_json_object_end(out);
    return SW_OK;
}
