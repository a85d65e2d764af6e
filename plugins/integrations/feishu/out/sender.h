/* Sending what the outbox holds. sender.c chooses the rows that may go now; sending.c takes each of them through its
 * claim, its call and its answer. */
#ifndef FEISHU_SENDER_H
#define FEISHU_SENDER_H

#include "api/feishu_api.h"
#include "out/outbox.h"

enum { SENDER_LANES = 256, SENDER_LANE_SIZE = 96, SENDER_RETRIED = 64 };

/* What comes of a row. */
typedef struct {
    const char *state; /* sent, failed, unknown, dropped; or pending: it is tried once more at next_ms */
    int64_t next_ms;
    bool certain; /* of pending: nobody has seen this attempt */
    const char *message_id;
} sending_outcome;

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
    sending_outcome outcome;
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

/* There may be something to send: with `now` the sender looks at once, otherwise in a moment. Under the lock. */
void sender_look(feishu *f, bool now);
/* It looks at the commit of a write step. */
void sender_kick_later(sw_tx *tx);
/* Under the lock. */
void sender_tick(feishu *f, int64_t now_ms);

/* ---- sending.c ---- */

extern const sw_table SENDING_STATEMENTS;

/* Claims the row, then sends it. `message_id` is that of the card that a patch changes. */
void sending_start(sw_request *req, feishu *f, const outbox_row *row, const char *base, const char *token,
                   const char *message_id);
/* Settles a row without a call, as `state`: unknown, failed, dropped. The log gets `text` when there is a `level`. */
void sending_give_up(feishu *f, const outbox_row *row, const char *state, const char *level, const char *text);
/* Starts the task that settles, when something has been answered. Under the lock. */
void sending_wake(feishu *f);
void sending_done(feishu *f);
/* Before the start: rows that were being sent when the server ended wait again. */
sw_status sending_recover(sw_tx *tx);

#endif
