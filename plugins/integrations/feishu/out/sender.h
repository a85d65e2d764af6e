/* Sending what the outbox holds. sender.c chooses rows and starts their calls, settle.c deals with the answers. */
#ifndef FEISHU_SENDER_H
#define FEISHU_SENDER_H

#include "api/feishu_api.h"
#include "out/outbox.h"

enum { SENDER_LANES = 256, SENDER_LANE_SIZE = 96, SENDER_RETRIED = 64 };

/* A row that is being worked on: among `running` from its claim until it is settled. */
typedef struct sending sending;
struct sending {
    sending *next; /* of running */
    sending *next_answered;
    feishu *f;
    int64_t id, connector_id, attempts, first_try_ms;
    char uuid[40], lane[SENDER_LANE_SIZE];
    char *kind, *target, *url, *body, *action_id; /* owned */
    char token[FEISHU_TOKEN_MAX + 1];
    const char *method;
    bool claimed;
    /* the answer */
    sw_http_answer answer; /* its texts are owned */
    char reset[32];        /* seconds to wait after a 429 */
    /* what comes of it: settle.c fills it in, and its step writes it */
    outbox_outcome outcome;
    char message_id[FEISHU_ID_MAX + 1];
    const char *level, *action; /* of the row for the log; NULL when there is none */
    char detail[FEISHU_ERROR_MAX + 64];
};

/* What goes to one chat is a lane: one message after the other, and not too many in a second. */
typedef struct {
    char name[SENDER_LANE_SIZE];
    int64_t started[5]; /* a ring of the latest starts */
    unsigned next;
    int64_t used_ms;
} sender_lane;

typedef struct {
    sending *running; /* claimed or sent */
    unsigned running_count;
    sending *answered, *answered_last;
    bool pumping, again, settling;
    int64_t wake_ms; /* 0 when there is nothing to wait for */
    sender_lane lanes[SENDER_LANES];
    char retried[SENDER_RETRIED][40]; /* uuids that were given a second token */
    unsigned next_retried;
} sender;

/* ---- sender.c ---- */

/* There may be something to send. Takes the lock; never blocks. */
void sender_kick(feishu *f);
/* The same at the commit of a write step. */
void sender_kick_later(sw_tx *tx);
/* Under the lock. */
void sender_tick(feishu *f, int64_t now_ms);
/* Frees `s`. With `look` the sender looks for rows at once. */
void sending_end(sending *s, bool look);
void sender_done(feishu *f);

/* ---- settle.c ---- */

/* The callback of the HTTP client, with a sending. */
void settle_on_answer(void *arg, const sw_http_answer *answer);
/* The sending has its answer: the task must settle it. Any thread. */
void settle_answered(sending *s);
/* Settles a row without a call, as `state`: unknown, failed, dropped. Takes `s`. */
void settle_give_up(sending *s, const char *state, const char *level, const char *text);
/* Starts the task when something has been answered. Under the lock. */
void settle_wake(feishu *f);

#endif
