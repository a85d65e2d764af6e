/* approvals/: somebody asks (asking.c, ask.c), somebody answers (decide.c) or nobody does (expiry.c), and both become
 * known at once (announce.c), to those who come later (delivery.c) and to those who wait (waits.c), each ADMIN in a
 * thread of its own (copies.c). Who asked acts on it or takes it back (claim.c). approvals.c reads and lists what is
 * stored. */
#ifndef CHAT_APPROVALS_H
#define CHAT_APPROVALS_H

#include "rules/rules.h"
#include "talk/talk.h"

enum {
    CHAT_ACTION_MAX = 64,
    CHAT_EXPIRES_MIN_S = 10,
    CHAT_EXPIRES_MAX_S = 604800,
    CHAT_APPROVALS_DEFAULT = 50,
    CHAT_APPROVALS_MAX = 200,
    CHAT_CWD_MAX = 4096,
    CHAT_COMMENT_MAX = 4096,
    CHAT_WAIT_MAX_S = 300
};

#define STATUS_PENDING   "PENDING"
#define STATUS_APPROVED  "APPROVED"
#define STATUS_REJECTED  "REJECTED"
#define STATUS_EXPIRED   "EXPIRED"
#define STATUS_WITHDRAWN "WITHDRAWN"

/* An authorization request, and its decision when there is one. `butler_*` is who asked: Butler, or an agent for
 * itself. */
typedef struct approval {
    int64_t id, chat_id, butler_id, target_user_id, conversation_id, target_agent_id;
    int64_t due_ms; /* when it expires, by the steady clock; expires_ms is what people are shown */
    int64_t requested_ms, expires_ms, decided_ms, decider_id, response_id, response_conversation;
    const char *action_id, *butler_name, *target_agent_name, *command, *command_sha256, *reason;
    const char *status; /* as stored; see approval_status() */
    const char *decider_name, *decider_role, *responder_name, *channel;
    const char *requester_role, *tool, *input_sha256, *cwd, *session_id, *comment; /* "" when there is none */
    int64_t claimed_ms, rule_id;                                                   /* 0: not claimed; no rule */
    int64_t needs, first_id, first_ms;                                             /* see four_eyes.c */
    const char *first_name, *first_channel;
    bool delivered;
} approval;

/* ---- becoming known (announce.c) ---- */

extern const sw_table ANNOUNCE_STATEMENTS;
/* The frames and the event. */
sw_status announce_request(const chat *c, sw_tx *tx, const approval *a);
/* After a decision or expiry: the AUTH_RESPONSE row, frames, event. `a` is as stored but for response_id. */
sw_status announce_decision(const chat *c, sw_tx *tx, approval *a, sw_str local_id);

/* After the first of two approvals: every human hears that it is pending, and who approved. */
sw_status announce_first(sw_tx *tx, const approval *a);

/* The object that was asked, with its status as of `steady_ms`. */
void approval_write_request(sw_json *out, const char *key, const approval *a, int64_t steady_ms);
/* Frames: the same text live and replayed. `conversation_id`: of the reader's own thread. */
void frame_write_request(sw_json *out, const approval *a, int64_t conversation_id, int64_t steady_ms);
void frame_write_response(sw_json *out, const approval *a);
void frame_write_status(sw_json *out, const approval *a, const char *status, int64_t at_ms);

/* ---- two humans (four_eyes.c) ---- */

extern const sw_table FOUR_EYES_STATEMENTS;
/* Does the answer `by` (as decided_by() made it) decide? When not, it is noted, and `a` is as stored then. */
sw_status four_eyes(const chat *c, sw_tx *tx, approval *a, const approval *by, bool *ret_enough);

/* ---- the copies of the other ADMINs (copies.c) ---- */

