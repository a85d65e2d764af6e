/* chat: what people, agents and the Butler say to one another, their threads, and the approvals.
 *
 * plugin.c is the front door. A frame's way: events/ (check) -> post.c, request.c or decide.c (write step) ->
 * store_*.c. rules.c says who may write to whom, conversation.c which thread a frame belongs to, cache.c remembers both
 * for the stream pieces that never touch the store; write_rows.c and write_frames.c write JSON; recovery.c replays. */
#ifndef CHAT_H
#define CHAT_H

#include <stdatomic.h>
#include <steward/plugin.h>
#include <steward/service/chat.h>
#include <steward/service/users.h>

enum {
    CHAT_LOCAL_ID_MAX = 128,
    CHAT_TITLE_MAX = 200,
    CHAT_SUMMARY_MAX = 4096,
    CHAT_COMMAND_MAX = 16 * 1024,
    CHAT_REASON_MAX = 8 * 1024,
    CHAT_ACTION_MAX = 64,
    CHAT_EXPIRES_MIN_S = 10,
    CHAT_EXPIRES_MAX_S = 604800,
    CHAT_REPEAT_MS = 24 * 3600 * 1000, /* how long a local_id is remembered */
    CHAT_HISTORY_DEFAULT = 100,
    CHAT_THREAD_DEFAULT = 200,
    CHAT_PAGE_MAX = 500,
    CHAT_APPROVALS_DEFAULT = 50,
    CHAT_APPROVALS_MAX = 200
};

typedef struct cache cache;     /* cache.c  */
typedef struct notices notices; /* notices.c */

/* Made by start(), freed by stop(). */
typedef struct {
    sw_host *host;
    const sw_users_service *users;
    void *users_self;
    cache *cache;
    notices *notices;
    _Atomic uint64_t questions; /* internal questions relayed, see post.c */
} chat;

/* ---- why something is refused (rules.c) ---- */

typedef enum {
    FAULT_NONE = 0,
    FAULT_TARGET_REQUIRED,
    FAULT_UNKNOWN_TARGET,
    FAULT_UNKNOWN_SENDER,
    FAULT_TO_ITSELF,
    FAULT_AGENT_TO_AGENT,
    FAULT_TARGET_NOT_HUMAN,
    FAULT_UNKNOWN_AGENT,
    FAULT_CONVERSATION,
    FAULT_LOCAL_ID_REUSED,
    FAULT_ACTION_CONFLICT,
    FAULT_PAYLOAD_TOO_LARGE,
    FAULT_PAYLOAD
} fault;

/* The failure of a frame. */
sw_status fault_fail(sw_request *req, fault f);
sw_status fault_status(fault f);

/* ---- from whom to whom (rules.c, conversation.c) ---- */

typedef struct {
    int64_t sender_id;
    sw_role sender_role;
    int64_t target_id;       /* 0: every human                          */
    sw_role target_role;     /* 0 with a target_id: no such user        */
    int64_t asked;           /* the conversation that was given, 0: none */
    int64_t conversation_id; /* found: where it goes, 0: nowhere        */
} route;

bool role_human(sw_role role);
bool role_system(sw_role role);
/* May this frame be sent at all? `r->target_role` is known. */
fault rules_route(const chat *c, const route *r);
/* Is the thread of (owner, peer) right for this route? */
bool rules_thread(const route *r, int64_t owner_id, int64_t peer_id);
/* A human on one side, an agent or the Butler on the other: such pairs have threads. */
bool route_threaded(const route *r, int64_t *ret_human, int64_t *ret_peer);

/* On the loop: false when memory does not know (then ask the store). */
bool conversation_remembered(const chat *c, route *r, fault *ret_fault);
/* On a worker, filling the memory. *ret_missing: the pair has no default thread yet. */
sw_status conversation_read(const chat *c, sw_db *db, route *r, fault *ret_fault, bool *ret_missing);
/* In a write step: also makes the default thread. */
sw_status conversation_settle(const chat *c, sw_tx *tx, route *r, fault *ret_fault);
/* The pair's default thread, made now if there is none. */
sw_status conversation_default(const chat *c, sw_tx *tx, int64_t human_id, int64_t peer_id, sw_role peer_role,
                               int64_t *ret_thread);
/* A stored frame lies in this thread now; `by_owner`: the pair's answers go there from now on. */
sw_status conversation_touch(const chat *c, sw_tx *tx, const route *r, bool by_owner);

/* ---- what is remembered in memory (cache.c) ---- */

typedef enum { CACHE_USER = 1, CACHE_THREAD, CACHE_PAIR } cache_kind;

/* USER (id, 0): role, 0. THREAD (id, 0): owner, peer. PAIR (human, peer): default thread, latest thread. */
typedef struct {
    cache_kind kind;
    int64_t a, b;
} cache_key;

