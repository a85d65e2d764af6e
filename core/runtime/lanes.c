/* The lanes: which pool a piece of work goes to, and how a request is run there; and the end of all of the runtime's
 * threads. Start and stop: main thread; the rest: any thread. */
#include "core/runtime/pool.h"
#include "core/runtime/runtime_internal.h"
#include "core/runtime/storage_watch.h"
#include "core/runtime/thread.h"
#include "core/runtime/writer.h"

#include <stdlib.h>
#include <steward/host.h>
#include <time.h>

enum { HASH_QUEUE = 64, DEFAULT_READ_STEP_MS = 10000, DEFAULT_URGENT = 2, DEFAULT_SHARE = 50, LOOK_MS = 5 };

struct lanes {
    pool worker, urgent, hash, slow;
    int64_t read_step_ms;
};

static void lanes_halt(struct lanes *l)
{
    if (!l)
        return;
    pool_halt(&l->slow); /* what it hands on to the workers still runs */
    pool_halt(&l->hash);
    pool_halt(&l->worker);
    pool_halt(&l->urgent);
}

static void lanes_free(struct lanes *l)
{
    if (!l)
        return;
    pool_done(&l->slow);
    pool_done(&l->hash);
    pool_done(&l->worker);
    pool_done(&l->urgent);
    free(l);
}

struct lanes *lanes_start(runtime *rt, unsigned workers, unsigned hash, unsigned slow, unsigned queue_max)
{
    struct lanes *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    workers = workers != 0 ? workers : 2 * core_count();
    hash = hash != 0 ? hash : core_count() > 1 ? core_count() / 2 : 1;
    slow = slow != 0 ? slow : 4;
    const config *c = rt->config;
    l->read_step_ms = c ? config_int(c, "limits.read_step") : DEFAULT_READ_STEP_MS;
    unsigned hash_queue = c ? (unsigned)config_int(c, "limits.hash_queue") : HASH_QUEUE;
    unsigned urgent = c ? (unsigned)config_int(c, "server.urgent_workers") : DEFAULT_URGENT;
    unsigned share = c ? (unsigned)config_int(c, "limits.share") : DEFAULT_SHARE;
    if (c && rt->reply_limit == 0)
        rt->reply_limit = (size_t)config_int(c, "limits.reply");
    bool ok = pool_open(&l->worker, rt, "worker", workers, queue_max, share, true) &&
              pool_open(&l->urgent, rt, "urgent", urgent, queue_max, share, true) &&
              pool_open(&l->hash, rt, "hash", hash, hash_queue, share, false) &&
              pool_open(&l->slow, rt, "slow", slow, queue_max, share, true);
    l->hash.low_priority = true;
    l->slow.share = slow > 1 ? slow / 2 : 1;
    rt->lanes = l; /* jobs may be submitted from the first one on */
    ok = ok && pool_start(&l->worker) && pool_start(&l->urgent) && pool_start(&l->hash) && pool_start(&l->slow);
    if (ok)
        return l;
    rt->lanes = NULL;
    lanes_stop(l);
    return NULL;
}

void lanes_stop(struct lanes *l)
{
    lanes_halt(l);
    lanes_free(l);
}

sw_db *worker_db(worker *w)
{
    return w->db;
}

static pool *pool_of(struct lanes *l, sw_lane lane)
{
    switch ((int)lane) {
    case LANE_URGENT:
        return &l->urgent;
    case SW_LANE_HASH:
        return &l->hash;
    case SW_LANE_SLOW:
        return &l->slow;
    default:
        return &l->worker;
    }
}

bool lane_submit(runtime *rt, sw_lane lane, job *j)
{
    return rt->lanes && pool_submit(pool_of(rt->lanes, lane), j);
}

lane_metrics lanes_read_metrics(struct lanes *l, sw_lane lane)
{
    pool *p = pool_of(l, lane);
    pthread_mutex_lock(&p->lock);
    lane_metrics n = {.queued = p->queue.queued, .running = p->running, .threads = p->count, .limit = p->queue_max};
    pthread_mutex_unlock(&p->lock);
    return n;
}

int64_t lanes_read_deadline(runtime *rt)
{
    int64_t limit = rt->lanes ? rt->lanes->read_step_ms : DEFAULT_READ_STEP_MS;
    return limit > 0 ? sw_monotonic_ms() + limit : 0;
}

/* ---- requests ---- */

static sw_request *of_job(const job *j)
{
    return (sw_request *)((uintptr_t)j - offsetof(sw_request, job));
}

static void run_here(job *j, worker *w)
{
    request_run(of_job(j), w->db);
}

static void run_on_loop(mail *m, loop *l)
{
    (void)l;
    request_run((sw_request *)((uintptr_t)m - offsetof(sw_request, mail)), NULL);
}

sw_host *job_host(const job *j)
{
    return j->run == run_here ? of_job(j)->host : NULL;
}

bool request_submit(runtime *rt, sw_request *req, sw_lane lane, sw_handler handler)
{
    req->handler = handler;
    req->lane = lane;
    if (lane == SW_LANE_LOOP) {
        loop *home = req->home ? req->home : rt->loops;
        if (!home)
            return false;
        req->mail.run = run_on_loop;
        loop_post(home, &req->mail);
        return true;
    }
    req->job.run = run_here;
    req->job.party = party_of(req);
    return lane_submit(rt, req->urgent && lane == SW_LANE_WORKER ? (sw_lane)LANE_URGENT : lane, &req->job);
}

/* ---- the runtime as a whole: whether it is idle, and how its threads end ---- */

static bool lane_idle(struct lanes *l, sw_lane lane)
{
    lane_metrics n = lanes_read_metrics(l, lane);
    return n.queued == 0 && n.running == 0;
}

bool runtime_idle(runtime *rt)
{
    for (unsigned i = 0; i < rt->module_count; i++)
        if (rt->modules[i] && atomic_load_explicit(&rt->modules[i]->in_flight, memory_order_acquire) != 0)
            return false; /* also what is deferred, or in a batch */
    if (rt->lanes && !(lane_idle(rt->lanes, SW_LANE_WORKER) && lane_idle(rt->lanes, (sw_lane)LANE_URGENT) &&
                       lane_idle(rt->lanes, SW_LANE_HASH) && lane_idle(rt->lanes, SW_LANE_SLOW)))
        return false;
    return !rt->writer || atomic_load(&writer_read_metrics(rt->writer)->queued) == 0;
}

void runtime_stop(runtime *rt, int64_t timeout_ms)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};
    int64_t until = sw_monotonic_ms() + timeout_ms;
    while (!runtime_idle(rt) && sw_monotonic_ms() < until)
        nanosleep(&look, NULL);

    /* No new work by itself, then none from handlers, then none from steps; each may still ask the one that ended
     * before, which refuses. So may the loops, until runtime_free(). */
    defers_halt(rt->defers);
    lanes_halt(rt->lanes);
    writer_halt(rt->writer);
    storage_watch_stop(rt);
}

void runtime_free(runtime *rt)
{
    writer_free(rt->writer);
    lanes_free(rt->lanes);
    defers_free(rt->defers);
    rt->writer = NULL;
    rt->lanes = NULL;
    rt->defers = NULL;
}
