/* Shared by defers.c and timers.c: what the clock's thread looks at. */
#ifndef CORE_RUNTIME_DEFERS_H
#define CORE_RUNTIME_DEFERS_H

#include "core/runtime/runtime_internal.h"

/* An open answer. */
typedef struct {
    sw_request *req; /* NULL: free */
    uint32_t generation;
    uint32_t place; /* in the heap */
    uint32_t next_free;
    sw_lane lane;
    sw_handler next;
    int64_t due_ms;
    enum { DEFER_ARMED = 1, DEFER_PARKED } state; /* armed: the handler has not returned yet */
    bool completed, timed_out;                    /* while armed */
} defer_slot;

/* A timer of a plugin. */
typedef struct {
    sw_host *host; /* NULL: removed */
    const sw_timer *timer;
    int64_t due_ms;
    bool running; /* its task has not finished */
} timer_entry;

/* One of sw_task_after(). */
typedef struct {
    sw_request *req; /* not counted as its module's work before it begins */
    sw_lane lane;
    int64_t due_ms;
} delayed_task;

enum { TIMERS_MAX = 128, DEFERS_MAX = 65536, DELAYS_MAX = 1000 };

struct defers {
    runtime *rt;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool stopping;
    defer_slot *slots;
    uint32_t slot_count, first_free; /* first_free: index + 1, 0: none */
    uint32_t *heap;                  /* slots by due_ms, earliest first */
    uint32_t heap_count, open;
    timer_entry timers[TIMERS_MAX];
    unsigned timer_count;
    delayed_task delays[DELAYS_MAX];
    unsigned delay_count;
    bool delays_held; /* none is ever due */
};

/* timers.c, for the clock. All under the lock. */

/* When the next timer is due; INT64_MAX when there is none. */
int64_t timers_next(const struct defers *d);
/* Starts the timers that are due. */
void timers_run(struct defers *d, int64_t now_ms);
/* The same for delayed tasks. */
int64_t delays_next(const struct defers *d);
void delays_run(struct defers *d, int64_t now_ms);
/* Drops the delayed tasks of a module; with NULL those of all modules. */
void delays_forget(struct defers *d, const sw_host *host);

#endif
