/* Inside core/runtime: answers that come later, timers, and delayed tasks; all woken by one thread. */
#ifndef CORE_RUNTIME_DEFERS_H
#define CORE_RUNTIME_DEFERS_H

#include "core/runtime/runtime.h"

/* An open answer. Its handle is the index and the generation of the slot, so that an old handle names nothing. */
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
static const uint32_t DEFER_NOWHERE = UINT32_MAX; /* not in the heap */

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

/* After the handler that called sw_defer() returned SW_OK: the request waits, or goes on if it was completed by now. */
void defer_park(sw_request *req);
/* The request ends in another way: its handle names nothing from now on. */
void defer_forget(sw_request *req);
uint32_t defers_open(struct defers *d);
/* defers_stop() in two parts, for runtime_stop(): handlers may still ask between them, and get SW_BUSY. */
void defers_halt(struct defers *d);
void defers_free(struct defers *d);

/* Under the lock. */
void defer_release(struct defers *d, defer_slot *slot);
void defer_heap_add(struct defers *d, uint32_t index);
void defer_heap_remove(struct defers *d, uint32_t index);
int64_t defer_heap_due(const struct defers *d); /* INT64_MAX: none */

/* timers.c, under the lock: when the next one is due (INT64_MAX: none); starts those that are due. */
int64_t timers_next(const struct defers *d);
void timers_run(struct defers *d, int64_t now_ms);
/* delays.c, under the lock: the same for delayed tasks; those of `host` (NULL: all) are dropped. */
int64_t delays_next(const struct defers *d);
void delays_run(struct defers *d, int64_t now_ms);
void delays_forget(struct defers *d, const sw_host *host);

#endif
