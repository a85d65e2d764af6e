/* The writer: one thread, the one write connection, batches of steps. See <steward/tx.h>. */
#ifndef CORE_RUNTIME_WRITER_H
#define CORE_RUNTIME_WRITER_H

#include "core/runtime/request.h"

/* Something a step queued: run() after the commit, drop() after a rollback; each exactly one of the two, in the order
 * queued. On the writer; must not block. Lives in the step's arena or is owned by `arg`. */
typedef struct effect {
    struct effect *next;
    void (*run)(void *arg);
    void (*drop)(void *arg); /* may be NULL */
    void *arg;
} effect;

struct sw_tx {
    sw_db *db;
    sw_request *req; /* never NULL inside: housekeeping uses a task; sw_tx_request() hides it */
    sw_host *host;   /* whose code runs now (changes while in_tx subscribers run) */
    arena *arena;    /* the request's */
    effect *first, **last;
    int64_t now_ms;
    bool housekeeping;
    bool out_of_memory; /* an effect could not be queued: the step fails */
    sw_status failed;   /* of an in_tx subscriber: the step fails so, whatever it returns */
    struct writer *writer;
};

typedef struct writer writer;

/* false: no memory; the step then fails by itself, so the answer may be ignored. `drop` is not called. */
bool tx_effect(sw_tx *tx, void (*run)(void *arg), void (*drop)(void *arg), void *arg);

/* Any thread; never waits. false: the queue or its party's share of it is full, or the writer stops. A request's
 * `generation` is checked again before its step runs (SW_UNAUTHENTICATED). A request with step NULL passes through in
 * order and finishes with the batch. */
bool writer_submit(writer *w, sw_request *req);
/* Has that party had three quarters of what it may have waiting, or have all? Then what can wait should. Any thread. */
bool writer_crowded(const writer *w, uint16_t party, bool urgent);

typedef struct {
    _Atomic uint64_t batches, steps, failed_batches, interrupted, housekeeping;
    _Atomic uint64_t checkpoints, truncations; /* PASSIVE ones, and forced ones above storage.wal_limit */
    _Atomic uint64_t size_buckets[12];         /* batches by steps: up to 1, 2, 4 … 1024, more */
    _Atomic uint64_t time_buckets[12]; /* batches by time from begin to commit: up to 0.25, 0.5, 1 … 256 ms, more */
    _Atomic uint64_t microseconds;     /* of all batches */
    _Atomic uint32_t queued;
} writer_metrics;

/* Whether the writer writes, for /api/health. */
typedef struct {
    bool failing; /* the latest batch failed or was refused; until one is committed */
    char why[160];
    bool held; /* the WAL is above its limit, and another program's read keeps it from being emptied */
    char held_why[96];
    int64_t oldest_ms; /* how long the oldest write has waited; 0 when none does */
} writer_state;

/* Any thread. */
void writer_read_state(writer *w, writer_state *ret);
/* When the latest batch that wrote something was committed, monotonic; 0 for never. Any thread. */
int64_t writer_committed_ms(const writer *w);

/* Work between batches. `h` must outlive it. Any thread. false: there are too many. */
bool writer_add_housekeeping(writer *w, sw_host *host, const sw_housekeeping *h);
/* Ends that of a module; waits for a step of it that runs now (not from the writer). */
void writer_remove_housekeeping(writer *w, sw_host *host);

/* `db` stays the caller's, who calls db_close() after writer_stop(). NULL: no memory, or no thread. */
writer *writer_start(runtime *rt, sw_db *db);
/* Runs what is queued, then ends the thread. */
void writer_stop(writer *w);
const writer_metrics *writer_read_metrics(const writer *w);

#endif
