/* The writer: one thread, the one write connection, batches of steps. See <steward/tx.h>. */
#ifndef CORE_RUNTIME_WRITER_H
#define CORE_RUNTIME_WRITER_H

#include "core/runtime/request.h"

/* Something a step queued: run() after the commit, drop() after a rollback; each exactly one of the two, in the order
 * queued. On the writer; must not block. Lives in the step's arena or is owned by `arg`. */
typedef struct effect {
    struct effect *next;
    void (*run)(void *arg);
    void (*drop)(void *arg);   /* may be NULL */
    void *arg;
} effect;

struct sw_tx {
    sw_db *db;
    sw_request *req;       /* never NULL inside: housekeeping uses a task; sw_tx_request() hides it */
    sw_host *host;         /* whose code runs now (changes while in_tx subscribers run) */
    arena *arena;          /* the request's */
    effect *first, **last;
    int64_t now_ms;
    bool housekeeping;
};

typedef struct writer writer;

/* false: no memory. */
bool tx_effect(sw_tx *tx, void (*run)(void *arg), void (*drop)(void *arg), void *arg);

/* Any thread; never waits. false: the queue is full or the writer stops. A request's `generation` is checked again before its
 * step runs (SW_UNAUTHENTICATED). A request with step NULL passes through in order and finishes with the batch. */
bool writer_submit(writer *w, sw_request *req);

typedef struct {
    _Atomic uint64_t batches, steps, failed_batches, interrupted, housekeeping;
    _Atomic uint32_t queued;
} writer_stats;

writer *writer_start(runtime *rt, sw_db *db);
/* Runs what is queued, then ends the thread. */
void writer_stop(writer *w);
const writer_stats *writer_numbers(const writer *w);

#endif