cache *cache_new(void);
void cache_free(cache *c);
bool cache_find(cache *c, cache_key key, int64_t ret_values[2]);
/* Taken before the store is read; cache_fill() does nothing when something changed meanwhile. */
uint64_t cache_ticket(cache *c, cache_key key);
void cache_fill(cache *c, cache_key key, int64_t first, int64_t second, uint64_t ticket);
/* At the commit of `tx`, before any reply leaves. */
sw_status cache_put_later(cache *c, sw_tx *tx, cache_key key, int64_t first, int64_t second);
sw_status cache_forget_later(cache *c, sw_tx *tx, cache_key key);
sw_status cache_clear_later(cache *c, sw_tx *tx);

/* ---- rows ---- */

/* An authorization request. */
typedef struct {
    int64_t id, chat_id, butler_id, target_user_id, conversation_id, target_agent_id;
    int64_t requested_ms, expires_ms, decided_ms, decider_id, response_id, response_conversation;
    const char *action_id, *butler_name, *target_agent_name, *command, *command_sha256, *reason;
    const char *status; /* as stored; see approval_status() */
    const char *decider_name, *decider_role, *responder_name, *channel;
    bool delivered;
} approval;

#define STATUS_PENDING  "PENDING"
#define STATUS_APPROVED "APPROVED"
#define STATUS_REJECTED "REJECTED"
#define STATUS_EXPIRED  "EXPIRED"
#define TYPE_CHAT       "CHAT"
#define TYPE_REQUEST    "AUTH_REQUEST"
#define TYPE_RESPONSE   "AUTH_RESPONSE"

/* The status as of `now_ms`: a pending one past its expiry has expired, though housekeeping comes a second later. */
const char *approval_status(const approval *a, int64_t now_ms);

typedef struct {
    int64_t id, conversation_id, sender_id, receiver_id, approval_id, at_ms;
    const char *type, *sender_name, *sender_role;
    sw_str local_id, payload, source, stream_id; /* at NULL: none */
    const approval *approval;                    /* of AUTH_REQUEST and AUTH_RESPONSE */
    int64_t asked_conversation;
    const uint8_t *digest; /* 32 bytes, NULL: no local_id */
    bool recovered;        /* to be stored: the receiver's recovery has it */
} chat_row;

typedef struct {
    int64_t id, owner_id, peer_id, archived_ms, last_message_ms, created_ms, updated_ms; /* 0: never */
    const char *channel_kind, *title, *summary;
    bool is_pinned, is_default;
} thread_row;

/* ---- JSON (write_rows.c, write_frames.c) ---- */

/* A row as history shows it. `req` lends memory for payloads that are made here. */
void chat_write(sw_request *req, sw_json *out, const chat_row *row, int64_t now_ms);
void thread_write(sw_json *out, const char *key, const thread_row *t);
void approval_write(sw_json *out, const approval *a, int64_t now_ms);
/* The object that was asked, with its current status. */
void approval_write_request(sw_json *out, const char *key, const approval *a, int64_t now_ms);

/* Frames: the same text live and replayed. */
void frame_write_chat(sw_json *out, const chat_row *row);
void frame_write_row(sw_json *out, const chat_row *row, int64_t now_ms);
/* `conversation_id`: of the reader's own thread. */
void frame_write_request(sw_json *out, const approval *a, int64_t conversation_id, int64_t now_ms);
void frame_write_response(sw_json *out, const approval *a);
void frame_write_status(sw_json *out, const char *action_id, const char *status, int64_t at_ms);
void frame_write_monitor(sw_json *out, const chat_row *row, int64_t agent_id, int64_t admin_id);

/* ---- sending in a write step (deliver.c); `fill` has written the frame ---- */

/* To one or two users; 0: none. */
sw_status deliver_users(sw_tx *tx, sw_frame *frame, int64_t first, int64_t second);
/* To every human. */
void deliver_humans(sw_tx *tx, sw_frame *frame);
/* The ids of all ADMINs. */
sw_status deliver_admins(const chat *c, sw_tx *tx, const int64_t **ret, size_t *ret_count);

/* ---- a CHAT (post.c, repeat.c, question.c) ---- */

typedef struct {
    route route;
    const char *sender_name;
    sw_str local_id, payload, stream_id, source;
    sw_str text;       /* of a string payload that begins as Butler's internal questions do; at NULL: no */
    int64_t opened_ms; /* of the socket that sent it, 0: not a frame */
    bool by_frame;     /* ACK and the echo of a repeat go to its socket */
    fault fault;       /* set when refused */
    int64_t id, at_ms; /* what came of it */
} posting;

sw_status post_chat(chat *c, sw_tx *tx, posting *p);
/* The rule of repeats. *ret_first_id: 0 when it is new. With a fault in p->fault: SW_OK too. */
sw_status repeat_find(sw_tx *tx, posting *p, const char *type, uint8_t ret_digest[32], int64_t *ret_first_id);
/* ACK and echo with the first id and timestamp. */
sw_status repeat_answer(sw_tx *tx, posting *p, int64_t first_id);
/* `value` is the parsed payload. */
void question_look(posting *p, const sw_value *value);
bool question_is(const posting *p);
sw_status question_relay(chat *c, sw_tx *tx, posting *p);

