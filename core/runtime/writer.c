/* The writer: its thread, and what the thread does between batches: short steps of plugins' housekeeping, and keeping
 * the WAL short (checkpoint.c). Who comes next: writer_queue.c. */
#include "core/base/log.h"
#include "core/crash/crash_scope.h"
#include "core/runtime/writer_internal.h"

#include <stdlib.h>
#include <steward/host.h>
#include <string.h>

enum {
    DEFAULT_BATCH_MAX = 512,
    DEFAULT_QUEUE_MAX = 4096,
    DEFAULT_WRITE_STEP_MS = 50,
    DEFAULT_SHARE = 50,
    HOUSEKEEPING_RETRY_MS = 1000
};
static const int64_t DEFAULT_WAL_LIMIT = 256 * 1024 * 1024;

static bool housekeeping_run(writer *w);
static int64_t housekeeping_due(const writer *w);

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

/* So that a restart of the machine finds the steady clock where it was. */
static void note_end(writer *w)
{
    if (w->noted_ns == 0 || w->wal_full || transaction_begin(w) != SW_OK)
        return;
    steady_note(w->rt, w->db);
    if (transaction_commit(w) != SW_OK)
        transaction_abandon(w);
}

static void *writer_run(void *arg)
{
    writer *w = arg;
    while (writer_has_taken(w) || wait_for_work(w)) {
        reopen_if_in_doubt(w);
        if (w->wal_full)
            writer_truncate(w); /* it may be possible by now */
        if (batch_run(w))
            w->idle = false;
        if (db_wal_bytes(w->db) > w->wal_limit)
            writer_truncate(w);
        if (w->idle || housekeeping_share(w))
            housekeeping_run(w);
    }
    note_end(w);
    return NULL;
}

