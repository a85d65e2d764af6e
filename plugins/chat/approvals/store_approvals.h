/* The columns of an approval, for every statement that reads one (approval_read() knows their order). */
#ifndef CHAT_STORE_APPROVALS_H
#define CHAT_STORE_APPROVALS_H

#define APPROVAL_COLUMNS                                                                                    \
    "a.id, a.action_id, a.chat_id, a.butler_id, a.butler_name, a.target_user_id, a.conversation_id, "       \
    "a.target_agent_id,"                                                                                    \
    " a.target_agent_name, a.command, a.command_sha256, a.reason, a.status, a.requested_ms, a.expires_ms, " \
    "a.decided_ms,"                                                                                         \
    " a.decider_id, a.decider_name, a.decider_role, a.responder_name, a.channel, a.response_id,"            \
    " a.response_conversation, a.delivered"

#endif
