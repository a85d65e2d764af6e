/* Tasks that begin later, once. In no order: they are few, and the clock looks at all of them when one is due. */
#include "core/runtime/defers.h"

#include <stdlib.h>
#include <steward/host.h>

enum { AGAIN_MS = 1000 };

bool sw_task_after(sw_host *host, sw_lane lane, sw_handler handler, int64_t tag, int64_t delay_ms)
{
    struct defers *d = host->rt->defers;
    sw_request *task = d ? task_new(host->rt, host, handler, tag) : NULL;
    if (!task)
        return false;
    pthread_mutex_lock(&d->lock);
    bool room = !d->stopping && d->delay_count < DELAYS_MAX;
    if (room) {
        int64_t due_ms = d->delays_held ? INT64_MAX : sw_monotonic_ms() + (delay_ms > 0 ? delay_ms : 0);
        d->delays[d->delay_count++] = (delayed_task){.req = task, .lane = lane, .due_ms = due_ms};
        pthread_cond_signal(&d->wake);
    }
    pthread_mutex_unlock(&d->lock);
    if (!room)
        task_free(task);
    return room;
}

int64_t delays_next(const struct defers *d)
{
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < d->delay_count; i++)
        if (d->delays[i].due_ms < next)
            next = d->delays[i].due_ms;
    return next;
}

/* false: its module is disabled, or the lane is full. */
static bool begin(struct defers *d, const delayed_task *t)
{
    sw_request *req = t->req;
    int status = atomic_load_explicit(&req->host->status, memory_order_acquire);
    if (status > MODULE_ENABLED)
        return false;
    request_count(req);
    if (request_submit(d->rt, req, t->lane, req->handler))
        return true;
    atomic_fetch_sub_explicit(&req->host->in_flight, 1, memory_order_release);
    req->counted = false;
    return false;
}

void delays_run(struct defers *d, int64_t now_ms)
{
    for (unsigned i = 0; i < d->delay_count;) {
        delayed_task *t = &d->delays[i];
        if (t->due_ms > now_ms) {
            i++;
        } else if (begin(d, t)) {
            *t = d->delays[--d->delay_count];
        } else {
            t->due_ms = now_ms + AGAIN_MS;
            i++;
        }
    }
}

void delays_hold(runtime *rt)
{
    rt->defers->delays_held = true;
}

unsigned delays_begin(runtime *rt)
{
    struct defers *d = rt->defers;
    unsigned begun = 0;
    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < d->delay_count;) {
        if (begin(d, &d->delays[i])) {
            d->delays[i] = d->delays[--d->delay_count];
            begun++;
        } else {
            i++;
        }
    }
    pthread_mutex_unlock(&d->lock);
    return begun;
}

void delays_forget(struct defers *d, const sw_host *host)
{
    for (unsigned i = 0; i < d->delay_count;) {
        if (host && d->delays[i].req->host != host) {
            i++;
            continue;
        }
        task_free(d->delays[i].req);
        d->delays[i] = d->delays[--d->delay_count];
    }
}
