/* approvals/: somebody asks (ask.c), somebody answers (decide.c) or nobody does (expire.c), and both become known
 * (announce.c); what is sent later is in delivery.c, late_status.c and greet.c. Frames, routes and the service only
 * check the form and lead here. */
#ifndef CHAT_APPROVALS_H
#define CHAT_APPROVALS_H

#include "talk/talk.h"

enum {
    CHAT_ACTION_MAX = 64,
    CHAT_EXPIRES_MIN_S = 10,
    CHAT_EXPIRES_MAX_S = 604800,
    CHAT_APPROVALS_DEFAULT = 50,
    CHAT_APPROVALS_MAX = 200
};

#define STATUS_PENDING  "PENDING"
#define STATUS_APPROVED "APPROVED"
#define STATUS_REJECTED "REJECTED"
#define STATUS_EXPIRED  "EXPIRED"

/* An authorization request, and its decision when there is one. */
typedef struct approval {
    int64_t id, chat_id, butler_id, target_user_id, conversation_id, target_agent_id;
    int64_t requested_ms, expires_ms, decided_ms, decider_id, response_id, response_conversation;
    const char *action_id, *butler_name, *target_agent_name, *command, *command_sha256, *reason;
    const char *status; /* as stored; see approval_status() */
    const char *decider_name, *decider_role, *responder_name, *channel;
    bool delivered;
} approval;

/* ---- asking (ask.c) ---- */

/* A request that was checked in its form. */
typedef struct {
    posting frame;
    const char *action_id; /* NULL: the server gives one */
    int64_t target_agent_id;
    const char *command, *reason;
    int64_t expires_ms; /* after it is stored */
} asking;

sw_status ask_approval(chat *c, sw_tx *tx, asking *ask);

/* ---- deciding (decide.c, expire.c) ---- */

typedef struct {
    const char *action_id;
    bool approved;
    int64_t user_id;
    const char *responder_name; /* NULL: the user's own name */
    const char *channel;
    int64_t conversation_id; /* given with the answer, 0 when none was */
    sw_str local_id;         /* of the frame; `at` is NULL when there is none */
    bool by_frame;
    fault fault; /* FAULT_CONVERSATION or none */
    sw_decision outcome;
    approval now; /* what is stored now, but for UNKNOWN */
} answer;

sw_status decide(const chat *c, sw_tx *tx, answer *a);
/* The failure for an answer that was refused. */
sw_status decide_refusal(sw_request *req, const answer *a);
/* Pending requests become EXPIRED, and everybody is told. */
sw_status expire_due(sw_tx *tx, bool *ret_more);
sw_status expire_of_user(chat *c, sw_tx *tx, int64_t user_id);

/* ---- becoming known (announce.c) ---- */

/* The frames and the event. */
sw_status announce_request(const chat *c, sw_tx *tx, const approval *a);
/* After a decision or expiry: the AUTH_RESPONSE row, frames, event. `a` is as stored but for response_id. */
sw_status announce_decision(const chat *c, sw_tx *tx, approval *a, sw_str local_id);

/* ---- Butler gets each decision once (delivery.c) ---- */

typedef struct delivery delivery;

delivery *delivery_new(sw_host *host);
void delivery_free(delivery *d);
/* After a reset. */
void delivery_clear(delivery *d);
/* The Butler has this decision. Any thread but the writer's callbacks. */
void delivery_note(delivery *d, int64_t approval_id);
/* The receipt of an AUTH_RESPONSE: its bytes have left a socket of Butler's. */
sw_status delivery_receipt(sw_request *req);
/* What Butler has not got, in the order of the decisions. */
sw_status delivery_greet(sw_request *req, int64_t cursor, sw_replay_out *out, int64_t *ret_cursor, bool *ret_more);

/* ---- pages that would show an old status hear the true one (late_status.c) ---- */

typedef struct late_status late_status;

late_status *late_status_new(sw_host *host);
void late_status_free(late_status *l);
/* After a reset. */
void late_status_clear(late_status *l);
/* A refused answer: its user's sockets are told the true status once more, after the refusal. Any thread. */
void late_status_repeat(late_status *l, int64_t user_id, int64_t approval_id);
/* A timer's task: says what is due. */
sw_status late_status_tell(sw_request *req);
/* This was decided: at the commit it is remembered for sockets that are reading their recovery just then. */
sw_status late_status_decided(late_status *l, sw_tx *tx, int64_t approval_id);
/* What was decided while this socket's recovery ran. */
sw_status late_status_greet(sw_request *req, sw_replay_out *out);

