/* Those who wait for a decision over HTTP. A wait is an open answer (sw_defer) and a place in a table here: a decision
 * completes all that wait for it, at its commit, and a timer those whose time is over. It costs no thread, and survives
 * neither a restart nor a cut: the client asks again, and nothing is asked twice.
 *
 * Any thread; the lock is held for a few instructions, and no answer is completed under it. */
#include "approvals/approvals.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024, GRACE_MS = 30000 };

typedef struct open_wait {
    struct open_wait *next;
    int64_t approval_id, due_ms;
    uint64_t handle;
} open_wait;

/* Made by start(), freed by stop(). */
struct waits {
    sw_host *host;
    pthread_mutex_t lock; /* guards all below */
    open_wait *buckets[BUCKETS];
    int64_t count;
};

waits *waits_new(sw_host *host)
{
    waits *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->host = host;
    pthread_mutex_init(&w->lock, NULL);
    return w;
}

/* Completes the waits of a list that was taken out of the table, and frees it. */
static void complete_all(waits *w, open_wait *list)
{
    for (open_wait *next; list; list = next) {
        next = list->next;
        (void)sw_complete(w->host, list->handle);
        free(list);
    }
}

/* Takes out of one bucket those of `approval_id` (0: all) that are due by `due_ms`; under the lock. */
static void take_out(waits *w, size_t bucket, int64_t approval_id, int64_t due_ms, open_wait **list)
{
    for (open_wait **at = &w->buckets[bucket]; *at;) {
        open_wait *one = *at;
        if ((approval_id && one->approval_id != approval_id) || one->due_ms > due_ms) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        one->next = *list;
        *list = one;
        w->count--;
    }
}

static void end_due(waits *w, int64_t due_ms)
{
    open_wait *list = NULL;

    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; w->count > 0 && i < BUCKETS; i++)
        take_out(w, i, 0, due_ms, &list);
    pthread_mutex_unlock(&w->lock);
    complete_all(w, list);
}

void waits_end_all(waits *w)
{
    end_due(w, INT64_MAX);
}

void waits_free(waits *w)
{
    if (!w)
        return;
    waits_end_all(w);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

sw_status waits_end_due(sw_request *req)
{
    const chat *c = sw_request_state(req);

    end_due(c->waits, sw_monotonic_ms());
    return SW_OK;
}

static size_t bucket_of(int64_t approval_id)
{
    return (uint64_t)approval_id % BUCKETS;
}

typedef struct {
    waits *waits;
    int64_t approval_id;
} wake;

static void wake_now(void *state, void *arg)
{
    const wake *made = arg;
    open_wait *list = NULL;

    (void)state;
    pthread_mutex_lock(&made->waits->lock);
    take_out(made->waits, bucket_of(made->approval_id), made->approval_id, INT64_MAX, &list);
    pthread_mutex_unlock(&made->waits->lock);
    complete_all(made->waits, list);
}

sw_status waits_wake_later(waits *w, sw_tx *tx, int64_t approval_id)
{
    wake *made = sw_tx_alloc(tx, 1, sizeof *made);

    if (!made)
        return SW_NO_MEMORY;
    *made = (wake){.waits = w, .approval_id = approval_id};
    sw_tx_on_commit(tx, wake_now, made);
    return SW_OK;
}

/* ---- one who waits ---- */

/* What the request keeps while it waits. */
typedef struct {
    int64_t approval_id;
} waiting_request;

static sw_status answer_with(sw_request *req, int64_t approval_id)
{
    approval a;
    sw_status found = approval_by_id(sw_request_db(req), approval_id, &a);

    if (found == SW_NOT_FOUND) /* the store was reset */
        return sw_fail(req, SW_NOT_FOUND, NULL, "no such authorization request");
    SW_TRY(found);
    return approval_write(sw_reply_json(req, 200), sw_request_db(req), &a, sw_steady_ms(sw_request_host(req)));
}

/* The decision has come, or the time is over. */
static sw_status waited(sw_request *req)
{
    const waiting_request *kept = sw_request_kept(req);

    return answer_with(req, kept->approval_id);
}

static bool add_wait(waits *w, int64_t approval_id, uint64_t handle, int64_t wait_ms, int64_t max)
{
    open_wait *one = malloc(sizeof *one);
    size_t bucket = bucket_of(approval_id);

    if (!one)
        return false;
    pthread_mutex_lock(&w->lock);
    bool room = w->count < max;
    if (room) {
        *one = (open_wait){w->buckets[bucket], approval_id, sw_monotonic_ms() + wait_ms, handle};
        w->buckets[bucket] = one;
        w->count++;
    }
    pthread_mutex_unlock(&w->lock);
    if (!room)
        free(one);
    return room;
}

/* The place in the table is taken first and the approval read then: a decision in between finds the place. A place that
 * was not needed goes when its time is over, and completes nothing. */
sw_status wait_for_decision(sw_request *req, int64_t approval_id, int64_t wait_ms)
{
    const chat *c = sw_request_state(req);
    waiting_request *kept = sw_alloc(req, 1, sizeof *kept);
    approval a;

    if (!kept)
        return SW_NO_MEMORY;
    kept->approval_id = approval_id;
    sw_request_keep(req, kept);
    SW_TRY(approval_by_id(sw_request_db(req), approval_id, &a));
    if (strcmp(approval_status(&a, sw_steady_ms(c->host)), STATUS_PENDING) != 0)
        return answer_with(req, approval_id);
    uint64_t handle = sw_defer(req, SW_LANE_WORKER, waited, (int)(wait_ms + GRACE_MS));
    if (!handle || !add_wait(c->waits, approval_id, handle, wait_ms, sw_option_int(c->host, "waits_max")))
        return sw_fail(req, SW_BUSY, NULL, "too many clients wait for decisions");
    SW_TRY(approval_by_id(sw_request_db(req), approval_id, &a));
    if (strcmp(approval_status(&a, sw_steady_ms(c->host)), STATUS_PENDING) != 0)
        return answer_with(req, approval_id);
    return sw_deferred(req);
}
