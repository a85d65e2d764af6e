/* chat: what people, agents and the Butler say to one another, their threads, and the approvals.
 *
 * plugin.c is the front door: its tables name every route, frame and option. README.md follows a CHAT and an approval
 * from file to file. Here is what the rooms share; each room has one header of its own, and uses those before it:
 *
 *   threads/threads.h      threads, and where a frame goes
 *   talk/talk.h            CHAT and stream pieces, stored rows, the history, recovery
 *   rules/rules.h          what answers a request in a human's stead
 *   approvals/approvals.h  requests, decisions, and how both become known */
#ifndef CHAT_H
#define CHAT_H

#include <stdatomic.h>
#include <steward/plugin.h>
#include <steward/service/chat.h>
#include <steward/service/users.h>

/* Made by start(), freed by stop(). */
typedef struct {
    sw_host *host;
    int64_t removed; /* by retention since the last line that said so; the writer's */
    int64_t removed_said_ms;
    const sw_users_service *users;
    void *users_self;
    struct cache *cache;        /* threads/memory.c  */
    struct delivery *delivery;  /* approvals/delivery.c    */
    struct rules *rules;        /* rules/rules_store.c     */
    struct waits *waits;        /* approvals/waits.c       */
    struct pace *pace;          /* approvals/pace.c        */
    _Atomic uint64_t questions; /* internal questions that were relayed, see talk/post.c */
    _Atomic uint64_t refused;   /* requests of agents over their limits, see approvals/ask.c */
} chat;

static inline bool role_human(sw_role role)
{
    return role == SW_ROLE_ADMIN || role == SW_ROLE_MEMBER;
}

static inline bool role_system(sw_role role)
{
    return role == SW_ROLE_AGENT || role == SW_ROLE_BUTLER;
}

/* ---- why something is refused (chat.c) ---- */

typedef enum {
    FAULT_NONE = 0,
    FAULT_TARGET_REQUIRED,
    FAULT_UNKNOWN_TARGET,
    FAULT_TO_ITSELF,
    FAULT_AGENT_TO_AGENT,
    FAULT_TARGET_NOT_HUMAN,
    FAULT_UNKNOWN_AGENT,
    FAULT_CONVERSATION,
    FAULT_LOCAL_ID_REUSED,
    FAULT_ACTION_CONFLICT,
    FAULT_TOO_MANY_PENDING,
    FAULT_TOO_MANY_ASKED,
    FAULT_PAUSED
} fault;

/* The failure of a frame. */
sw_status fault_fail(sw_request *req, fault f);
/* The same over HTTP, where the codes are others. */
sw_status fault_fail_http(sw_request *req, fault f);
sw_status fault_status(fault f);

/* ---- chat.c, for plugin.c ---- */

bool chat_health(sw_request *req, sw_json *out);
extern const sw_table RESET_STATEMENTS;
sw_status on_store_reset(sw_tx *tx, const void *data);

#endif
