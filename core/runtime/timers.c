/* What begins at a time: timers of plugins, as tasks on the worker lane, each never twice at once; and delayed tasks,
 * which begin once. Delayed tasks are in no order: they are few, and the clock looks at all of them when one is due.
 *
 * The clock's thread calls timers_run() and delays_run() under `defers.lock`; any thread calls the rest. */
#include "core/base/log.h"
#include "core/runtime/defers.h"

#include <stdlib.h>
#include <steward/host.h>

enum { RETRY_MS = 1000, LEAST_MS = 10 };

/* ---- timers ---- */

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

/* false: no memory, or the lane is full. The clock tries again in a second. */
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

/* ---- delayed tasks ---- */

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
            t->due_ms = now_ms + RETRY_MS;
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
