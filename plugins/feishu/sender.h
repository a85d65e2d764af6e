/* The two halves of sending: sender.c chooses rows and starts their calls, settle.c deals with the answers. */
#ifndef FEISHU_SENDER_H
#define FEISHU_SENDER_H

#include "store.h"

enum { SENDER_AT_ONCE = 16 };      /* calls under way */

/* A row that is being worked on: in `running` from its claim until it is settled. */
struct sending {
    sending *next;                 /* of running   */
    sending *next_answered;
    feishu *f;
    int64_t id, connector_id, attempts, first_try_ms;
    char uuid[40], lane[SENDER_LANE_SIZE];
    char *kind, *target, *url, *body, *action_id; /* owned */
    char token[FEISHU_TOKEN_MAX + 1];
    const char *method;
    bool claimed;
    /* the answer */
    sw_http_answer answer;         /* its texts are owned */
    char reset[32];                /* seconds to wait after a 429 */
    /* what comes of it: filled by settle.c, written by its step */
    outbox_outcome outcome;
    char message_id[FEISHU_ID_MAX + 1];
    const char *level, *action;    /* of the note, NULL: none */
    char detail[FEISHU_ERROR_MAX + 64];
};

void sending_free(sending *s);
/* Leaves `running` and is freed; with `look` the sender looks again at once. */
void sending_end(sending *s, bool look);
/* Has an answer: for the task that settles. Any thread. */
void sending_answered(sending *s);
/* A callback of the HTTP client. */
void sending_on_answer(void *arg, const sw_http_answer *answer);
/* Deals with a row without a call: unknown, failed, dropped. Takes `s`. */
void sending_give_up(sending *s, const char *state, const char *level, const char *text);
/* Starts the task when something was answered. Under the lock. */
void settle_wake(feishu *f);

#endif
