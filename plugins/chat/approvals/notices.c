/* Three things that happen a moment after the step they belong to.
 *
 * After a refused answer its user's sockets hear the true status once more. The refusal undoes its step, and the update
 * must come after the answer (a page puts its card back to PENDING on any refusal), so it waits here for a timer.
 * What the Butler has got is noted in the store; until that is committed, and a while longer, it is remembered here, so
 * that a Butler who reconnects at once does not hear it twice. A page that is reading its recovery when something is
 * decided may have read the request before and be closed to unstored frames after: what was decided lately is kept for
 * its greeting. */
#include "store.h"

#include <pthread.h>
#include <stdlib.h>

enum { STATUS_MAX = 1024, DELIVERED_MAX = 4096, DECIDED_MAX = 1024, STATUS_DELAY_MS = 50, TELL_AT_ONCE = 64 };

typedef struct {
    int64_t user_id, approval_id, due_ms;
} waiting;

typedef struct {
    int64_t approval_id, at_ms;
} decided;

struct notices {
    chat *chat;
    pthread_mutex_t lock;         /* guards all below; held for a few instructions */
    waiting statuses[STATUS_MAX]; /* a ring */
    size_t first, count;
    int64_t delivered[DELIVERED_MAX]; /* a ring; 0: free */
    size_t next;
    decided decisions[DECIDED_MAX]; /* a ring in order of commit */
    size_t decided_count;           /* ever */
};

notices *notices_new(chat *c)
{
    notices *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->chat = c;
    pthread_mutex_init(&n->lock, NULL);
    return n;
}

void notices_free(notices *n)
{
    if (!n)
        return;
    pthread_mutex_destroy(&n->lock);
    free(n);
}

/* ---- the status once more ---- */

void notices_status(notices *n, int64_t user_id, int64_t approval_id)
{
    bool full;

    pthread_mutex_lock(&n->lock);
    full = n->count == STATUS_MAX;
    if (!full)
        n->statuses[(n->first + n->count++) % STATUS_MAX] =
            (waiting){user_id, approval_id, sw_monotonic_ms() + STATUS_DELAY_MS};
    pthread_mutex_unlock(&n->lock);
    if (full)
        sw_log(n->chat->host, SW_LOG_WARN, "too many refused answers at once: a status was not repeated");
}

static bool take(notices *n, waiting *ret)
{
    bool any;

    pthread_mutex_lock(&n->lock);
    any = n->count > 0 && n->statuses[n->first].due_ms <= sw_monotonic_ms();
    if (any) {
        *ret = n->statuses[n->first];
        n->first = (n->first + 1) % STATUS_MAX;
        n->count--;
    }
    pthread_mutex_unlock(&n->lock);
    return any;
}

static sw_status tell(sw_request *req, const waiting *w)
{
    approval a;
    sw_status found = approval_by_id(sw_request_db(req), w->approval_id, &a);
    sw_audience to = {.size = sizeof to, .users = &w->user_id, .user_count = 1};

    if (found == SW_NOT_FOUND)
        return SW_OK;
    SW_TRY(found);
    sw_frame *frame = sw_frame_new(req);
    if (!frame)
        return SW_NO_MEMORY;
    frame_write_status(sw_frame_json(frame), a.action_id, approval_status(&a, sw_now_ms()), sw_now_ms());
    sw_send(req, frame, &to);
    return SW_OK;
}

/* A timer's task. */
sw_status notices_tell(sw_request *req)
{
    chat *c = sw_request_state(req);
    waiting w;

    for (int i = 0; i < TELL_AT_ONCE && take(c->notices, &w); i++)
        SW_TRY(tell(req, &w));
    return SW_OK;
}

/* ---- what the Butler has ---- */

bool notices_is_delivered(notices *n, int64_t approval_id)
{
    bool found = false;

    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < DELIVERED_MAX && !found; i++)
        found = n->delivered[i] == approval_id;
    pthread_mutex_unlock(&n->lock);
    return found;
}

static void forget(notices *n, int64_t approval_id)
{
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < DELIVERED_MAX; i++)
        if (n->delivered[i] == approval_id)
            n->delivered[i] = 0;
    pthread_mutex_unlock(&n->lock);
}

void notices_clear(notices *n)
{
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < DELIVERED_MAX; i++)
        n->delivered[i] = 0;
    n->count = 0;
    n->decided_count = 0;
    pthread_mutex_unlock(&n->lock);
}

typedef struct {
    notices *notices;
    int64_t approval_id;
} delivery;

static sw_status delivery_note(sw_tx *tx, void *arg)
{
    const delivery *d = arg;
    return approval_delivered(tx, d->approval_id);
}

static void delivery_done(void *arg, sw_status outcome)
{
    delivery *d = arg;

    if (outcome != SW_OK) {
        forget(d->notices, d->approval_id); /* the next connection gets it again */
        sw_log(d->notices->chat->host, SW_LOG_WARN, "a delivery to Butler could not be noted: it will be repeated");
    }
    free(d);
}

void notices_delivered(notices *n, int64_t approval_id)
{
    delivery *d = malloc(sizeof *d);

    if (!d)
        return;
    *d = (delivery){n, approval_id};
    pthread_mutex_lock(&n->lock);
    n->delivered[n->next] = approval_id;
    n->next = (n->next + 1) % DELIVERED_MAX;
    pthread_mutex_unlock(&n->lock);
    if (!sw_write_later(n->chat->host, delivery_note, d, delivery_done))
        delivery_done(d, SW_BUSY);
}

/* The bytes of an AUTH_RESPONSE have left a socket of Butler's. */
sw_status notices_receipt(sw_request *req)
{
    chat *c = sw_request_state(req);

    notices_delivered(c->notices, sw_request_tag(req));
    return SW_OK;
}

/* ---- what was decided lately ---- */

typedef struct {
    notices *notices;
    int64_t approval_id;
} decision;

static void decision_remember(void *state, void *arg)
{
    (void)state;
    const decision *d = arg;
    notices *n = d->notices;

    pthread_mutex_lock(&n->lock);
    n->decisions[n->decided_count++ % DECIDED_MAX] = (decided){d->approval_id, sw_now_ms()};
    pthread_mutex_unlock(&n->lock);
}

sw_status notices_decided(notices *n, sw_tx *tx, int64_t approval_id)
{
    decision *d = sw_tx_alloc(tx, 1, sizeof *d);

    if (!d)
        return SW_NO_MEMORY;
    *d = (decision){n, approval_id};
    sw_tx_on_commit(tx, decision_remember, d);
    return SW_OK;
}

size_t notices_decided_since(notices *n, int64_t since_ms, int64_t *ret, size_t max)
{
    size_t found = 0;

    pthread_mutex_lock(&n->lock);
    size_t first = n->decided_count > DECIDED_MAX ? n->decided_count - DECIDED_MAX : 0;
    for (size_t i = first; i < n->decided_count && found < max; i++) {
        const decided *d = &n->decisions[i % DECIDED_MAX];
        if (d->at_ms >= since_ms)
            ret[found++] = d->approval_id;
    }
    pthread_mutex_unlock(&n->lock);
    return found;
}
