/* Services "chat/1" and "approvals/1", provided by chat. */
#ifndef STEWARD_SERVICE_CHAT_H
#define STEWARD_SERVICE_CHAT_H

#include <steward/tx.h>

SW_BEGIN_DECLS

typedef struct {
    uint32_t size; /* sizeof(sw_chat_post) */
    int64_t sender_id;
    int64_t target_id;
    int64_t conversation_id; /* 0 when the rules of the contract must choose it */
    const char *local_id;    /* may be NULL */
    const char *payload;     /* raw JSON text */
    size_t payload_len;
    const char *source; /* raw JSON object; may be NULL */
    /* Since 1.2. A local_id that its sender used for something else is no conflict, but begins a new message, as that
     * of an agent that has been started again. */
    bool local_id_anew;
} sw_chat_post;

typedef struct {
    uint32_t size; /* sizeof(sw_chat_service) */
    /* Stores a CHAT, and delivers it after the commit, exactly as if its sender had sent the frame. SW_NOT_FOUND: the
     * sender or the target is not known. SW_FORBIDDEN: these two may not talk. SW_INVALID: the conversation or a size
     * is wrong. */
    sw_status (*post)(void *self, sw_tx *tx, const sw_chat_post *post, int64_t *ret_id, int64_t *ret_at_ms);
    /* Opens a new thread between that human and Butler or an agent, besides the default one. A `title` that is too long
     * is cut. SW_NOT_FOUND: a user is not known. SW_INVALID: these two cannot have threads. */
    sw_status (*open_thread)(void *self, sw_tx *tx, int64_t owner_id, int64_t peer_id, const char *title,
                             int64_t *ret_id);
} sw_chat_service;

/* The outcome of an answer to an approval. */
typedef enum {
    SW_DECIDED = 1,       /* this answer decided it */
    SW_DECIDED_SAME,      /* it was decided before, in the same way: nothing was sent */
    SW_DECIDED_OTHERWISE, /* it was decided before, in the other way */
    SW_DECISION_EXPIRED,
    SW_DECISION_UNKNOWN,       /* there is no such request */
    SW_DECISION_FORBIDDEN,     /* this user may not answer it */
    SW_DECISION_OTHER_COMMAND, /* since 1.2: this id stands for another command than the one that was seen */
    SW_DECISION_NOTED          /* since 1.2: approved, but another human must approve it, too; it is PENDING */
} sw_decision;

/* Set `size` before you call a function that fills one. */
typedef struct {
    uint32_t size; /* sizeof(sw_approval) */
    int64_t approval_id;
    const char *action_id;
    const char *status;     /* PENDING, APPROVED, REJECTED, EXPIRED */
    const char *decided_by; /* the name that is shown; "" while pending */
    const char *command, *reason, *target_agent_name;
    const char *channel;
    int64_t expires_ms, decided_ms;
} sw_approval;

/* Since 1.2. An answer to an approval; see decide() below for its members. */
typedef struct {
    uint32_t size; /* sizeof(sw_answer) */
    const char *action_id;
    bool approved;
    int64_t user_id;
    const char *responder_name, *channel;
    const char
        *command_sha256; /* of the command that was shown, 64 lower-case hex digits; NULL when that is not known */
} sw_answer;

typedef struct {
    uint32_t size; /* sizeof(sw_approvals_service) */
    /* Decides on an approval, by one conditional update in this write step. The first decision wins, and is announced
     * after the commit. `user_id` is who answers. `responder_name` may be NULL for the user's own name. `channel` is
     * "http", "ws" or "feishu". *ret is what is stored now; `ret` may be NULL. SW_INTERNAL: ret->size was not set. */
    sw_status (*decide)(void *self, sw_tx *tx, const char *action_id, bool approved, int64_t user_id,
                        const char *responder_name, const char *channel, sw_decision *ret_decision, sw_approval *ret);
    /* SW_NOT_FOUND when there is none. */
    sw_status (*find)(void *self, sw_db *db, const char *action_id, sw_approval *ret);
    /* Since 1.2; look at `size` first. Asks a human, exactly as if Butler had sent the AUTH_REQUEST: `request` has
     * Butler as its sender, and as its payload the object of such a frame, or a JSON string with it. *ret_chat_id is
     * the row of the request. SW_FORBIDDEN: the sender is not Butler, or the target no human. SW_NOT_FOUND: the sender,
     * the target or the agent is not known. SW_INVALID: something of the request is wrong. SW_CONFLICT: its action_id
     * was used for another command. */
    sw_status (*ask)(void *self, sw_tx *tx, const sw_chat_post *request, int64_t *ret_chat_id);
    /* Since 1.2. As decide(), for the command that was shown: after a restore an id may stand for another one, and an
     * answer without a digest is refused when the id was known before. */
    sw_status (*decide_command)(void *self, sw_tx *tx, const sw_answer *answer, sw_decision *ret_decision,
                                sw_approval *ret);
} sw_approvals_service;

SW_END_DECLS
#endif
