/* A queue of tasks that run one after the other. Any thread pushes; a turn runs up to TURN_MAX of them on the worker
 * lane. A task belongs to the queue from the push until it begins; then it is the thread's that runs it. `serial.lock`
 * guards the list and the counts. */
#include "core/runtime/serial.h"

#include "core/base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <steward/host.h>

enum { TURN_MAX = 64, LOG_EVERY_MS = 10000 };

/* What became of the request that runs. */
enum { RUNNING = 1, FINISHED, LEFT };

/* In the arena of the request that it is about. */
typedef struct item {
    struct item *next;
    serial *owner;
    sw_request *req;
    void (*finish)(sw_request *req, sw_status status); /* the request's own */
    void *finish_owner;
} item;

struct serial {
    job job; /* first: the one that is on the lane while `active` */
    runtime *rt;
    const char *name;
    unsigned max;
    _Atomic int phase;    /* of the request that runs */
    pthread_mutex_t lock; /* of all below; held for a few instructions */
    item *first, **last;
    unsigned length;
    bool active, stopped;
    uint64_t dropped; /* since the last line about it */
    int64_t logged_ms;
};

static void turn(job *j, worker *w);

serial *serial_new(runtime *rt, const char *name, unsigned max)
{
    serial *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->rt = rt;
    s->name = name;
    s->max = max;
    s->last = &s->first;
    s->job.run = turn;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

/* Asks the lane to run a turn. When the lane is full, the next push or tick tries again. */
static void wake(serial *s)
{
    if (lane_submit(s->rt, SW_LANE_WORKER, &s->job))
        return;
    pthread_mutex_lock(&s->lock);
    s->active = false;
    pthread_mutex_unlock(&s->lock);
}

static item *take(serial *s)
{
    pthread_mutex_lock(&s->lock);
    item *it = s->stopped ? NULL : s->first;
    if (it) {
        s->first = it->next;
        if (!s->first)
            s->last = &s->first;
        s->length--;
    } else {
        s->active = false;
    }
    pthread_mutex_unlock(&s->lock);
    return it;
}

/* A request has finished, on any thread. This and turn() settle by `phase` which of them comes second: that one goes on
 * with the queue. */
static void finished(sw_request *req, sw_status status)
{
    item *it = req->owner;
    serial *s = it->owner;
    req->finish = it->finish;
    req->owner = it->finish_owner;
    req->finish(req, status);
    if (atomic_exchange(&s->phase, FINISHED) == LEFT)
        wake(s);
}

static void turn(job *j, worker *w)
{
    serial *s = (serial *)(void *)j;
    for (int i = 0; i < TURN_MAX; i++) {
        item *it = take(s);
        if (!it)
            return;
        atomic_store(&s->phase, RUNNING);
        request_run(it->req, worker_db(w));
        int running = RUNNING;
        if (atomic_compare_exchange_strong(&s->phase, &running, LEFT))
            return; /* it is with the writer or another lane: finished() goes on */
    }
    wake(s);
}

/* Refuses a task, with a log line that says how many were refused since the line before. */
static void drop(serial *s, sw_request *req)
{
    uint64_t count = 0;
    pthread_mutex_lock(&s->lock);
    s->dropped++;
    int64_t now = sw_monotonic_ms();
    if (!s->stopped && (s->logged_ms == 0 || now - s->logged_ms >= LOG_EVERY_MS)) {
        count = s->dropped;
        s->dropped = 0;
        s->logged_ms = now;
    }
    pthread_mutex_unlock(&s->lock);
    if (count)
        log_warn("events", "plugin %s is behind: %llu events were dropped, %u wait", s->name, (unsigned long long)count,
                 s->max);
    task_free(req);
}

void serial_push(serial *s, sw_request *req)
{
    item *it = arena_alloc(&req->arena, sizeof *it);
    if (!it) {
        drop(s, req);
        return;
    }
    *it = (item){.owner = s, .req = req, .finish = req->finish, .finish_owner = req->owner};

    pthread_mutex_lock(&s->lock);
    bool fits = !s->stopped && s->length < s->max;
    bool idle = fits && !s->active;
    if (fits) {
        req->finish = finished;
        req->owner = it;
        *s->last = it;
        s->last = &it->next;
        s->length++;
        s->active = true;
    }
    pthread_mutex_unlock(&s->lock);
    if (!fits)
        drop(s, req);
    else if (idle)
        wake(s);
}

unsigned serial_length(serial *s)
{
    pthread_mutex_lock(&s->lock);
    unsigned length = s->length;
    pthread_mutex_unlock(&s->lock);
    return length;
}

void serial_tick(serial *s)
{
    pthread_mutex_lock(&s->lock);
    bool asleep = s->first && !s->active && !s->stopped;
    if (asleep)
        s->active = true;
    pthread_mutex_unlock(&s->lock);
    if (asleep)
        wake(s);
}

void serial_stop(serial *s)
{
    pthread_mutex_lock(&s->lock);
    item *rest = s->first;
    unsigned n = s->length;
    s->stopped = true;
    s->first = NULL;
    s->last = &s->first;
    s->length = 0;
    pthread_mutex_unlock(&s->lock);
    if (n)
        log_warn("events", "stopping: %u events that wait for plugin %s are dropped", n, s->name);
    while (rest) {
        item *next = rest->next; /* it lives in the arena of its request */
        task_free(rest->req);
        rest = next;
    }
}

void serial_free(serial *s)
{
    if (!s)
        return;
    serial_stop(s);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
