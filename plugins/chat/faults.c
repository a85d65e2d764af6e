/* How a refusal reads: one row for each fault, its status, its code, and its text. No state; any thread. */
#include "chat.h"

typedef struct {
    sw_status status;
    const char *code, *text;
} fault_row;

static const fault_row FAULTS[] = {
    [FAULT_NONE] = {.status = SW_INTERNAL, .text = "internal error"},
    [FAULT_TARGET_REQUIRED] = {.status = SW_INVALID, .code = "target_required", .text = "target_id is required"},
    [FAULT_UNKNOWN_TARGET] = {.status = SW_NOT_FOUND, .code = "unknown_target", .text = "no such user: target_id"},
    [FAULT_TO_ITSELF] = {.status = SW_FORBIDDEN, .code = "not_allowed", .text = "an agent may not write to itself"},
    [FAULT_AGENT_TO_AGENT] = {.status = SW_FORBIDDEN,
                              .code = "not_allowed",
                              .text = "an agent may not write to another agent"},
    [FAULT_TARGET_NOT_HUMAN] = {.status = SW_FORBIDDEN,
                                .code = "not_allowed",
                                .text = "only a human may be asked: target_id"},
    [FAULT_UNKNOWN_AGENT] = {.status = SW_NOT_FOUND,
                             .code = "unknown_target",
                             .text = "no such agent: target_agent_id"},
    [FAULT_CONVERSATION] = {.status = SW_INVALID,
                            .code = "invalid_conversation",
                            .text = "conversation_id is no thread of these two"},
    [FAULT_LOCAL_ID_REUSED] = {.status = SW_CONFLICT,
                               .code = "local_id_reused",
                               .text = "local_id was used for another frame"},
    [FAULT_ACTION_CONFLICT] = {.status = SW_CONFLICT,
                               .code = "action_conflict",
                               .text = "action_id was used for another command"},
};

sw_status fault_status(fault f)
{
    return FAULTS[f].status;
}

sw_status fault_fail(sw_request *req, fault f)
{
    return sw_fail(req, FAULTS[f].status, FAULTS[f].code, "%s", FAULTS[f].text);
}