/* ---- greet.c, approvals_service.c ---- */

/* What a socket hears after its recovery: Butler its decisions, an ADMIN what is pending. */
sw_status approvals_greet(sw_request *req, bool hello, int64_t since, int64_t cursor, sw_replay_out *out,
                          int64_t *ret_cursor, bool *ret_more);
extern const sw_approvals_service APPROVALS_SERVICE;

/* ---- an approval as JSON (approval_json.c) ---- */

void approval_write(sw_json *out, const approval *a, int64_t now_ms);
/* The object that was asked, with its current status. */
void approval_write_request(sw_json *out, const char *key, const approval *a, int64_t now_ms);
/* Frames: the same text live and replayed. `conversation_id`: of the reader's own thread. */
void frame_write_request(sw_json *out, const approval *a, int64_t conversation_id, int64_t now_ms);
void frame_write_response(sw_json *out, const approval *a);
void frame_write_status(sw_json *out, const char *action_id, const char *status, int64_t at_ms);

/* ---- store_approvals.c: reading works on any connection, writing in a write step ---- */

/* The columns of an approval, for every statement that reads one (approval_read() knows their order). */
#define APPROVAL_COLUMNS                                                                             \
    "a.id, a.action_id, a.chat_id, a.butler_id, a.butler_name, a.target_user_id, a.conversation_id," \
    " a.target_agent_id, a.target_agent_name, a.command, a.command_sha256, a.reason, a.status,"      \
    " a.requested_ms, a.expires_ms, a.decided_ms, a.decider_id, a.decider_name, a.decider_role,"     \
    " a.responder_name, a.channel, a.response_id, a.response_conversation, a.delivered"

/* Reads an approval that begins at `column`. */
void approval_read(const sw_rows *rows, int column, approval *ret);
/* The status as of `now_ms`: a pending one past its expiry has expired, though housekeeping comes a second later. */
const char *approval_status(const approval *a, int64_t now_ms);
extern const sw_table APPROVAL_STATEMENTS;
sw_status approval_add(sw_tx *tx, approval *a); /* sets id */
/* Its AUTH_REQUEST row, which needed the approval's id first. */
sw_status approval_shown(sw_tx *tx, int64_t id, int64_t chat_id);
/* SW_NOT_FOUND. */
sw_status approval_by_action(sw_db *db, const char *action_id, approval *ret);
sw_status approval_by_id(sw_db *db, int64_t id, approval *ret);
/* Newest first. `target` 0: everybody's; `status` "": all, PENDING: those before their expiry. */
sw_status approvals_list(sw_db *db, int64_t target, const char *status, int64_t now_ms, int64_t before, int64_t limit,
                         sw_rows **ret);
/* Expired by `now_ms`, soonest first, at most `limit`. */
sw_status approvals_due(sw_db *db, int64_t now_ms, int64_t limit, sw_rows **ret);
/* Pending ones that ask this human, or are about this agent. */
sw_status approvals_of_target(sw_db *db, int64_t user_id, sw_rows **ret);
sw_status approvals_of_agent(sw_db *db, int64_t agent_id, sw_rows **ret);
/* Decided, not noted as delivered, in decision order after `response_id`. */
sw_status approvals_undelivered(sw_db *db, int64_t butler_id, int64_t response_id, int64_t limit, sw_rows **ret);
/* Pending ones after an id, by id. */
sw_status approvals_pending(sw_db *db, int64_t after, int64_t now_ms, int64_t limit, sw_rows **ret);
bool approvals_next(sw_rows *rows, approval *ret);
/* The one conditional update: still pending, and (but for EXPIRED) not past its expiry. false: too late. */
sw_status approval_decide(sw_tx *tx, const approval *decided, bool *ret_done);
sw_status approval_answered(sw_tx *tx, int64_t id, int64_t response_id);
sw_status approval_delivered(sw_tx *tx, int64_t id);
sw_status approval_counts(sw_db *db, int64_t now_ms, int64_t *ret_pending, int64_t *ret_undelivered);

/* ---- frames/, routes/ ---- */

sw_status on_auth_request(sw_request *req);
sw_status on_auth_response(sw_request *req);
sw_status on_ack(sw_request *req);
sw_status post_auth_response(sw_request *req);
sw_status get_approvals(sw_request *req);

#endif
