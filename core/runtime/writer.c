/* The writer: its thread and queue, and what the thread does between batches: short steps of plugins' housekeeping, and
 * keeping the WAL short. Any thread submits; a request is the writer's from then on.
 *
 * PASSIVE checkpoints have a thread of their own, so that no commit waits for one; the forced one is the writer's, when
 * the WAL has outgrown its limit. */
#include "core/base/log.h"
#include "core/crash/crash_scope.h"
#include "core/runtime/writer_internal.h"

#include <stdlib.h>
#include <steward/host.h>

enum { DEFAULT_BATCH_MAX = 512, DEFAULT_QUEUE_MAX = 4096, DEFAULT_WRITE_STEP_MS = 50, HOUSEKEEPING_RETRY_MS = 1000 };
static const int64_t DEFAULT_WAL_LIMIT = 256 * 1024 * 1024;

/* Of checkpoints. */
enum {
    PAUSE_MS = 200,
    LAZY_MS = 5000, /* while the WAL is short */
    SHORT_WAL = 4 * 1024 * 1024,
    MOMENT_MS = 20, /* most reads are shorter; but many, one after the other, leave no gap for longer */
    GAP_MS = 250,
    READERS_MS = 1000, /* how long running reads may go on when the writer waits for them */
    READERS_END_MS = 500,
    TRUNCATE_AGAIN_MS = 2000,
    FULL_AGAIN_MS = 100, /* when nothing can be written until then */
    LOG_EVERY_MS = 10000,
    HARD_FACTOR = 4 /* of storage.wal_limit: above it nothing is written */
};

struct checkpointer {
    writer *writer;
    sw_db *db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;        /* under the lock */
    pthread_mutex_t work; /* held during a checkpoint: two of them cannot run at once */
    _Atomic bool grown;
    _Atomic int64_t wal_bytes;
};

static bool housekeeping_run(writer *w);
static int64_t housekeeping_due(const writer *w);
static struct checkpointer *checkpointer_start(writer *w);
static void checkpointer_stop(struct checkpointer *c);
static void writer_truncate(writer *w);

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
    sw_status status = w->wal_full ? SW_UNAVAILABLE : transaction_begin(w);
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

/* ---- the checkpointer: a thread ---- */

