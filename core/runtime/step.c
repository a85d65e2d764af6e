/* One step: its savepoint, its time limit, and what it queues for after the commit. On the writer. */
#include "core/base/log.h"
#include "core/crash/crash_scope.h"
#include "core/runtime/writer_internal.h"

#include <steward/host.h>

/* ---- effects ---- */

bool tx_effect(sw_tx *tx, void (*run)(void *arg), void (*drop)(void *arg), void *arg)
{
    effect *e = arena_alloc(tx->arena, sizeof *e);
    if (!e) {
        tx->out_of_memory = true;
        return false;
    }
    *e = (effect){.run = run, .drop = drop, .arg = arg};
    *tx->last = e;
    tx->last = &e->next;
    return true;
}

void effects_run(effect *e)
{
    for (effect *next; e; e = next) {
        next = e->next;
        e->run(e->arg);
    }
}

void effects_drop(effect *e)
{
    for (effect *next; e; e = next) {
        next = e->next;
        if (e->drop)
            e->drop(e->arg);
    }
}

/* ---- the transaction ---- */

sw_status transaction_begin(writer *w)
{
    sw_status status = db_exec(w->db, "BEGIN IMMEDIATE");
    w->batch.open = status == SW_OK;
    w->batch.changed = false;
    return status;
}

sw_status transaction_commit(writer *w)
{
    sw_status status = db_exec(w->db, "COMMIT");
    w->batch.open = false;
    return status;
}

void transaction_abandon(writer *w)
{
    if (!db_autocommit(w->db) && db_exec(w->db, "ROLLBACK") != SW_OK)
        w->reopen = true;
    w->batch.open = false;
}

/* Undoes one step. Alone in its transaction it had no savepoint, and the whole goes; the next step begins anew. */
static void undo(writer *w, bool alone)
{
    if (alone) {
        transaction_abandon(w);
        return;
    }
    if (db_exec(w->db, "ROLLBACK TO step") != SW_OK || db_exec(w->db, "RELEASE step") != SW_OK)
        w->batch.failed = true;
}

/* ---- the step ---- */

/* The wall clock. One that is corrected by a moment stands still meanwhile, so that times go back only when it was
 * really set back; then they follow, since rows must not carry a wrong time until it has caught up. The order of rows
 * is that of their ids. */
static int64_t step_now(writer *w)
{
    int64_t now = sw_now_ms();
    if (now >= w->last_now_ms || w->last_now_ms - now > HELD_MS)
        w->last_now_ms = now;
    return w->last_now_ms;
}

/* Runs the plugin's code with the connection lent, and counts its time. */
static sw_status call(writer *w, sw_tx *tx, sw_step step, void *arg)
{
    sw_host *host = tx->host;
    db_lend(w->db, tx->arena, w->write_step_ms > 0 ? sw_monotonic_ms() + w->write_step_ms : 0);
    int64_t began = now_ns();
    crash_scope before = crash_enter(host, "step", tx->req->work_kind, tx->req->work_name);
    sw_status status = step(tx, arg);
    crash_leave(before);
    host_count_call(host, began);
    sw_status left = db_return(w->db);
    if (db_interrupted(w->db)) {
        atomic_fetch_add_explicit(&w->metrics.interrupted, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&host->interrupted, 1, memory_order_relaxed);
    }
    if (status == SW_OK && left != SW_OK) {
        log_error(host->name, "a query that a write step left open failed: %s", db_error_text(w->db));
        status = left;
    }
    if (status == SW_OK && db_interrupted(w->db))
        status = SW_BUSY; /* it did not look at what its queries said */
    return status;
}

/* Keeps or undoes what the step did. */
static sw_status conclude(writer *w, sw_status status, bool alone)
{
    if (db_autocommit(w->db) || db_storage_failed(w->db)) {
        /* SQLite has rolled back everything, or lost a part of it: the steps before go with this one. */
        transaction_abandon(w);
        w->batch.failed = !alone;
        w->batch.faulted |= db_storage_failed(w->db);
        return status == SW_BUSY ? SW_BUSY : SW_UNAVAILABLE;
    }
    if (status != SW_OK)
        undo(w, alone);
    else if (!alone && db_exec(w->db, "RELEASE step") != SW_OK)
        w->batch.failed = true;
    return status == SW_OK && w->batch.failed ? SW_UNAVAILABLE : status;
}

sw_status step_run(writer *w, sw_request *req, sw_step step, void *arg, bool housekeeping, effect **ret_effects)
{
    bool alone = !w->batch.changed; /* nothing in the transaction that must be kept apart from this step */
    if (!alone && db_exec(w->db, "SAVEPOINT step") != SW_OK) {
        w->batch.failed = true;
        return SW_UNAVAILABLE;
    }
    sw_tx tx = {
        .db = w->db,
        .req = req,
        .host = req->host,
        .arena = &req->arena,
        .last = &tx.first,
        .now_ms = step_now(w),
        .housekeeping = housekeeping,
        .writer = w,
    };
    unsigned raised = w->batch.raised_count;
    sw_status status = request_sound(req, call(w, &tx, step, arg));
    if (status == SW_OK)
        status = tx.failed;
    bool goes_on = !housekeeping && req->next == NEXT_MOVE;
    if (status == SW_OK)
        status = tx.out_of_memory ? SW_NO_MEMORY : housekeeping || goes_on ? SW_OK : request_check_reply(req);
    status = conclude(w, status, alone);
    if (status != SW_OK) {
        w->batch.raised_count = raised;
        effects_drop(tx.first);
        return status;
    }
    w->batch.changed = true;
    *ret_effects = tx.first;
    return SW_OK;
}
