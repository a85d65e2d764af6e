/* Keeping the WAL short. PASSIVE checkpoints have a thread of their own, so that no commit waits for one; the forced
 * one is the writer's, when the WAL has outgrown its limit. */
#include "core/base/log.h"
#include "core/runtime/writer_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <steward/host.h>

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
    int moved; /* the thread's: frames of the WAL that the latest checkpoint found in the file or brought there */
    _Atomic int64_t stuck_ms; /* since when that number is the same while more is to be moved: some read that began
                                 before keeps the rest. Unix time; 0 when nothing does */
};

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
    int left = 0, done = 0;
    atomic_store(&c->grown, false);
    pthread_mutex_lock(&c->work);
    sw_status status = db_checkpoint(c->db, false, 0, &left, &done);
    pthread_mutex_unlock(&c->work);
    int64_t now = sw_monotonic_ms();
    if (status == SW_OK) {
        if (left == 0 || done != c->moved || c->stuck_ms == 0)
            c->stuck_ms = left > 0 ? sw_now_ms() : 0;
        c->moved = done;
    }
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

struct checkpointer *checkpointer_start(writer *w)
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

void checkpointer_stop(struct checkpointer *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    (void)db_checkpoint(c->db, false, 0, NULL, NULL);
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
    sw_status status = db_checkpoint(w->db, true, wait_ms, NULL, NULL);
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
    status = db_checkpoint(w->db, true, READERS_MS, NULL, NULL);
    if (status == SW_BUSY) {
        unsigned ended = readers_interrupt(w->rt, began);
        log_warn("writer", "the WAL is above storage.wal_limit: %u long reads were ended", ended);
        status = db_checkpoint(w->db, true, READERS_END_MS, NULL, NULL);
    }
    return status;
}

void held_text(const writer *w, char *out, size_t size)
{
    char since[25];
    int64_t stuck_ms = w->checkpointer ? w->checkpointer->stuck_ms : 0;
    sw_time_format(stuck_ms ? stuck_ms : w->held_ms, since);
    snprintf(out, size, "another program has read the database since %s", since);
}

void writer_truncate(writer *w)
{
    bool was_full = w->wal_full, was_held = w->wal_held;
    /* Nothing is refused before the log has been tried to be emptied once more. */
    if (sw_monotonic_ms() < w->truncate_after_ms && (was_full || !far_above(w))) {
        w->wal_full = far_above(w);
        return;
    }
    sw_status status = truncate_wal(w);
    w->wal_full = false;
    if (status == SW_OK) {
        w->wal_held = false;
        atomic_fetch_add_explicit(&w->metrics.truncations, 1, memory_order_relaxed);
        return;
    }
    w->wal_full = far_above(w);
    w->truncate_after_ms = sw_monotonic_ms() + (w->wal_full ? FULL_AGAIN_MS : TRUNCATE_AGAIN_MS);
    bool held = status == SW_BUSY;
    if (held && !was_held)
        w->held_ms = sw_now_ms();
    w->wal_held = held;
    if (held && was_held && w->wal_full == was_full)
        return; /* said before */
    char reader[96] = "";
    if (held)
        held_text(w, reader, sizeof reader);
    log_error("writer", "the WAL is above storage.wal_limit and cannot be emptied%s: %s",
              w->wal_full ? "; nothing is written until it can" : "", held ? reader : db_error_text(w->db));
}
