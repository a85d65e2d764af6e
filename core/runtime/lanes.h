/* Inside core/runtime: the pools of threads behind the lanes. */
#ifndef CORE_RUNTIME_LANES_H
#define CORE_RUNTIME_LANES_H

#include "core/runtime/runtime.h"

typedef struct pool pool;

struct worker {
    pool *pool;
    sw_db *db; /* its own read connection, NULL on the hash lane */
    pthread_t thread;
    bool started;
    unsigned index;
};

/* One lane. `waking`: a thread was signalled and has not looked yet, so nobody else needs a signal (chain wake: a
 * woken thread passes the signal on while work remains). */
struct pool {
    runtime *rt;
    const char *name;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    job *first, **last;
    unsigned queued, queue_max, idle, running;
    bool waking, stopping;
    bool low_priority; /* SCHED_IDLE */
    unsigned share;    /* threads, and half of queue_max, that one module may use; 0: no such rule */
    worker *workers;
    unsigned count;
};

struct lanes {
    pool worker, hash, slow;
    int64_t read_step_ms;
};

/* limits.read_step from now, for db_lend(); 0: none. */
int64_t lanes_read_deadline(runtime *rt);

/* pool.c */
bool pool_open(pool *p, runtime *rt, const char *name, unsigned threads, unsigned queue_max, bool with_db);
bool pool_start(pool *p);
bool pool_submit(pool *p, job *j);
/* Runs what is queued, then joins; submitting is refused from then on. Both are valid on zeroed memory, and twice. */
void pool_halt(pool *p);
void pool_done(pool *p);

/* lanes_stop() in two parts, for runtime_stop(): the writer may still submit between them. */
void lanes_halt(struct lanes *l);
void lanes_free(struct lanes *l);

/* The module a queued job works for; NULL: not a request. */
sw_host *job_host(const job *j);

#endif
