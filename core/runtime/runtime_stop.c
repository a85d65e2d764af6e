/* The runtime as a whole: whether it is idle, and how its threads end. Main thread. */
#include "core/runtime/runtime_internal.h"
#include "core/runtime/writer.h"

#include <steward/host.h>
#include <time.h>

enum { LOOK_MS = 5 };

static bool lane_idle(struct lanes *l, sw_lane lane)
{
    lane_metrics n = lanes_read_metrics(l, lane);
    return n.queued == 0 && n.running == 0;
}

bool runtime_idle(runtime *rt)
{
    for (unsigned i = 0; i < rt->module_count; i++)
        if (rt->modules[i] && atomic_load_explicit(&rt->modules[i]->in_flight, memory_order_acquire) != 0)
            return false; /* also what is deferred, or in a batch */
    if (rt->lanes && !(lane_idle(rt->lanes, SW_LANE_WORKER) && lane_idle(rt->lanes, SW_LANE_HASH) &&
                       lane_idle(rt->lanes, SW_LANE_SLOW)))
        return false;
    return !rt->writer || atomic_load(&writer_read_metrics(rt->writer)->queued) == 0;
}

void runtime_stop(runtime *rt, int64_t timeout_ms)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};
    int64_t until = sw_monotonic_ms() + timeout_ms;
    while (!runtime_idle(rt) && sw_monotonic_ms() < until)
        nanosleep(&look, NULL);

    /* No new work by itself, then none from handlers, then none from steps; each may still ask the one that ended
     * before, which refuses. So may the loops, until runtime_free(). */
    defers_halt(rt->defers);
    lanes_halt(rt->lanes);
    writer_halt(rt->writer);
}

void runtime_free(runtime *rt)
{
    writer_free(rt->writer);
    lanes_free(rt->lanes);
    defers_free(rt->defers);
    rt->writer = NULL;
    rt->lanes = NULL;
    rt->defers = NULL;
}
