/* What the parts of core/runtime offer one another and nobody else. The writer's own parts: writer_internal.h. */
#ifndef CORE_RUNTIME_RUNTIME_INTERNAL_H
#define CORE_RUNTIME_RUNTIME_INTERNAL_H

#include "core/runtime/runtime.h"

/* ---- the memory of libevent (event_memory.c) ---- */

/* Before anything else of libevent is called; again is no harm. */
void event_memory_begin(void);

/* ---- answers that come later (defers.c) ---- */

/* After the handler that called sw_defer() returned SW_OK: the request waits, or goes on if it was completed by now. */
void defer_park(sw_request *req);
/* The request ends in another way: its handle names nothing from now on. */
void defer_forget(sw_request *req);

/* ---- lanes (lanes.c) and their read connections (pool.c) ---- */

/* The module that a queued job works for; NULL when the job is not a request. */
sw_host *job_host(const job *j);
/* limits.read_step from now, for db_lend(); 0 when there is no such limit. */
int64_t lanes_read_deadline(runtime *rt);
/* How many reads, of all lanes, have been running since `before_ms` (monotonic) or longer. Any thread; short lock. */
unsigned readers_since(runtime *rt, int64_t before_ms);
/* Ends those, and returns how many. */
unsigned readers_interrupt(runtime *rt, int64_t before_ms);

/* ---- the end, for runtime_stop() and runtime_free(): each *_stop() in two parts. Between them the part still answers,
 * and refuses ---- */

void defers_halt(struct defers *d);
void defers_free(struct defers *d);
void writer_halt(writer *w);
void writer_free(writer *w);

#endif
