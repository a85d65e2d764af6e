/* Events on their way in: inbound.c queues them and acknowledges them, accept.c and decision.c are the write steps,
 * store_inbound.c keeps what has come. */
#ifndef FEISHU_INBOUND_H
#define FEISHU_INBOUND_H

#include "connector.h"
#include "in/feishu_event.h"
#include <steward/service/users.h>

/* An event. The inbox owns it, then the task or the write step that works on it. */
typedef struct arrival arrival;
struct arrival {
    arrival *next;
    feishu *f;
    uint64_t handle; /* of the socket it came by */
    int64_t came_ms; /* monotonic */
    char *frame;     /* the frame that completed it: the ack is built on it */
    size_t frame_len;
    char *payload; /* the event's JSON */
    size_t len;
    event e;
    char *answer;    /* to a click, made by the step; NULL when there is none */
    uint64_t number; /* in order of arrival */
    unsigned tries;  /* steps that storage could not take */
};

typedef struct {
    arrival *first, **last;
    size_t count, bytes;
    bool draining; /* a task takes events out */
} inbox;

/* ---- inbound.c ---- */

void arrival_free(arrival *a);
/* On the outbound thread. Takes `a`. */
void inbound_push(feishu *f, arrival *a);
/* Starts the task when there is something for it and it does not run. Under the lock. */
void inbound_wake(feishu *f);
void inbound_done(feishu *f);

/* ---- accept.c, decision.c: write steps, whose argument is an arrival ---- */

sw_status accept_step(sw_tx *tx, void *arg);
sw_status decision_step(sw_tx *tx, void *arg);
/* The administrator in whose name the bridge speaks; SW_NOT_FOUND when there is none. */
sw_status bridge_admin(feishu *f, sw_db *db, sw_user *ret);

/* ---- store_inbound.c ---- */

extern const sw_table STORE_INBOUND_STATEMENTS;

/* SW_CONFLICT when that message has been taken before. */
sw_status inbound_add(sw_tx *tx, int64_t connector_id, const event *e, const char *raw, size_t raw_len,
                      int64_t *ret_id);
sw_status inbound_outcome(sw_tx *tx, int64_t id, const char *outcome, int64_t conversation_id);
/* How many messages of that person have been accepted since then. */
sw_status inbound_rate(sw_db *db, int64_t connector_id, const char *user, int64_t since_ms, int64_t *ret);

/* Where an accepted message came from. */
typedef struct {
    const char *chat_id, *user_id, *message_id;
} origin;
/* The origin of the newest accepted message of a conversation; with 0, of all. SW_NOT_FOUND. */
sw_status inbound_origin(sw_db *db, int64_t connector_id, int64_t conversation_id, origin *ret);
/* Which thread of that user with the Butler a Feishu chat is; 0 when it has none yet. */
sw_status thread_find(sw_db *db, const char *chat_id, int64_t user_id, int64_t *ret);
sw_status thread_set(sw_tx *tx, const char *chat_id, int64_t user_id, int64_t conversation_id);

#endif
