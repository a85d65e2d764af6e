/* Events between plugins. A name, and a struct per event; the struct only grows at its end. Of those below a
 * subscriber sees every member that the server's headers have: what an older publisher does not know is zero.
 * Begin the struct of an event of your own with its size.
 *
 * in_tx:  called on the writer inside the publisher's savepoint; a failure undoes the publisher's step. In the order in
 *         which plugins start: providers of services before who needs them, else as in plugins.enabled. It takes of the
 *         publisher's limits.write_step.
 * after:  called on a worker as a task after the commit, in commit order per subscriber, at most once. The data is
 *         a copy: with its texts for the events below; of other plugins' events the bytes of the struct alone,
 *         so pointers in it must not be followed there. */
#ifndef STEWARD_EVENT_H
#define STEWARD_EVENT_H

#include <steward/request.h>

SW_BEGIN_DECLS

typedef struct {
    const char *event;
    sw_status (*in_tx)(sw_tx *tx, const void *data);       /* NULL: not wanted */
    sw_status (*after)(sw_request *req, const void *data); /* NULL: not wanted; may sw_write() */
} sw_subscription;

/* Published by users. */
#define SW_EVENT_USER_CREATED  "user.created"  /* sw_user_event  */
#define SW_EVENT_USER_REMOVED  "user.removed"  /* sw_user_event  */
#define SW_EVENT_TOKEN_CHANGED "token.changed" /* sw_token_event; in_tx only: holds the raw token */
/* Published by messages. */
#define SW_EVENT_MESSAGE_STORED "message.stored" /* sw_message_event */
/* Published by chat. */
#define SW_EVENT_CHAT_STORED        "chat.stored"        /* sw_chat_event     */
#define SW_EVENT_APPROVAL_REQUESTED "approval.requested" /* sw_approval_event */
#define SW_EVENT_APPROVAL_DECIDED   "approval.decided"   /* sw_approval_event */
/* Published by the host. */
#define SW_EVENT_SOCKET_OPENED "socket.opened" /* sw_socket_event; after only */
#define SW_EVENT_SOCKET_CLOSED "socket.closed" /* sw_socket_event; after only */
/* No data; in_tx: delete every row of your tables, and their sqlite_sequence rows, with static statements. With `users`
 * it fails unless server.env is development and auth.initial_admin_pass is set. */
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
    const char *agent_id; /* a name, not a number: of the agent; people may give any text */
    const char *level, *content;
    int64_t at_ms;
    int64_t sender_id; /* the user who posted it */
    bool by_frame;     /* came as a SYSTEM_LOG frame */
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
    const char *status;     /* PENDING, APPROVED, REJECTED, EXPIRED */
    const char *channel;    /* http, ws, feishu, expiry; "" while pending */
    const char *decided_by; /* name; "" while pending */
    int64_t at_ms, expires_ms;
} sw_approval_event;

typedef struct {
    int64_t user_id;
    sw_role role;
    int64_t at_ms;
    bool last; /* closed: no other socket of this user is open */
} sw_socket_event;

SW_END_DECLS
#endif
