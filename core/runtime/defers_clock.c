/* The thread behind defers, timers and delayed tasks: ends what has waited too long, starts what is due. */
#include "core/runtime/defers.h"
#include "core/runtime/thread.h"

#include <stdlib.h>
#include <steward/host.h>

/* One whose time is up, NULL: none. Under the lock, which it gives back meanwhile. */
static bool expire_one(struct defers *d, int64_t now)
{
    if (defer_heap_due(d) > now)
        return false;
    defer_slot *slot = &d->slots[d->heap[0]];
    if (slot->state == DEFER_ARMED) {
        defer_heap_remove(d, d->heap[0]);
        slot->timed_out = !slot->completed;
        return true;
    }
    sw_request *req = slot->req;
    defer_release(d, slot);
    pthread_mutex_unlock(&d->lock);
    request_finish(req, SW_TIMED_OUT);
    pthread_mutex_lock(&d->lock);
    return true;
}

static void *clock_run(void *arg)
{
    struct defers *d = arg;
    pthread_mutex_lock(&d->lock);
    while (!d->stopping) {
        int64_t now = sw_monotonic_ms();
        while (!d->stopping && expire_one(d, now))
            continue;
        timers_run(d, now);
        delays_run(d, now);
        int64_t next = timers_next(d);
        if (delays_next(d) < next)
            next = delays_next(d);
        if (defer_heap_due(d) < next)
            next = defer_heap_due(d);
        if (d->stopping)
            break;
        if (next == INT64_MAX)
            pthread_cond_wait(&d->wake, &d->lock);
        else if (next > sw_monotonic_ms())
            cond_wait_until(&d->wake, &d->lock, next);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

struct defers *defers_start(runtime *rt)
{
    struct defers *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->rt = rt;
    if (pthread_mutex_init(&d->lock, NULL) == 0 && cond_init(&d->wake) &&
        thread_start(&d->thread, "clock", clock_run, d)) {
        rt->defers = d;
        return d;
    }
    free(d);
    return NULL;
}

void defers_halt(struct defers *d)
{
    if (!d || d->stopping)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    pthread_mutex_lock(&d->lock);
    delays_forget(d, NULL);
    pthread_mutex_unlock(&d->lock);
    for (uint32_t i = 0; i < d->slot_count;
         i++) { /* only this thread releases parked ones now, but for sw_complete() */
        pthread_mutex_lock(&d->lock);
        sw_request *req = d->slots[i].req && d->slots[i].state == DEFER_PARKED ? d->slots[i].req : NULL;
        if (req)
            defer_release(d, &d->slots[i]);
        pthread_mutex_unlock(&d->lock);
        if (req)
            request_finish(req, SW_BUSY);
    }
}

void defers_free(struct defers *d)
{
    if (!d)
        return;
    free(d->slots);
    free(d->heap);
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

void defers_stop(struct defers *d)
{
    if (!d)
        return;
    runtime *rt = d->rt;
    defers_halt(d);
    rt->defers = NULL;
    defers_free(d);
}
