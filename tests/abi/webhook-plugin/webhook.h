/* webhook: posts stored messages to a URL.
 *
 * plugin.c is the front door; filter.c decides what is posted and puts it into the outbox, in the transaction that
 * stores the message; courier.c says when something is sent, one after the other; post.c sends and settles one
 * delivery; retry.c knows what an answer means and how long to wait; store.c holds all SQL; routes.c what admins see.
 */
#ifndef WEBHOOK_H
#define WEBHOOK_H

#include <pthread.h>
#include <steward/outbound.h>
#include <steward/plugin.h>

enum { UUID_SIZE = 37, ERROR_SIZE = 160, SECRET_MIN = 16, STATEMENT_COUNT = 12 };

/* Made by start(), freed by stop(). */
typedef struct {
    sw_host *host;
    pthread_mutex_t lock; /* of what follows: short, and nothing waits under it */
    enum { COURIER_RESTS = 1, COURIER_RUNS, COURIER_WAITS } courier;
    bool again;    /* woken while it ran: it does not rest before it has looked once more */
    bool hurry;    /* woken impatiently: the next run does not wait for the first one's time */
    bool disabled; /* switched off by an operator */
    int64_t turn;  /* of the run that counts; a delayed one of an earlier turn does nothing */
} webhook;

/* A row of the outbox. Texts live as long as what read it. */
typedef struct {
    int64_t id, message_id;
    const char *uuid;  /* tells the receiver that it has seen a delivery before */
    const char *state; /* pending, delivered, dead */
    const char *body;  /* only from store_first() */
    int64_t attempts, next_ms, created_ms;
    int64_t settled_ms;  /* 0: not settled */
    int64_t last_status; /* of HTTP; 0: no answer */
    const char *last_error;
} delivery;

/* What became of an attempt. */
typedef struct {
    int64_t id, attempts, next_ms, status;
    const char *state;
    char error[ERROR_SIZE];
} outcome;

/* What the health tells. */
typedef struct {
    int64_t pending, dead, oldest_ms; /* oldest_ms: when the oldest pending one was stored, 0: none */
    int64_t dropped;
} backlog;

/* filter.c */
bool webhook_configured(const sw_host *host);
sw_status on_message(sw_tx *tx, const void *data);

/* courier.c. Any thread. `impatient`: the first in line is tried now, whatever its time. */
void courier_wake(webhook *w, bool impatient);
/* The run has ended: the next one begins at once (0), after a while, or when somebody wakes it (COURIER_IDLE). */
enum { COURIER_IDLE = -1, COURIER_TRY_AGAIN_MS = 1000 };
void courier_done(webhook *w, int64_t delay_ms);

/* post.c: on the slow lane, as the courier's run, which it ends with courier_done(). */
sw_status post_delivery(sw_request *req, const delivery *d);

/* retry.c. `status` as of sw_http_answer: 0 is no answer. */
bool retry_is_success(int status);
bool retry_is_final(int status);
/* How long to wait after attempt number `attempts` (from 1). */
int64_t retry_delay_ms(const sw_host *host, int64_t attempts, const sw_http_answer *answer);

/* store.c */
extern const sw_statement STATEMENTS[STATEMENT_COUNT];
extern const sw_migration MIGRATIONS[1];
/* SW_TOO_LARGE: the line is full; the row is counted as dropped instead. */
sw_status store_add(sw_tx *tx, const char *uuid, int64_t message_id, const char *body, int64_t line_max);
/* The first in line. SW_NOT_FOUND: nobody waits. */
sw_status store_first(sw_db *db, delivery *ret);
sw_status store_by_id(sw_db *db, int64_t id, delivery *ret);
/* Newest first; `state` "" and `before_id` 0: any. Then store_next() until false, and sw_rows_done(). */
sw_status store_list(sw_db *db, const char *state, int64_t before_id, int64_t limit, sw_rows **ret_rows);
bool store_next(sw_rows *rows, delivery *ret);
sw_status store_settle(sw_tx *tx, const outcome *o);
/* A dead one goes to its place in the line again. *ret_dead: it was dead. */
sw_status store_revive(sw_tx *tx, int64_t id, bool *ret_dead);
sw_status store_backlog(sw_db *db, backlog *ret);
/* Housekeeping: forgets some settled ones from before `before_ms`. */
sw_status store_forget(sw_tx *tx, int64_t before_ms, bool *ret_more);
sw_status store_clear(sw_tx *tx);

/* routes.c */
sw_status get_deliveries(sw_request *req);
sw_status post_retry(sw_request *req);

#endif