static void read_options(writer *w)
{
    const config *c = w->rt->config;
    w->batch_max = c ? (unsigned)config_int(c, "storage.batch_max") : DEFAULT_BATCH_MAX;
    w->queue_max = c ? (unsigned)config_int(c, "storage.queue") : DEFAULT_QUEUE_MAX;
    w->party_max = share_of(w->queue_max, c ? (unsigned)config_int(c, "limits.share") : DEFAULT_SHARE);
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
    bool ok = w->batch.outcomes && writer_queues_open(w) && pthread_mutex_init(&w->lock, NULL) == 0 &&
              cond_init(&w->wake) && cond_init(&w->quiet) && (w->checkpointer = checkpointer_start(w));
    if (ok && thread_start(&w->thread, "writer", writer_run, w)) {
        rt->writer = w;
        return w;
    }
    checkpointer_stop(w->checkpointer);
    writer_queues_close(w);
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
    writer_queues_close(w);
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

int64_t writer_committed_ms(const writer *w)
{
    return w->committed_ms;
}

void writer_read_state(writer *w, writer_state *ret)
{
    int64_t oldest = w->oldest_ms, waited = oldest ? sw_monotonic_ms() - oldest : 0;
    *ret = (writer_state){.held = w->wal_held, .oldest_ms = waited > 0 ? waited : 0};
    if (ret->held)
        held_text(w, ret->held_why, sizeof ret->held_why);
    pthread_mutex_lock(&w->lock);
    ret->failing = w->failure[0] != '\0';
    memcpy(ret->why, w->failure, sizeof ret->why);
    pthread_mutex_unlock(&w->lock);
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

/* ---- housekeeping: each step is a transaction of its own, and the plugins take turns ---- */

bool writer_add_housekeeping(writer *w, sw_host *host, const sw_housekeeping *h)
{
    pthread_mutex_lock(&w->lock);
    housekeeping_entry *e = NULL;
    for (unsigned i = 0; i < w->kept_count && !e; i++)
        if (!w->kept[i].host)
            e = &w->kept[i];
    if (!e && w->kept_count < HOUSEKEEPING_MAX)
        e = &w->kept[w->kept_count++];
    if (e)
        *e = (housekeeping_entry){.host = host, .item = h, .due_ms = sw_monotonic_ms() + h->every_ms};
    pthread_cond_signal(&w->wake); /* it may sleep longer than that */
    pthread_mutex_unlock(&w->lock);
    return e != NULL;
}

void writer_remove_housekeeping(writer *w, sw_host *host)
{
    pthread_mutex_lock(&w->lock);
    for (unsigned i = 0; i < w->kept_count; i++)
        if (w->kept[i].host == host)
            w->kept[i].host = NULL;
    while (w->keeping == host && !pthread_equal(pthread_self(), w->thread))
        pthread_cond_wait(&w->quiet, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

/* When the next step is due, in monotonic ms; INT64_MAX when there is none. Under the lock. */
static int64_t housekeeping_due(const writer *w)
{
    int64_t due = INT64_MAX;
    for (unsigned i = 0; i < w->kept_count; i++)
        if (w->kept[i].host && w->kept[i].due_ms < due)
            due = w->kept[i].due_ms;
    return due;
}

/* Takes turns: the next one behind the last that is due and whose module is enabled. Under the lock. */
static housekeeping_entry *pick(writer *w)
{
    int64_t now = sw_monotonic_ms();
    for (unsigned i = 0; i < w->kept_count; i++) {
        housekeeping_entry *e = &w->kept[(w->next_kept + i) % w->kept_count];
        if (!e->host || e->due_ms > now)
            continue;
        if (atomic_load_explicit(&e->host->status, memory_order_acquire) > MODULE_ENABLED) {
            e->due_ms = now + HOUSEKEEPING_RETRY_MS;
            continue;
        }
        w->next_kept = (w->next_kept + i + 1) % w->kept_count;
        return e;
    }
    return NULL;
}

typedef struct {
    const sw_housekeeping *item;
    bool more;
} turn;

static sw_status run_turn(sw_tx *tx, void *arg)
{
    turn *t = arg;
    return t->item->step(tx, &t->more);
}

/* One step in its own transaction. */
static sw_status keep(writer *w, sw_host *host, turn *t)
{
    sw_request *req = &w->task;
    effect *effects = NULL;
    *req = (sw_request){.kind = REQUEST_TASK, .host = host, .address = "", .id = "", .work_kind = "housekeeping"};
    req->work_name = t->item->name;
    arena_init(&req->arena, 0);
    batch_reset(w);
    sw_status status = writer_refuses(w) ? SW_UNAVAILABLE : transaction_begin(w);
    if (status == SW_OK)
        status = step_run(w, req, run_turn, t, true, &effects);
    if (status == SW_OK && transaction_commit(w) != SW_OK) {
        w->reopen = true;
        transaction_abandon(w);
        effects_drop(effects);
        status = SW_UNAVAILABLE;
    } else if (status == SW_OK) {
        effects_run(effects);
        checkpointer_nudge(w->checkpointer, db_wal_bytes(w->db));
    }
    request_done(req);
    return status;
}

/* Runs one step that is due. false: none is due. */
static bool housekeeping_run(writer *w)
{
    pthread_mutex_lock(&w->lock);
    housekeeping_entry *e = pick(w);
    turn t = {0};
    sw_host *host = e ? e->host : NULL;
    if (e) {
        t.item = e->item;
        w->keeping = host;
    }
    pthread_mutex_unlock(&w->lock);
    if (!e)
        return false;

    int64_t began = now_ns();
    sw_status status = keep(w, host, &t);
    w->housekept_ns = now_ns();
    w->housekeeping_ns = w->housekept_ns - began;
    atomic_fetch_add_explicit(&w->metrics.housekeeping, 1, memory_order_relaxed);
    if (status != SW_OK)
        log_warn(host->name, "housekeeping %s failed: %s %s", t.item->name,
                 status == SW_BUSY ? "it took too long" : failure_code(status), db_error_text(w->db));

    int64_t rest = status != SW_OK
                       ? (t.item->every_ms > HOUSEKEEPING_RETRY_MS ? t.item->every_ms : HOUSEKEEPING_RETRY_MS)
                   : t.more ? 0
                            : t.item->every_ms;
    pthread_mutex_lock(&w->lock);
    if (e->host == host && e->item == t.item)
        e->due_ms = sw_monotonic_ms() + rest;
    w->keeping = NULL;
    pthread_cond_broadcast(&w->quiet);
    pthread_mutex_unlock(&w->lock);
    return true;
}
