/* ACK: Butler has received a decision. On a worker; delivery.c notes it. */
#include "approvals/approvals.h"

#include <string.h>

sw_status on_ack(sw_request *req)
{
    chat *c = sw_request_state(req);
    size_t len = 0;
    const char *action = sw_value_text(sw_value_get(sw_frame_payload_object(req), "action_id"), &len);
    approval a;

    if (!action || len == 0)
        return sw_fail(req, SW_INVALID, "invalid_frame", "action_id is required");
    sw_status found = strlen(action) == len ? approval_by_action(sw_request_db(req), action, &a) : SW_NOT_FOUND;
    if (found == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, "unknown_action", "no such authorization request");
    SW_TRY(found);
    /* A decision that has not been made cannot have been received. */
    if (a.response_id && !a.delivered)
        delivery_note(c->delivery, a.id);
    return SW_OK;
}
