/* One batch: the steps of many requests in one transaction, committed together; then their effects, then their ends. */
#include "core/base/log.h"
#include "core/runtime/quota.h"
#include "core/runtime/storage_watch.h"
#include "core/runtime/writer_internal.h"

#include <stdio.h>
#include <steward/host.h>

static const int64_t NOTE_EVERY_NS = INT64_C(60) * 1000000000;

static sw_request *of_job(job *j)
{
    return (sw_request *)((uintptr_t)j - offsetof(sw_request, job));
}

/* Its principal was good when it came in; it must be so when it writes, also against changes earlier in this batch. */
static bool still_allowed(const writer *w, const sw_request *req)
{
    if (req->who.role == 0 || req->kind == REQUEST_TASK)
        return true;
    for (unsigned i = 0; i < w->batch.raised_count; i++)
        if (w->batch.raised[i] == req->who.user_id)
            return false;
    return !w->rt->principals || principal_current(w->rt->principals, req->who.user_id, req->generation);
}

bool writer_refuses(const writer *w)
{
    return w->wal_full || storage_lost(w->rt);
}

/* No transaction can be begun: every step of this batch fails, and says why. */
static void refuse(writer *w)
{
    batch *b = &w->batch;
    b->refused = true;
    if (storage_lost(w->rt))
        storage_lost_text(w->rt, b->why, sizeof b->why);
    else if (w->wal_full && w->wal_held)
        held_text(w, b->why, sizeof b->why);
    else
        snprintf(b->why, sizeof b->why, "%s", w->wal_full ? "the WAL cannot be emptied" : db_error_text(w->db));
}

static sw_status run_step(writer *w, sw_request *req, effect **ret_effects)
{
    batch *b = &w->batch;
    if (!still_allowed(w, req))
        return SW_UNAUTHENTICATED;
    if (!b->open && !b->refused && (writer_refuses(w) || transaction_begin(w) != SW_OK))
        refuse(w); /* the others need not wait for the same lock once more */
    if (b->refused) {
        req->failure = (failure){.status = SW_UNAVAILABLE};
        sw_fail_detail(req, "%s", b->why);
        return SW_UNAVAILABLE;
    }
    atomic_fetch_add_explicit(&w->metrics.steps, 1, memory_order_relaxed);
    return step_run(w, req, req->step, req->arg, false, ret_effects);
}

static void run_one(writer *w, sw_request *req)
{
    outcome *o = &w->batch.outcomes[w->batch.count++];
    *o = (outcome){.req = req};
    if (req->step)
        o->status = run_step(w, req, &o->effects);
    else
        o->effects = req->effects;
}

/* What the log says once for a whole batch, and at most once a second. */
static void complain(writer *w)
{
    batch *b = &w->batch;
    atomic_fetch_add_explicit(&w->metrics.failed_batches, 1, memory_order_relaxed);
    if (!b->refused)
        snprintf(b->why, sizeof b->why, "%s", *db_error_text(w->db) ? db_error_text(w->db) : "the storage failed");
    int64_t now = now_ns();
    if (w->complained_ns != 0 && now - w->complained_ns < COMPLAIN_NS)
        return;
    w->complained_ns = now;
    log_error("writer", "a batch of %u steps was undone: %s", b->count, b->why);
}

/* For those who ask how it goes. A batch that had nothing to write says nothing. */
static void note_outcome(writer *w, bool committed)
{
    const char *why = w->batch.why;
    if (committed)
        atomic_store_explicit(&w->committed_ms, sw_monotonic_ms(), memory_order_relaxed);
    if (!*why && !(committed && w->failing))
        return;
    w->failing = *why != '\0';
    pthread_mutex_lock(&w->lock);
    snprintf(w->failure, sizeof w->failure, "%s", why);
    pthread_mutex_unlock(&w->lock);
}

/* With what is written anyway. */
static void note_time(writer *w)
{
    int64_t now = now_ns();
    if (w->noted_ns != 0 && now - w->noted_ns < NOTE_EVERY_NS)
        return;
    w->noted_ns = now;
    steady_note(w->rt, w->db);
}

