/* Events between plugins. Each has a name and a struct, which only grows at its end. When a publisher was built with
 * older headers than the server, a subscriber sees zero in the members that the publisher does not know, as long as the
 * event is one of those below. Begin the struct of an event of your own with its size.
 *
 * in_tx:  is called on the writer, inside the savepoint of the publisher. When it fails, the whole step of the
 * publisher is undone. Plugins are called in the order in which they start: a provider of a service before the plugins
 * that need it, and otherwise as in plugins.enabled. Its time counts as time of the publisher's step
 *         (limits.write_step).
 * after:  is called on a worker, as a task after the commit, at most once for each event, and in the order of the
 * commits. The data is a copy. For the events below the copy includes the texts. For events of other plugins only the
 * bytes of the struct are copied, so do not follow pointers in it. */
#ifndef STEWARD_EVENT_H
#define STEWARD_EVENT_H

#include <steward/request.h>

SW_BEGIN_DECLS

typedef struct {
    const char *event;
    sw_status (*in_tx)(sw_tx *tx, const void *data);       /* NULL when not wanted */
    sw_status (*after)(sw_request *req, const void *data); /* NULL when not wanted; may call sw_write() */
} sw_subscription;

/* Published by users. */
#define SW_EVENT_USER_CREATED "user.created" /* sw_user_event  */
#define SW_EVENT_USER_REMOVED "user.removed" /* sw_user_event  */
/* Since 1.2: a human is an ADMIN from now on, or a MEMBER. */
#define SW_EVENT_USER_ROLE_CHANGED "user.role_changed" /* sw_user_event */
#define SW_EVENT_TOKEN_CHANGED     "token.changed" /* sw_token_event; for in_tx only, since it holds the raw token */
/* Published by messages. */
#define SW_EVENT_MESSAGE_STORED "message.stored" /* sw_message_event */
/* Published by chat. */
#define SW_EVENT_CHAT_STORED        "chat.stored"        /* sw_chat_event     */
#define SW_EVENT_APPROVAL_REQUESTED "approval.requested" /* sw_approval_event */
#define SW_EVENT_APPROVAL_DECIDED   "approval.decided"   /* sw_approval_event */
/* Published by the host. */
#define SW_EVENT_SOCKET_OPENED "socket.opened" /* sw_socket_event; for `after` only */
#define SW_EVENT_SOCKET_CLOSED "socket.closed" /* sw_socket_event; for `after` only */
/* Has no data. In in_tx, delete every row of your tables, and the rows of sqlite_sequence for them, with static
 * statements. The plugin `users` makes it fail, unless server.env is development and auth.initial_admin_pass is set. */
#define SW_EVENT_STORE_RESET "store.reset"

typedef struct {
    int64_t user_id;
    const char *username;
    sw_role role;
    int64_t at_ms;
} sw_user_event;

typedef struct {
    int64_t user_id;
    const char *username;
    sw_role role;
    const char *raw_token; /* never log, never send */
    int64_t at_ms;
} sw_token_event;

typedef struct {
    int64_t id;
    const char *agent_id; /* the name of the agent, not a number; humans may give any text */
    const char *level, *content;
    int64_t at_ms;
    int64_t sender_id; /* the user who posted it */
    bool by_frame;     /* it came as a SYSTEM_LOG frame */
} sw_message_event;

typedef struct {
    int64_t id, conversation_id, sender_id, receiver_id;
    sw_role sender_role, receiver_role;
    const char *type;    /* CHAT */
    const char *payload; /* raw JSON text */
    const char *source;  /* raw JSON object, "" when none */
    int64_t at_ms;
} sw_chat_event;

typedef struct {
    int64_t approval_id, chat_id, target_user_id, target_agent_id, conversation_id;
    const char *action_id, *target_agent_name, *command, *reason;
    const char *status;     /* PENDING, APPROVED, REJECTED, EXPIRED, WITHDRAWN (since 1.2) */
    const char *channel;    /* http, ws, feishu, expiry, withdrawn; "" while pending */
    const char *decided_by; /* name; "" while pending */
    int64_t at_ms, expires_ms;
    /* Since 1.2. Who asked, Butler or an agent for itself; the agent's tool, and what the decider said, or "". */
    int64_t requester_id;
    const char *requester_name, *tool, *comment;
} sw_approval_event;

typedef struct {
    int64_t user_id;
    sw_role role;
    int64_t at_ms;
    bool last; /* when one was closed: no other socket of this user is open */
} sw_socket_event;

SW_END_DECLS
#endif
