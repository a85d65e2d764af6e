/* Timers of plugins: tasks on the worker lane, each never twice at once. */
#include "core/base/log.h"
#include "core/runtime/defers.h"

#include <stdlib.h>
#include <steward/host.h>

enum { RETRY_MS = 1000, LEAST_MS = 10 };

static int64_t period(const sw_timer *t)
{
    return t->every_ms < LEAST_MS ? LEAST_MS : t->every_ms;
}

static void timer_finish(sw_request *req, sw_status status)
{
    struct defers *d = req->host->rt->defers;
    timer_entry *e = req->owner;
    if (status != SW_OK)
        log_warn(req->host->name, "timer %s failed: %s", e->timer->name, req->failure.text);
    request_done(req);
    free(req);
    pthread_mutex_lock(&d->lock);
    e->running = false;
    e->due_ms = sw_monotonic_ms() + period(e->timer);
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
}

/* false: no memory, or the lane is full: again in a second. */
static bool start(struct defers *d, timer_entry *e)
{
    sw_request *req = task_new(d->rt, e->host, e->timer->run, 0);
    if (!req)
        return false;
    req->work_kind = "timer";
    req->work_name = e->timer->name;
    req->finish = timer_finish;
    req->owner = e;
    request_count(req);
    e->running = true;
    if (request_submit(d->rt, req, SW_LANE_WORKER, e->timer->run))
        return true;
    e->running = false;
    atomic_fetch_sub_explicit(&e->host->in_flight, 1, memory_order_release);
    request_done(req);
    free(req);
    return false;
}

static bool wanted(const timer_entry *e)
{
    return e->host && !e->running;
}

int64_t timers_next(const struct defers *d)
{
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < d->timer_count; i++)
        if (wanted(&d->timers[i]) && d->timers[i].due_ms < next)
            next = d->timers[i].due_ms;
    return next;
}

void timers_run(struct defers *d, int64_t now_ms)
{
    for (unsigned i = 0; i < d->timer_count; i++) {
        timer_entry *e = &d->timers[i];
        if (!wanted(e) || e->due_ms > now_ms)
            continue;
        int status = atomic_load_explicit(&e->host->status, memory_order_acquire);
        bool enabled = status <= MODULE_ENABLED; /* 0 and LOADED: a host that is just starting */
        if (!enabled || !start(d, e))
            e->due_ms = now_ms + RETRY_MS;
    }
}

bool timer_add(runtime *rt, sw_host *host, const sw_timer *timer)
{
    struct defers *d = rt->defers;
    if (!d)
        return false;
    pthread_mutex_lock(&d->lock);
    timer_entry *e = NULL;
    for (unsigned i = 0; i < d->timer_count && !e; i++)
        if (!d->timers[i].host && !d->timers[i].running)
            e = &d->timers[i];
    if (!e && d->timer_count < TIMERS_MAX)
        e = &d->timers[d->timer_count++];
    if (e) {
        *e = (timer_entry){.host = host, .timer = timer, .due_ms = sw_monotonic_ms() + period(timer)};
        pthread_cond_signal(&d->wake);
    }
    pthread_mutex_unlock(&d->lock);
    return e != NULL;
}

void timers_remove(runtime *rt, sw_host *host)
{
    struct defers *d = rt->defers;
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < d->timer_count; i++)
        if (d->timers[i].host == host)
            d->timers[i].host = NULL;
    delays_forget(d, host);
    pthread_mutex_unlock(&d->lock);
}
