/* Delayed tasks of plugins, for the clock. Any thread, under the lock of whoever keeps them; a task belongs to the list
 * until it begins. */
#include "core/runtime/delays.h"

enum { RETRY_MS = 1000 };

bool delays_add(delays *d, sw_request *task, sw_lane lane, int64_t delay_ms)
{
    if (d->count == DELAYS_MAX)
        return false;
    int64_t due_ms = d->held ? INT64_MAX : sw_monotonic_ms() + (delay_ms > 0 ? delay_ms : 0);
    d->tasks[d->count++] = (delayed_task){.req = task, .lane = lane, .due_ms = due_ms};
    return true;
}

int64_t delays_next(const delays *d)
{
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < d->count; i++)
        if (d->tasks[i].due_ms < next)
            next = d->tasks[i].due_ms;
    return next;
}

/* false: its module is disabled, or the lane is full. */
static bool begin(const delayed_task *t)
{
    sw_request *req = t->req;
    int status = atomic_load_explicit(&req->host->status, memory_order_acquire);
    if (status > MODULE_ENABLED)
        return false;
    request_count(req);
    if (request_submit(req->host->rt, req, t->lane, req->handler))
        return true;
    atomic_fetch_sub_explicit(&req->host->in_flight, 1, memory_order_release);
    req->counted = false;
    return false;
}

void delays_run(delays *d, int64_t now_ms)
{
    for (unsigned i = 0; i < d->count;) {
        delayed_task *t = &d->tasks[i];
        if (t->due_ms > now_ms) {
            i++;
        } else if (begin(t)) {
            *t = d->tasks[--d->count];
        } else {
            t->due_ms = now_ms + RETRY_MS;
            i++;
        }
    }
}

unsigned delays_begin_all(delays *d)
{
    unsigned begun = 0;
    for (unsigned i = 0; i < d->count;) {
        if (begin(&d->tasks[i])) {
            d->tasks[i] = d->tasks[--d->count];
            begun++;
        } else {
            i++;
        }
    }
    return begun;
}

void delays_forget(delays *d, const sw_host *host)
{
    for (unsigned i = 0; i < d->count;) {
        if (host && d->tasks[i].req->host != host) {
            i++;
            continue;
        }
        task_free(d->tasks[i].req);
        d->tasks[i] = d->tasks[--d->count];
    }
}