extern const sw_table COPY_STATEMENTS;
/* Chooses, touches and notes the thread of this ADMIN's copy. */
sw_status copy_put(const chat *c, sw_tx *tx, const approval *a, int64_t admin_id, int64_t *ret_thread);
/* Where it was put; 0: this one has no thread with Butler. */
sw_status copy_thread(sw_db *db, int64_t chat_id, int64_t admin_id, int64_t butler_id, int64_t *ret);
/* Requests to others up to this id belong to that thread, though they were not noted; 0: none. */
sw_status copies_unnoted(sw_db *db, const thread_row *t, int64_t *ret_to);
/* Of rows that retention removes, up to that id. */
sw_status copies_prune(sw_tx *tx, int64_t to);

/* ---- becoming known later (delivery.c) ---- */

typedef struct delivery delivery;

extern const sw_table DELIVERY_STATEMENTS;
delivery *delivery_new(sw_host *host);
void delivery_free(delivery *d);
/* After a reset. */
void delivery_clear(delivery *d);
/* Have the bytes of this decision left a socket lately, so that it is noted in the store or on its way there? */
bool delivery_noted(delivery *d, int64_t approval_id);
/* A refused answer: its user's sockets are told the true status again, half a second and two seconds after the refusal.
 * Any thread. */
void delivery_status_again(delivery *d, int64_t user_id, int64_t approval_id);
/* This was decided: at the commit it is remembered for sockets that are reading their recovery just then. */
sw_status delivery_decided(delivery *d, sw_tx *tx, int64_t approval_id);

/* ---- what is stored (approvals.c): on any connection ---- */

/* The columns of an approval, for every statement that reads one (approval_read() knows their order). */
#define APPROVAL_COLUMNS                                                                             \
    "a.id, a.action_id, a.chat_id, a.butler_id, a.butler_name, a.target_user_id, a.conversation_id," \
    " a.target_agent_id, a.target_agent_name, a.command, a.command_sha256, a.reason, a.status,"      \
    " a.requested_ms, a.expires_ms, a.decided_ms, a.decider_id, a.decider_name, a.decider_role,"     \
    " a.responder_name, a.channel, a.response_id, a.response_conversation, a.delivered,"             \
    " a.due_ms,"                                                                                     \
    " a.requester_role, a.tool, a.input_sha256, a.cwd, a.session_id, a.comment, a.claimed_ms,"       \
    " a.rule_id, a.withdrawn, a.needs, a.first_id, a.first_name, a.first_channel, a.first_ms"
#define SELECT_APPROVAL "SELECT " APPROVAL_COLUMNS " FROM chat_approvals a"

extern const sw_table APPROVAL_STATEMENTS;
/* Reads an approval that begins at `column`. */
void approval_read(const sw_rows *rows, int column, approval *ret);
/* The next row of a SELECT_APPROVAL. */
bool approvals_next(sw_rows *rows, approval *ret);
/* The only row of one that began with `begun`; SW_NOT_FOUND. */
sw_status approval_one(sw_status begun, sw_rows *rows, approval *ret);
/* SW_NOT_FOUND. */
sw_status approval_by_action(sw_db *db, const char *action_id, approval *ret);
sw_status approval_by_id(sw_db *db, int64_t id, approval *ret);
sw_status approval_counts(sw_db *db, int64_t steady_ms, int64_t *ret_pending, int64_t *ret_undelivered);
/* The status as of `steady_ms`: a pending one past its expiry has expired, though housekeeping comes a second later. */
const char *approval_status(const approval *a, int64_t steady_ms);

/* The whole object, with its input, which is read for it. */
sw_status approval_write(sw_json *out, sw_db *db, const approval *a, int64_t now_ms);
/* May this one read it? An ADMIN, Butler, who asked, and the human who was asked. */
bool approval_visible(const sw_principal *who, const approval *a);
sw_status approval_unknown(sw_request *req);

/* ---- the end of a request (decide.c): in a write step ---- */

/* The one conditional update: still pending, and (but for EXPIRED and WITHDRAWN) not past its expiry. false: too late.
 */
sw_status approval_decide(sw_tx *tx, const approval *a, int64_t steady_ms, bool *ret_done);
/* A rule or a pause has decided what was just stored. */
sw_status approval_ruled(sw_tx *tx, const approval *a);