static void commit(writer *w)
{
    batch *b = &w->batch;
    if (!b->failed && b->open && b->changed)
        note_time(w);
    bool committed = b->open && b->changed && !b->failed;
    if (!b->failed && b->open && transaction_commit(w) != SW_OK) {
        committed = false;
        b->failed = true;
        w->reopen = true;
    }
    if (b->failed)
        transaction_abandon(w);
    if (b->failed || b->refused || b->faulted)
        complain(w);
    note_outcome(w, committed);
}

/* Answers, or goes on as sw_tx_move() said. */
static void end(sw_request *req, sw_status status)
{
    if (status == SW_OK && req->step && req->next == NEXT_MOVE) {
        if (request_submit(req->host->rt, req, req->lane, req->handler))
            return;
        status = SW_BUSY;
    }
    request_finish(req, status);
}

/* All effects first, so that no reply leaves before the caches know; then the outcomes, in the order submitted. */
static void release(writer *w)
{
    batch *b = &w->batch;
    for (unsigned i = 0; i < b->count; i++) {
        outcome *o = &b->outcomes[i];
        if (!b->failed || !o->req->step) {
            effects_run(o->effects);
        } else {
            if (o->status == SW_OK)
                effects_drop(o->effects);
            /* A refusal may rest on what an earlier step of this batch wrote, and that is undone as well. */
            if (o->status == SW_OK || failure_http_status(o->status) < 500)
                o->status = SW_UNAVAILABLE;
        }
    }
    for (unsigned i = 0; i < b->count; i++)
        end(b->outcomes[i].req, b->outcomes[i].status);
}

static unsigned bucket(uint64_t value, uint64_t first)
{
    unsigned i = 0;
    for (uint64_t top = first; value > top && i < 11; top *= 2)
        i++;
    return i;
}

static void measure(writer *w, int64_t took_ns)
{
    writer_metrics *n = &w->metrics;
    atomic_fetch_add_explicit(&n->batches, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&n->microseconds, (uint64_t)took_ns / 1000, memory_order_relaxed);
    atomic_fetch_add_explicit(&n->size_buckets[bucket(w->batch.count, 1)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&n->time_buckets[bucket((uint64_t)took_ns, 250000)], 1, memory_order_relaxed);
}

void batch_reset(writer *w)
{
    outcome *outcomes = w->batch.outcomes;
    w->batch = (batch){.outcomes = outcomes};
}

static void charge_rows(writer *w, const sw_request *req, int64_t rows, int64_t now)
{
    if (rows > 0 && quota_counts(w->rt->quotas, &req->who))
        quota_charge(w->rt->quotas, &req->who, QUOTA_ROWS, rows, now / 1000000);
}

/* Its steps. */
static void run_steps(writer *w, job *j, int64_t began)
{
    batch *b = &w->batch;
    int64_t oldest_ms = 0;
    atomic_store_explicit(&w->oldest_ms, began / 1000000, memory_order_relaxed);
    b->until_ns = began + BATCH_NS;
    for (int64_t now = began, before; j; j = writer_next(w)) {
        bool urgent = j->urgent;
        before = now;
        if (oldest_ms == 0 && (oldest_ms = of_job(j)->handed_ms) != 0)
            atomic_store_explicit(&w->oldest_ms, oldest_ms, memory_order_relaxed);
        int64_t rows = db_total_changes(w->db);
        run_one(w, of_job(j));
        now = now_ns();
        writer_charge(w, j, now - before);
        charge_rows(w, of_job(j), db_total_changes(w->db) - rows, now);
        if (urgent && b->until_ns > now + URGENT_NS)
            b->until_ns = now + URGENT_NS;
        if (now >= b->until_ns || b->count == w->batch_max || b->failed || b->full)
            break;
    }
}

bool batch_run(writer *w)
{
    batch *b = &w->batch;
    job *first = writer_next(w);
    if (!first)
        return false;
    batch_reset(w);
    int64_t began = now_ns();
    run_steps(w, first, began);
    commit(w);
    atomic_store_explicit(&w->oldest_ms, 0, memory_order_relaxed);
    measure(w, now_ns() - began);
    if (!b->failed)
        checkpointer_nudge(w->checkpointer, db_wal_bytes(w->db));
    release(w);
    return true;
}