void checkpointer_nudge(struct checkpointer *c, int64_t wal_bytes)
{
    if (!c)
        return;
    bool was_large = atomic_exchange_explicit(&c->wal_bytes, wal_bytes, memory_order_relaxed) > SHORT_WAL;
    bool was_grown = atomic_exchange(&c->grown, true);
    if (was_grown && (was_large || wal_bytes <= SHORT_WAL))
        return;
    pthread_mutex_lock(&c->lock); /* begins to grow, or becomes worth a checkpoint now */
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

static bool large(struct checkpointer *c)
{
    return atomic_load_explicit(&c->wal_bytes, memory_order_relaxed) > SHORT_WAL;
}

/* true: something is left to do. */
static bool checkpoint(struct checkpointer *c, int64_t *logged_ms)
{
    int left = 0;
    atomic_store(&c->grown, false);
    pthread_mutex_lock(&c->work);
    sw_status status = db_checkpoint(c->db, false, 0, &left);
    pthread_mutex_unlock(&c->work);
    int64_t now = sw_monotonic_ms();
    if (status == SW_OK)
        atomic_fetch_add_explicit(&c->writer->metrics.checkpoints, 1, memory_order_relaxed);
    else if (status != SW_BUSY && now - *logged_ms >= LOG_EVERY_MS) {
        log_error("checkpoint", "the WAL cannot be moved to the store: %s", db_error_text(c->db));
        *logged_ms = now;
    }
    return status != SW_OK || left > 0;
}

/* Sleeps until `until_ms`, or less when the WAL becomes large. Under the lock. */
static void pause_until(struct checkpointer *c, int64_t least_ms, int64_t until_ms)
{
    while (!c->stopping) {
        int64_t now = sw_monotonic_ms();
        if (now >= until_ms || (large(c) && atomic_load(&c->grown) && now >= least_ms))
            break;
        cond_wait_until(&c->wake, &c->lock, large(c) && now < least_ms ? least_ms : until_ms);
    }
}

static void *checkpointer_run(void *arg)
{
    struct checkpointer *c = arg;
    int64_t logged_ms = sw_monotonic_ms() - LOG_EVERY_MS;
    bool left = false;
    pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        if (!left && !atomic_load(&c->grown)) {
            pthread_cond_wait(&c->wake, &c->lock);
            continue;
        }
        int64_t now = sw_monotonic_ms();
        pause_until(c, now + PAUSE_MS, now + LAZY_MS);
        if (c->stopping)
            break;
        pthread_mutex_unlock(&c->lock);
        left = checkpoint(c, &logged_ms);
        pthread_mutex_lock(&c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static struct checkpointer *checkpointer_start(writer *w)
{
    struct checkpointer *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->writer = w;
    c->db = db_open_checkpointer(w->rt->store);
    if (c->db && pthread_mutex_init(&c->lock, NULL) == 0 && pthread_mutex_init(&c->work, NULL) == 0 &&
        cond_init(&c->wake) && thread_start(&c->thread, "checkpointer", checkpointer_run, c))
        return c;
    db_close(c->db);
    free(c);
    return NULL;
}

static void checkpointer_stop(struct checkpointer *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    (void)db_checkpoint(c->db, false, 0, NULL);
    db_close(c->db);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->work);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- the forced one: on the writer ---- */

static bool far_above(const writer *w)
{
    return db_wal_bytes(w->db) / HARD_FACTOR > w->wal_limit;
}

static sw_status try_to_truncate(writer *w, int wait_ms)
{
    pthread_mutex_lock(&w->checkpointer->work);
    sw_status status = db_checkpoint(w->db, true, wait_ms, NULL);
    pthread_mutex_unlock(&w->checkpointer->work);
    return status;
}

/* Reads of ours are waited for and then ended. Another program's (a backup) cannot be ended, and waiting for it would
 * only delay what can still be written. */
static sw_status truncate_wal(writer *w)
{
    sw_status status = try_to_truncate(w, MOMENT_MS); /* moves the pages */
    if (status != SW_BUSY || (w->wal_held && !far_above(w)))
        return status;
    status = try_to_truncate(w, GAP_MS);
    int64_t began = sw_monotonic_ms() - GAP_MS / 2;
    if (status != SW_BUSY || readers_since(w->rt, began) == 0)
        return status;
    status = db_checkpoint(w->db, true, READERS_MS, NULL);
    if (status == SW_BUSY) {
        unsigned ended = readers_interrupt(w->rt, began);
        log_warn("writer", "the WAL is above storage.wal_limit: %u long reads were ended", ended);
        status = db_checkpoint(w->db, true, READERS_END_MS, NULL);
    }
    return status;
}

/* Above storage.wal_limit: stops writing until the WAL is emptied; ends reads that are in the way. */
static void writer_truncate(writer *w)
{
    bool was_full = w->wal_full, was_held = w->wal_held;
    if (sw_monotonic_ms() < w->truncate_after_ms) {
        w->wal_full = far_above(w);
        return;
    }
    sw_status status = truncate_wal(w);
    w->wal_full = w->wal_held = false;
    if (status == SW_OK) {
        atomic_fetch_add_explicit(&w->metrics.truncations, 1, memory_order_relaxed);
        return;
    }
    w->wal_full = far_above(w);
    w->truncate_after_ms = sw_monotonic_ms() + (w->wal_full ? FULL_AGAIN_MS : TRUNCATE_AGAIN_MS);
    w->wal_held = status == SW_BUSY;
    if (w->wal_held && was_held && w->wal_full == was_full)
        return; /* said before */
    log_error("writer", "the WAL is above storage.wal_limit and cannot be emptied%s: %s",
              w->wal_full ? "; nothing is written until it can" : "",
              status == SW_BUSY ? "another program reads the store" : db_error_text(w->db));
}
