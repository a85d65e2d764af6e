/* Housekeeping: short steps of plugins between batches, each in a transaction of its own, in turn. */
#include "core/base/log.h"
#include "core/runtime/writer_internal.h"

#include <steward/host.h>

enum { RETRY_MS = 1000 };

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

int64_t housekeeping_due(const writer *w)
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
            e->due_ms = now + RETRY_MS;
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

bool housekeeping_run(writer *w)
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

    int64_t rest = status != SW_OK ? (t.item->every_ms > RETRY_MS ? t.item->every_ms : RETRY_MS)
                   : t.more        ? 0
                                   : t.item->every_ms;
    pthread_mutex_lock(&w->lock);
    if (e->host == host && e->item == t.item)
        e->due_ms = sw_monotonic_ms() + rest;
    w->keeping = NULL;
    pthread_cond_broadcast(&w->quiet);
    pthread_mutex_unlock(&w->lock);
    return true;
}
