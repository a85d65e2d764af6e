/* The threads of a pool and its bounded queue, and the list of the read connections of all pools.
 *
 * Any thread submits. A job belongs to the pool's thread once it has been taken. Locks: `pool.lock` guards the queue
 * and the counts, `reader_list.lock` the list; neither is held while a job runs. */
#include "core/runtime/pool.h"
#include "core/base/log.h"
#include "core/runtime/runtime_internal.h"
#include "core/runtime/thread.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the read connections ---- */

static bool readers_add(runtime *rt, sw_db *db)
{
    reader_list *r = &rt->readers;
    pthread_mutex_lock(&r->lock);
    bool room = r->count < RUNTIME_READERS_MAX;
    if (room)
        r->all[r->count++] = db;
    pthread_mutex_unlock(&r->lock);
    return room;
}

static void readers_remove(runtime *rt, sw_db *db)
{
    reader_list *r = &rt->readers;
    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < r->count; i++) {
        if (r->all[i] == db) {
            r->all[i] = r->all[--r->count];
            break;
        }
    }
    pthread_mutex_unlock(&r->lock);
}

static unsigned each_since(runtime *rt, int64_t before_ms, bool interrupt)
{
    reader_list *r = &rt->readers;
    unsigned found = 0;
    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < r->count; i++) {
        int64_t since = db_lent_since(r->all[i]);
        if (since == 0 || since > before_ms)
            continue;
        if (interrupt)
            db_interrupt(r->all[i]);
        found++;
    }
    pthread_mutex_unlock(&r->lock);
    return found;
}

unsigned readers_since(runtime *rt, int64_t before_ms)
{
    return each_since(rt, before_ms, false);
}

unsigned readers_interrupt(runtime *rt, int64_t before_ms)
{
    return each_since(rt, before_ms, true);
}

/* ---- the pool ---- */

/* The first connection is opened at once, to tell a start that it can be; the others with their first job. */
static bool open_worker(pool *p, worker *w, unsigned index, bool with_db)
{
    *w = (worker){.pool = p, .index = index};
    if (!with_db)
        return true;
    w->db = p->rt->readers.count == 0 ? db_open(p->rt->store, false) : db_open_later(p->rt->store);
    if (w->db && readers_add(p->rt, w->db))
        return true;
    db_close(w->db);
    w->db = NULL;
    return false;
}

bool pool_open(pool *p, runtime *rt, const char *name, unsigned threads, unsigned queue_max, unsigned percent,
               bool with_db)
{
    *p = (pool){.rt = rt, .name = name, .queue_max = queue_max};
    if (!fair_open(&p->queue, share_of(threads, percent), share_of(queue_max, percent)) ||
        pthread_mutex_init(&p->lock, NULL) != 0 || !cond_init(&p->wake))
        return false;
    p->workers = calloc(threads, sizeof *p->workers);
    if (!p->workers)
        return false;
    for (; p->count < threads; p->count++)
        if (!open_worker(p, &p->workers[p->count], p->count, with_db && rt->store))
            return false;
    return true;
}

/* May this job of the slow lane run now, or has its module got its share of the threads? Under the lock. */
static bool module_may_run(const void *arg, const job *j)
{
    const pool *p = arg;
    sw_host *host = job_host(j);
    return !host || atomic_load_explicit(&host->slow_running, memory_order_relaxed) < p->share;
}

static job *take(pool *p)
{
    return fair_take(&p->queue, p->share != 0 ? module_may_run : NULL, p);
}

/* Passes the wake-up on while work remains. */
static void wake_one(pool *p)
{
    if (fair_ready(&p->queue) && p->idle > 0 && !p->waking) {
        p->waking = true;
        pthread_cond_signal(&p->wake);
    }
}

static void count_slow(const pool *p, sw_host *host, bool begins)
{
    if (p->share == 0 || !host)
        return;
    if (begins) {
        atomic_fetch_sub_explicit(&host->slow_queued, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&host->slow_running, 1, memory_order_relaxed);
    } else {
        atomic_fetch_sub_explicit(&host->slow_running, 1, memory_order_relaxed);
    }
}

static void *worker_run(void *arg)
{
    worker *w = arg;
    pool *p = w->pool;
    if (p->low_priority) {
        const struct sched_param none = {0};
        if (pthread_setschedparam(pthread_self(), SCHED_IDLE, &none) != 0)
            log_warn("lanes", "the hash lane runs at normal priority: SCHED_IDLE is refused");
    } else {
        thread_give_way();
    }
    pthread_mutex_lock(&p->lock);
    for (;;) {
        job *j = take(p);
        if (!j) {
            if (p->stopping && p->queue.queued == 0)
                break;
            p->idle++;
            pthread_cond_wait(&p->wake, &p->lock);
            p->idle--;
            p->waking = false;
            continue;
        }
        sw_host *host = job_host(j);
        uint16_t party = j->party;
        p->running++;
        count_slow(p, host, true);
        wake_one(p);
        pthread_mutex_unlock(&p->lock);
        j->run(j, w); /* owns the job */
        pthread_mutex_lock(&p->lock);
        p->running--;
        count_slow(p, host, false);
        fair_finished(&p->queue, party);
        if (p->stopping)
            pthread_cond_broadcast(&p->wake); /* somebody may wait for a share */
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

bool pool_start(pool *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%s-%u", p->name, i % 1000);
        p->workers[i].started = thread_start(&p->workers[i].thread, name, worker_run, &p->workers[i]);
        if (!p->workers[i].started)
            return false;
    }
    return true;
}

bool pool_submit(pool *p, job *j)
{
    sw_host *host = p->share != 0 ? job_host(j) : NULL;
    pthread_mutex_lock(&p->lock);
    bool room = !p->stopping && p->queue.queued < p->queue_max && fair_has_room(&p->queue, j->party);
    if (room && host)
        room = atomic_load_explicit(&host->slow_queued, memory_order_relaxed) < (p->queue_max + 1) / 2;
    if (room) {
        if (host)
            atomic_fetch_add_explicit(&host->slow_queued, 1, memory_order_relaxed);
        fair_add(&p->queue, j);
        wake_one(p);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

void pool_halt(pool *p)
{
    if (!p->rt)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->count; i++) {
        worker *w = &p->workers[i];
        if (w->started)
            pthread_join(w->thread, NULL);
        w->started = false;
        if (w->db) {
            readers_remove(p->rt, w->db);
            db_close(w->db);
            w->db = NULL;
        }
    }
}

void pool_done(pool *p)
{
    if (!p->rt)
        return;
    pool_halt(p);
    fair_close(&p->queue);
    free(p->workers);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    *p = (pool){0};
}
