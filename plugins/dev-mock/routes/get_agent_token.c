/* GET /api/dev/mock/agent-token/:username: answers with the raw token of an agent, which was kept when it was made. */
#include "../dev_mock.h"

sw_status get_agent_token(sw_request *req)
{
    const dev_mock_state *state = sw_request_state(req);
    const char *token;
    sw_user user = {.size = sizeof user};

    sw_status found =
        state->users->by_name(state->users_self, sw_request_db(req), sw_path_text(req, "username"), &user);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "user not found");
    SW_TRY(found);
    found = store_token_find(sw_request_db(req), user.id, &token);
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "raw token not recorded; rotate it");
    SW_TRY(found);

    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "username", user.name);
    sw_json_text(out, "role", sw_role_name(user.role));
    sw_json_text(out, "api_token", token);
    sw_json_object_end(out);
    return SW_OK;
}