/* ---- those who wait (waits.c) ---- */

typedef struct waits waits;

waits *waits_new(sw_host *host);
void waits_free(waits *w);
/* After a reset. */
void waits_end_all(waits *w);
/* In a write step that decides: at the commit those who wait for it are answered. */
sw_status waits_wake_later(waits *w, sw_tx *tx, int64_t approval_id);
/* On a worker, last in a handler: answers with the approval once it is decided, or that time is over. */
sw_status wait_for_decision(sw_request *req, int64_t approval_id, int64_t wait_ms);

/* ---- how often (pace.c): in write steps ---- */

typedef enum { PACE_HUMAN, PACE_RULE, PACE_KINDS } pace_kind;
typedef struct pace pace;

pace *pace_new(void);
void pace_free(pace *p);
void pace_clear(pace *p);
void pace_forget(pace *p, int64_t user_id);
/* false: `limit` have been in this minute. */
bool pace_take(pace *p, int64_t user_id, pace_kind kind, int64_t limit);

/* ---- the red button (pause.c) ---- */

typedef struct {
    int64_t agent_id, by_id, at_ms; /* agent 0: all of them */
    const char *reason, *by_name;
} pause_row;

sw_status pause_get(sw_db *db, int64_t agent_id, pause_row *ret, bool *ret_paused);
/* "paused by NAME: reason"; NULL when there is no memory. */
const char *pause_words(sw_tx *tx, const pause_row *p);
/* Of an agent that is gone. */
sw_status pause_forget(sw_tx *tx, int64_t agent_id);

/* ---- for plugin.c ---- */

/* pause.c */
extern const sw_table PAUSE_STATEMENTS;
sw_status post_pause(sw_request *req);
sw_status get_pauses(sw_request *req);
/* Housekeeping: what the button has not reached. */
sw_status pause_pending(sw_tx *tx, bool *ret_more);

/* ask.c */
extern const sw_table ASK_STATEMENTS;
sw_status on_auth_request(sw_request *req);
sw_status ask_for(void *self, sw_tx *tx, const sw_chat_post *what, int64_t *ret_chat_id); /* of approvals/1 */
sw_status post_approvals(sw_request *req);
/* expiry.c */
extern const sw_table EXPIRY_STATEMENTS;
/* Pending requests become EXPIRED, and everybody is told. */
sw_status expire_due(sw_tx *tx, bool *ret_more);
sw_status on_user_removed(sw_tx *tx, const void *data);
/* Decisions by rule older than the option says go. */
sw_status ruled_prune(sw_tx *tx, bool *ret_more);
/* claim.c */
extern const sw_table CLAIM_STATEMENTS;
sw_status post_claim(sw_request *req);
sw_status post_withdraw(sw_request *req);
/* waits.c */
sw_status waits_end_due(sw_request *req);
/* decide.c */
extern const sw_table DECIDE_STATEMENTS;
/* Is this user one of those whose answer counts? */
bool may_decide(const chat *c, const sw_user *user, const approval *a);
sw_status on_auth_response(sw_request *req);
sw_status post_auth_response(sw_request *req);
sw_status post_decision(sw_request *req);
extern const sw_approvals_service APPROVALS_SERVICE;
/* delivery.c */
sw_status on_ack(sw_request *req);
sw_status delivery_receipt(sw_request *req);
sw_status delivery_tell_statuses(sw_request *req);
/* What a socket hears after its recovery: Butler its decisions, an ADMIN what is pending. */
sw_status approvals_greet(sw_request *req, bool hello, int64_t since, int64_t cursor, sw_replay_out *out,
                          int64_t *ret_cursor, bool *ret_more);
/* copies.c */
sw_status on_user_ranked(sw_tx *tx, const void *data); /* user.created, user.role_changed */
sw_status copies_prepare(sw_tx *tx);
/* approvals.c */
sw_status get_approvals(sw_request *req);
sw_status get_approval(sw_request *req);

#endif
