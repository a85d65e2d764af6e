/* Who may write to whom, and how a refusal reads. No store here. */
#include "chat.h"

typedef struct {
    sw_status status;
    const char *code, *text;
} fault_row;

static const fault_row FAULTS[] = {
    [FAULT_NONE] = {SW_INTERNAL, NULL, "internal error"},
    [FAULT_TARGET_REQUIRED] = {SW_INVALID, "target_required", "target_id is required"},
    [FAULT_UNKNOWN_TARGET] = {SW_NOT_FOUND, "unknown_target", "no such user: target_id"},
    [FAULT_UNKNOWN_SENDER] = {SW_NOT_FOUND, "unknown_target", "no such user: the sender"},
    [FAULT_TO_ITSELF] = {SW_FORBIDDEN, "not_allowed", "an agent may not write to itself"},
    [FAULT_AGENT_TO_AGENT] = {SW_FORBIDDEN, "not_allowed", "an agent may not write to another agent"},
    [FAULT_TARGET_NOT_HUMAN] = {SW_FORBIDDEN, "not_allowed", "only a human may be asked: target_id"},
    [FAULT_UNKNOWN_AGENT] = {SW_NOT_FOUND, "unknown_target", "no such agent: target_agent_id"},
    [FAULT_CONVERSATION] = {SW_INVALID, "invalid_conversation", "conversation_id is no thread of these two"},
    [FAULT_LOCAL_ID_REUSED] = {SW_CONFLICT, "local_id_reused", "local_id was used for another frame"},
    [FAULT_ACTION_CONFLICT] = {SW_CONFLICT, "action_conflict", "action_id was used for another command"},
    [FAULT_PAYLOAD_TOO_LARGE] = {SW_INVALID, "payload_too_large", "payload is too large"},
    [FAULT_PAYLOAD] = {SW_INVALID, "invalid_frame", "payload is not valid JSON"},
};

sw_status fault_status(fault f)
{
    return FAULTS[f].status;
}

sw_status fault_fail(sw_request *req, fault f)
{
    return sw_fail(req, FAULTS[f].status, FAULTS[f].code, "%s", FAULTS[f].text);
}

bool role_human(sw_role role)
{
    return role == SW_ROLE_ADMIN || role == SW_ROLE_MEMBER;
}

bool role_system(sw_role role)
{
    return role == SW_ROLE_AGENT || role == SW_ROLE_BUTLER;
}

fault rules_route(const chat *c, const route *r)
{
    if (r->target_id == 0)
        return r->sender_role == SW_ROLE_AGENT ? FAULT_TARGET_REQUIRED : FAULT_NONE;
    if (r->target_role == 0)
        return FAULT_UNKNOWN_TARGET;
    if (r->target_id == r->sender_id && role_system(r->sender_role))
        return FAULT_TO_ITSELF;
    if (r->sender_role == SW_ROLE_AGENT && r->target_role == SW_ROLE_AGENT &&
        !sw_option_bool(c->host, "allow_agent_to_agent"))
        return FAULT_AGENT_TO_AGENT;
    return FAULT_NONE;
}

bool route_threaded(const route *r, int64_t *ret_human, int64_t *ret_peer)
{
    if (role_human(r->sender_role) && role_system(r->target_role)) {
        *ret_human = r->sender_id;
        *ret_peer = r->target_id;
        return true;
    }
    if (role_system(r->sender_role) && role_human(r->target_role)) {
        *ret_human = r->target_id;
        *ret_peer = r->sender_id;
        return true;
    }
    return false;
}

/* Between the Butler and an agent a thread is right in which one of them takes part: there the human's wish came from.
 */
bool rules_thread(const route *r, int64_t owner_id, int64_t peer_id)
{
    int64_t human, peer;

    if (route_threaded(r, &human, &peer))
        return owner_id == human && peer_id == peer;
    if (role_system(r->sender_role) && role_system(r->target_role))
        return peer_id == r->sender_id || peer_id == r->target_id;
    return false;
}