/* ---- approvals (request.c, decide.c, announce.c, expire.c) ---- */

/* An AUTH_REQUEST of the Butler, checked in its form. */
typedef struct {
    posting frame;
    const char *action_id; /* NULL: the server gives one */
    int64_t target_agent_id;
    const char *command, *reason;
    int64_t expires_ms; /* after it is stored */
} asking;

sw_status request_store(chat *c, sw_tx *tx, asking *ask);
/* SW_EVENT_APPROVAL_…, for other plugins. */
sw_status approval_publish(sw_tx *tx, const char *name, const approval *a);

typedef struct {
    const char *action_id;
    bool approved;
    int64_t user_id;
    const char *responder_name; /* NULL: the user's own name */
    const char *channel;
    int64_t conversation_id; /* given with the answer, 0: none */
    sw_str local_id;         /* of the frame, at NULL: none */
    bool by_frame;
    fault fault; /* FAULT_CONVERSATION or none */
    sw_decision outcome;
    approval now; /* what is stored now, but for UNKNOWN */
} answer;

sw_status decide(const chat *c, sw_tx *tx, answer *a);
/* The failure for an answer that was refused (refusal.c). */
sw_status answer_refusal(sw_request *req, const answer *a);
/* Pending requests become EXPIRED, and everybody is told. */
sw_status expire_of_user(chat *c, sw_tx *tx, int64_t user_id);
sw_status expire_due(sw_tx *tx, bool *ret_more);
/* After a decision or expiry: the AUTH_RESPONSE row, frames, events. `a` is as stored but for response_id. */
sw_status announce_decision(const chat *c, sw_tx *tx, approval *a, sw_str local_id);

/* ---- what happens a little later (notices.c) ---- */

notices *notices_new(chat *c);
void notices_free(notices *n);
/* A refused answer: its user's sockets are told the true status once more, after the refusal. Any thread. */
void notices_status(notices *n, int64_t user_id, int64_t approval_id);
sw_status notices_tell(sw_request *req);
/* The Butler has this decision. Any thread but the writer's callbacks. */
void notices_delivered(notices *n, int64_t approval_id);
/* Noted, or on its way to the store: not to be sent again. */
bool notices_is_delivered(notices *n, int64_t approval_id);
sw_status notices_receipt(sw_request *req);
/* This was decided: at the commit it is remembered for sockets that are reading their recovery just then. */
sw_status notices_decided(notices *n, sw_tx *tx, int64_t approval_id);
/* The approvals that were decided at or after `since_ms`: at most `max`, oldest first. */
size_t notices_decided_since(notices *n, int64_t since_ms, int64_t *ret, size_t max);
/* After a reset. */
void notices_clear(notices *n);

/* ---- recovery.c, retention.c, service.c ---- */

extern const sw_recovery CHAT_RECOVERY;
extern const sw_chat_service CHAT_SERVICE;
extern const sw_approvals_service APPROVALS_SERVICE;
sw_status retention_prune(sw_tx *tx, bool *ret_more);
bool chat_health(sw_request *req, sw_json *out);

/* page.c: a reply of many rows, oldest first. `ids` are in that order, or the other way round with `newest_first`: then
 * a page that grows too large loses its oldest rows. `own_thread`: what AUTH_REQUESTs to others show as thread; -1:
 * theirs. */
sw_status page_reply(sw_request *req, const int64_t *ids, size_t count, bool newest_first, int64_t own_thread);

/* ---- routes/ ---- */

/* "conversation thread not found" */
sw_status thread_missing(sw_request *req);
bool thread_kind_known(const char *kind);
/* The body's title without white space at its ends; `fallback` when nothing is left. */
const char *title_read(sw_request *req, const char *fallback);
sw_status get_history(sw_request *req);
sw_status get_butler_agent(sw_request *req);
sw_status get_updates(sw_request *req);
sw_status post_auth_response(sw_request *req);
sw_status get_threads(sw_request *req);
sw_status post_threads(sw_request *req);
sw_status patch_thread(sw_request *req);
sw_status get_thread_messages(sw_request *req);
sw_status get_approvals(sw_request *req);

/* ---- events/ ---- */

sw_status on_chat(sw_request *req);
sw_status on_stream(sw_request *req);
sw_status on_auth_request(sw_request *req);
sw_status on_auth_response(sw_request *req);
sw_status on_ack(sw_request *req);
sw_status on_user_removed(sw_tx *tx, const void *data);
sw_status on_store_reset(sw_tx *tx, const void *data);
/* Fills what every frame has; a fault of the envelope is answered. */
sw_status posting_of_frame(sw_request *req, posting *ret);
sw_status payload_missing(sw_request *req);

#endif
