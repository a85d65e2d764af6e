/* Delayed tasks, in no order: they are few, and the clock looks at all of them when one is due. Under `defers.lock`. */
#ifndef CORE_RUNTIME_DELAYS_H
#define CORE_RUNTIME_DELAYS_H

#include "core/runtime/runtime.h"

enum { DELAYS_MAX = 1000 };

/* One of sw_task_after(). */
typedef struct {
    sw_request *req; /* not counted as its module's work before it begins */
    sw_lane lane;
    int64_t due_ms;
} delayed_task;

typedef struct {
    delayed_task tasks[DELAYS_MAX];
    unsigned count;
    bool held; /* none is ever due */
} delays;

/* false: there are too many. The task is then still the caller's. */
bool delays_add(delays *d, sw_request *task, sw_lane lane, int64_t delay_ms);
/* When the next one is due (monotonic); INT64_MAX when there is none. */
int64_t delays_next(const delays *d);
/* Begins those that are due. What finds its lane full or its module disabled waits on. */
void delays_run(delays *d, int64_t now_ms);
/* Begins all; how many. */
unsigned delays_begin_all(delays *d);
/* Drops those of a module; with NULL those of all modules. */
void delays_forget(delays *d, const sw_host *host);

#endif
