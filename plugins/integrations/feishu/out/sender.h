/* The two halves of sending: sender.c chooses rows and starts their calls, settle.c deals with the answers. */
#ifndef FEISHU_SENDER_H
#define FEISHU_SENDER_H

#include "store.h"

enum {
    SENDER_AT_ONCE = 16,   /* calls under way                        */
    SENDER_AGAIN_MS = 1000 /* after a moment that took nothing      */
};

/* A row that is being worked on: in `running` from its claim until it is settled. */
struct sending {
    sending *next; /* of running   */
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
    /* what comes of it: filled by settle.c, written by its step */
    outbox_outcome outcome;
    char message_id[FEISHU_ID_MAX + 1];
    const char *level, *action; /* of the note, NULL: none */
    char detail[FEISHU_ERROR_MAX + 64];
};

/* ---- lanes.c, under the lock ---- */

sender_lane *lane_of(feishu *f, const char *name);
/* When the lane may send: a monotonic time, 0: now. */
int64_t lane_free_at(const sender_lane *l);
void lane_note(sender_lane *l, int64_t now);
/* Is one of it on its way? */
bool lane_busy(const feishu *f, const char *name);

/* ---- sender.c, under the lock ---- */

void sender_wake_at(feishu *f, int64_t when);
void sender_kick_locked(feishu *f);

/* ---- sending.c ---- */

/* A copy of what the row says; NULL: no memory. */
sending *sending_new(feishu *f, const outbox_row *row);
/* Among `running` from now on. */
void sending_start(sending *s);
/* Claims the row, then sends it. `message_id`: of the card that a patch changes. */
void sending_begin(sw_request *req, sending *s, const outbox_row *row, const char *base, const char *message_id);
/* May it stand in a path? Ids hold letters, digits, '_', '-' and '.'. */
bool sending_segment(const char *id);
void sending_free(sending *s);
/* Leaves `running` and is freed; with `look` the sender looks again at once. */
void sending_end(sending *s, bool look);

/* ---- settle.c ---- */

/* Has an answer: for the task that settles. Any thread. */
void sending_answered(sending *s);
/* A callback of the HTTP client. */
void sending_on_answer(void *arg, const sw_http_answer *answer);
/* Deals with a row without a call: unknown, failed, dropped. Takes `s`. */
void sending_give_up(sending *s, const char *state, const char *level, const char *text);
/* Starts the task when something was answered. Under the lock. */
void settle_wake(feishu *f);

#endif
