/* Events on their way in: inbound.c queues them and acknowledges them, accept.c is the write steps and keeps what has
 * come. */
#ifndef FEISHU_INBOUND_H
#define FEISHU_INBOUND_H

#include "connector.h"
#include "in/feishu_event.h"

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

/* On the outbound thread. Queues a copy of an event: `handle` is the socket that it came by, `whole` the bytes of the
 * frame that completed it. One that finds no room is dropped. */
void inbound_push(feishu *f, uint64_t handle, sw_str whole, sw_str payload);
/* Starts the task when there is something for it and it does not run. Under the lock. */
void inbound_wake(feishu *f);
void inbound_done(feishu *f);

/* ---- accept.c ---- */

extern const sw_table INBOUND_STATEMENTS;

/* Write steps, whose argument is an arrival: a message, a click on a card. */
sw_status accept_step(sw_tx *tx, void *arg);
sw_status decision_step(sw_tx *tx, void *arg);

/* Where an accepted message came from. */
typedef struct {
    const char *chat_id, *user_id, *message_id;
    const char *people; /* all ids of the person, one a line */
} origin;
/* Is it a chat on the list, or, when there is no such list, of a person on the list? */
bool origin_listed(const connector *c, const origin *o);
/* The origin of the newest accepted message of all that is listed. SW_NOT_FOUND. */
sw_status inbound_origin_listed(sw_db *db, const connector *c, origin *ret);
/* The origin of the newest accepted message of a conversation. SW_NOT_FOUND. */
sw_status inbound_origin(sw_db *db, int64_t connector_id, int64_t conversation_id, origin *ret);

#endif
