/* The writer's thread: its queue, and what it does when. Any thread submits; a request is the writer's from then on. */
#include "core/base/log.h"
#include "core/crash/crash_scope.h"
#include "core/runtime/writer_internal.h"

#include <stdlib.h>
#include <steward/host.h>

enum { DEFAULT_BATCH_MAX = 512, DEFAULT_QUEUE_MAX = 4096, DEFAULT_WRITE_STEP_MS = 50 };
static const int64_t DEFAULT_WAL_LIMIT = 256 * 1024 * 1024;

bool writer_submit(writer *w, sw_request *req)
{
    job *j = &req->job;
    j->next = NULL;
    pthread_mutex_lock(&w->lock);
    bool room = !w->stopping && atomic_load_explicit(&w->metrics.queued, memory_order_relaxed) < w->queue_max;
    bool wake = false;
    if (room) {
        atomic_fetch_add_explicit(&w->metrics.queued, 1, memory_order_relaxed);
        *w->last = j;
        w->last = &j->next;
        wake = w->sleeping;
        w->sleeping = false;
    }
    pthread_mutex_unlock(&w->lock);
    if (wake)
        pthread_cond_signal(&w->wake);
    return room;
}

bool writer_take(writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->mine = w->first;
    w->first = NULL;
    w->last = &w->first;
    pthread_mutex_unlock(&w->lock);
    return w->mine != NULL;
}

/* Under load housekeeping gets a tenth of the time, and a step every 100 ms at the least. */
static bool housekeeping_share(const writer *w)
{
    int64_t rest = w->housekeeping_ns * HOUSEKEEPING_SHARE;
    return now_ns() - w->housekept_ns >= (rest < HOUSEKEEPING_EVERY_NS ? rest : HOUSEKEEPING_EVERY_NS);
}

/* Sleeps until there is something to do. false: the writer stops, and nothing is left. Clients that wait for this
 * batch's replies come back at once: the writer is idle only when nobody has done so for a moment. */
static bool wait_for_work(writer *w)
{
    bool more = true;
    int64_t since = sw_monotonic_ms();
    pthread_mutex_lock(&w->lock);
    while (!w->first) {
        if (w->stopping) {
            more = false;
            break;
        }
        int64_t now = sw_monotonic_ms(), due = housekeeping_due(w);
        w->idle = w->idle || now - since >= IDLE_MS;
        if (due <= now && (w->idle || housekeeping_share(w)))
            break;
        if (due <= now)
            due = now + 1;
        w->sleeping = true;
        if (due == INT64_MAX)
            pthread_cond_wait(&w->wake, &w->lock);
        else
            cond_wait_until(&w->wake, &w->lock, due);
        w->sleeping = false;
    }
    pthread_mutex_unlock(&w->lock);
    return more;
}

/* After a failed commit or fsync nothing that the connection believes is sure. */
static void reopen_if_in_doubt(writer *w)
{
    if (!w->reopen)
        return;
    if (db_reopen(w->db) == SW_OK)
        w->reopen = false;
    else
        log_error("writer", "the store cannot be opened again: %s", db_error_text(w->db));
}

static void *writer_run(void *arg)
{
    writer *w = arg;
    while (w->mine || wait_for_work(w)) {
        reopen_if_in_doubt(w);
        if (w->wal_full)
            writer_truncate(w); /* it may be possible by now */
        if (w->mine || writer_take(w)) {
            batch_run(w);
            w->idle = false;
        }
        if (db_wal_bytes(w->db) > w->wal_limit)
            writer_truncate(w);
        if (w->idle || housekeeping_share(w))
            housekeeping_run(w);
    }
    return NULL;
}

static void read_options(writer *w)
{
    const config *c = w->rt->config;
    w->batch_max = c ? (unsigned)config_int(c, "storage.batch_max") : DEFAULT_BATCH_MAX;
    w->queue_max = c ? (unsigned)config_int(c, "storage.queue") : DEFAULT_QUEUE_MAX;
    w->write_step_ms = c ? config_int(c, "limits.write_step") : DEFAULT_WRITE_STEP_MS;
    w->wal_limit = c ? config_int(c, "storage.wal_limit") : DEFAULT_WAL_LIMIT;
    if (w->batch_max == 0)
        w->batch_max = 1;
}

writer *writer_start(runtime *rt, sw_db *db)
{
    writer *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->rt = rt;
    w->db = db;
    w->last = &w->first;
    w->housekept_ns = now_ns();
    read_options(w);
    w->batch.outcomes = calloc(w->batch_max, sizeof *w->batch.outcomes);
    bool ok = w->batch.outcomes && pthread_mutex_init(&w->lock, NULL) == 0 && cond_init(&w->wake) &&
              cond_init(&w->quiet) && (w->checkpointer = checkpointer_start(w));
    if (ok && thread_start(&w->thread, "writer", writer_run, w)) {
        rt->writer = w;
        return w;
    }
    checkpointer_stop(w->checkpointer);
    free(w->batch.outcomes);
    free(w);
    return NULL;
}

void writer_halt(writer *w)
{
    if (!w || w->halted)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    checkpointer_stop(w->checkpointer);
    w->checkpointer = NULL;
    w->halted = true;
}

void writer_free(writer *w)
{
    if (!w)
        return;
    writer_halt(w);
    pthread_cond_destroy(&w->wake);
    pthread_cond_destroy(&w->quiet);
    pthread_mutex_destroy(&w->lock);
    free(w->batch.outcomes);
    free(w);
}

void writer_stop(writer *w)
{
    if (!w)
        return;
    runtime *rt = w->rt;
    writer_halt(w);
    if (rt->writer == w)
        rt->writer = NULL;
    writer_free(w);
}

const writer_metrics *writer_read_metrics(const writer *w)
{
    return &w->metrics;
}

/* ---- writes from outside a request ---- */

typedef struct {
    sw_request *req;
    void *arg;
    void (*done)(void *arg, sw_status outcome);
} later;

static void later_finish(sw_request *req, sw_status status)
{
    later *l = req->owner;
    if (l->done) {
        crash_scope before = crash_enter(req->host, "done", req->work_kind, NULL);
        l->done(l->arg, status);
        crash_leave(before);
    } else if (status != SW_OK)
        log_warn(req->host->name, "a write failed: %s", req->failure.text);
    request_done(req); /* and `l` with it */
    free(req);
}

bool sw_write_later(sw_host *host, sw_step step, void *arg, void (*done)(void *arg, sw_status outcome))
{
    runtime *rt = host->rt;
    sw_request *req = task_new(rt, host, NULL, 0);
    if (!req)
        return false;
    later *l = arena_alloc(&req->arena, sizeof *l);
    if (l) {
        *l = (later){req, arg, done};
        req->work_kind = NULL; /* nothing has a name here */
        req->step = step;
        req->arg = arg;
        req->owner = l;
        req->finish = later_finish;
        request_count(req);
        if (rt->writer && writer_submit(rt->writer, req))
            return true;
        atomic_fetch_sub_explicit(&host->in_flight, 1, memory_order_release);
    }
    request_done(req);
    free(req);
    return false;
}
