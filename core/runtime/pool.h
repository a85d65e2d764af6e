/* A pool: threads with one bounded queue of jobs, whose parties take turns (fair.h). Each lane is one (lanes.c). */
#ifndef CORE_RUNTIME_POOL_H
#define CORE_RUNTIME_POOL_H

#include "core/runtime/fair.h"
#include "core/runtime/runtime.h"

typedef struct pool pool;

struct worker {
    pool *pool;
    sw_db *db; /* its own read connection, NULL on the hash lane */
    pthread_t thread;
    bool started;
    unsigned index;
};

/* `waking`: a thread was signalled and has not looked yet, so nobody else needs a signal (chain wake: a woken thread
 * passes the signal on while work remains). */
struct pool {
    runtime *rt;
    const char *name;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    fair_queue queue;
    unsigned queue_max, idle, running;
    bool waking, stopping;
    bool low_priority; /* SCHED_IDLE */
    unsigned share;    /* threads, and half of queue_max, that one module may use; 0 when there is no such rule */
    worker *workers;
    unsigned count;
};

/* Makes the queue and, with `with_db`, a read connection for each thread. No threads yet. One party holds at most
 * `percent` of the threads and of the queue. false: no memory. */
bool pool_open(pool *p, runtime *rt, const char *name, unsigned threads, unsigned queue_max, unsigned percent,
               bool with_db);
bool pool_start(pool *p);
/* Any thread. false: the queue is full, the pool stops, or the party's or the module's share of the queue is used up.
 */
bool pool_submit(pool *p, job *j);
/* Runs what is queued, then joins; submitting is refused from then on. Both are valid on zeroed memory, and twice. */
void pool_halt(pool *p);
void pool_done(pool *p);

#endif
