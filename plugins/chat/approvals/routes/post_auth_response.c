/* POST /api/chat/auth/response: a human answers an authorization request. A worker checks the form here; decide.c
 * decides in the write step. */
#include "approvals/approvals.h"

static sw_status store_answer(sw_tx *tx, void *arg)
{
    answer *a = arg;

    SW_TRY(decide(sw_tx_state(tx), tx, a));
    if (a->outcome != SW_DECIDED && a->outcome != SW_DECIDED_SAME)
        return decide_refusal(sw_tx_request(tx), a);
    sw_json *out = sw_tx_reply(tx, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "status", "processed");
    sw_json_text(out, "action_id", a->now.action_id);
    sw_json_text(out, "decision", a->now.status);
    sw_json_object_end(out);
    return SW_OK;
}

sw_status post_auth_response(sw_request *req)
{
    const char *action = sw_body_text_or(req, "action_id", 256, "");
    int approved = sw_body_bool(req, "approved", -1);
    answer *a = sw_alloc(req, 1, sizeof *a);

    if (!a)
        return SW_NO_MEMORY;
    /* Agents and Butler may never answer. As over a socket, they do not even learn whether there is such a request. */
    if (role_system(sw_request_principal(req)->role))
        return sw_fail(req, SW_FORBIDDEN, NULL, "not allowed to answer this request");
    if (!*action)
        action = sw_body_text_or(req, "stream_id", 256, "");
    if (!*action)
        sw_invalid(req, "missing_field", "action_id is required");
    if (approved < 0)
        sw_invalid(req, "missing_field", "approved must be a boolean");
    SW_TRY(sw_check(req));
    *a = (answer){
        .action_id = action,
        .approved = approved != 0,
        .user_id = sw_request_principal(req)->user_id,
        .channel = "http",
    };
    return sw_write(req, store_answer, a);
}
