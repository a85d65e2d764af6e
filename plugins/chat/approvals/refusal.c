/* How a refused answer reads, over HTTP and as an ERROR frame: the same texts, other codes. */
#include "chat.h"

#include <string.h>

sw_status answer_refusal(sw_request *req, const answer *a)
{
    const chat *c = sw_request_state(req);
    bool frame = a->by_frame;

    if (a->fault)
        return fault_fail(req, a->fault);
    if (a->outcome == SW_DECISION_UNKNOWN)
        return sw_fail(req, SW_NOT_FOUND, frame ? "unknown_action" : NULL, "no such authorization request");
    if (a->outcome == SW_DECISION_FORBIDDEN)
        return sw_fail(req, SW_FORBIDDEN, frame ? "not_allowed" : NULL, "not allowed to answer this request");
    /* The page has put its card back: it hears how things stand, once the refusal is there. */
    notices_status(c->notices, a->user_id, a->now.id);
    if (a->outcome == SW_DECISION_EXPIRED)
        return sw_fail(req, SW_EXPIRED, frame ? "action_expired" : NULL, "authorization request has expired");
    const char *how = strcmp(a->now.status, STATUS_APPROVED) == 0 ? "approved" : "rejected";
    return sw_fail(req, SW_CONFLICT, frame ? "already_decided" : NULL, "already %s by %s", how, a->now.responder_name);
}
