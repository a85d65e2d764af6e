/* Two cases in which a page would go on showing an old status, and how it hears the true one.
 *
 * After a refused answer its user's sockets hear the status once more. The refusal undoes its step, and the update must
 * come after the answer (a page puts its card back to PENDING on any refusal), so it waits here for a timer.
 * A page that is reading its recovery when something is decided may have read the request before, and no unstored frame
 * reaches it until the recovery is over: what was decided lately is kept for its greeting.
 * Any thread; the lock is held for a few instructions. */
#include "approvals/approvals.h"

#include <pthread.h>
#include <stdlib.h>

enum { STATUS_MAX = 1024, DECIDED_MAX = 1024, STATUS_DELAY_MS = 50, TELL_AT_ONCE = 64, GREET_AT_ONCE = 256 };

typedef struct {
    int64_t user_id, approval_id, due_ms;
} waiting;

typedef struct {
    int64_t approval_id, at_ms;
} decided;

/* Made by start(), freed by stop(). */
struct late_status {
    sw_host *host;
    pthread_mutex_t lock;         /* guards all below */
    waiting statuses[STATUS_MAX]; /* a ring */
    size_t first, count;
    decided decisions[DECIDED_MAX]; /* a ring in order of commit */
    size_t decided_count;           /* how many there have been since the start or the last reset */
};

late_status *late_status_new(sw_host *host)
{
    late_status *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->host = host;
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void late_status_free(late_status *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void late_status_clear(late_status *l)
{
    pthread_mutex_lock(&l->lock);
    l->count = 0;
    l->decided_count = 0;
    pthread_mutex_unlock(&l->lock);
}

/* ---- after a refused answer ---- */

void late_status_repeat(late_status *l, int64_t user_id, int64_t approval_id)
{
    bool full;

    pthread_mutex_lock(&l->lock);
    full = l->count == STATUS_MAX;
    if (!full)
        l->statuses[(l->first + l->count++) % STATUS_MAX] =
            (waiting){user_id, approval_id, sw_monotonic_ms() + STATUS_DELAY_MS};
    pthread_mutex_unlock(&l->lock);
    if (full)
        sw_log(l->host, SW_LOG_WARN, "too many refused answers at once: a status was not repeated");
}

static bool take(late_status *l, waiting *ret)
{
    bool any;

    pthread_mutex_lock(&l->lock);
    any = l->count > 0 && l->statuses[l->first].due_ms <= sw_monotonic_ms();
    if (any) {
        *ret = l->statuses[l->first];
        l->first = (l->first + 1) % STATUS_MAX;
        l->count--;
    }
    pthread_mutex_unlock(&l->lock);
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

sw_status late_status_tell(sw_request *req)
{
    const chat *c = sw_request_state(req);
    waiting w;

    for (int i = 0; i < TELL_AT_ONCE && take(c->late_status, &w); i++)
        SW_TRY(tell(req, &w));
    return SW_OK;
}

/* ---- during a recovery ---- */

typedef struct {
    late_status *late_status;
    int64_t approval_id;
} decision;

static void decision_remember(void *state, void *arg)
{
    (void)state;
    const decision *d = arg;
    late_status *l = d->late_status;

    pthread_mutex_lock(&l->lock);
    l->decisions[l->decided_count++ % DECIDED_MAX] = (decided){d->approval_id, sw_now_ms()};
    pthread_mutex_unlock(&l->lock);
}

sw_status late_status_decided(late_status *l, sw_tx *tx, int64_t approval_id)
{
    decision *d = sw_tx_alloc(tx, 1, sizeof *d);

    if (!d)
        return SW_NO_MEMORY;
    *d = (decision){.late_status = l, .approval_id = approval_id};
    sw_tx_on_commit(tx, decision_remember, d);
    return SW_OK;
}

/* The approvals that were decided at or after `since_ms`: at most `max`, oldest first. */
static size_t decided_since(late_status *l, int64_t since_ms, int64_t *ret, size_t max)
{
    size_t found = 0;

    pthread_mutex_lock(&l->lock);
    size_t first = l->decided_count > DECIDED_MAX ? l->decided_count - DECIDED_MAX : 0;
    for (size_t i = first; i < l->decided_count && found < max; i++) {
        const decided *d = &l->decisions[i % DECIDED_MAX];
        if (d->at_ms >= since_ms)
            ret[found++] = d->approval_id;
    }
    pthread_mutex_unlock(&l->lock);
    return found;
}

sw_status late_status_greet(sw_request *req, sw_replay_out *out)
{
    const chat *c = sw_request_state(req);
    int64_t ids[GREET_AT_ONCE];
    size_t count = decided_since(c->late_status, sw_request_principal(req)->opened_ms, ids, GREET_AT_ONCE);

    for (size_t i = 0; i < count; i++) {
        approval a;
        sw_status found = approval_by_id(sw_request_db(req), ids[i], &a);
        if (found == SW_NOT_FOUND)
            continue;
        SW_TRY(found);
        frame_write_status(sw_replay_frame(out, 0, 0, 0), a.action_id, a.status, a.decided_ms);
    }
    return SW_OK;
}
