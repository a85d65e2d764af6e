/* Tasks that run one after the other, in the order they were pushed: each begins on the worker lane when the one
 * before it has finished, its write step included. Bounded; what does not fit is dropped, with a counted log line. */
#ifndef CORE_RUNTIME_SERIAL_H
#define CORE_RUNTIME_SERIAL_H

#include "core/runtime/runtime.h"

typedef struct serial serial;

/* `name` is for the log, and must outlive the queue. NULL: no memory. */
serial *serial_new(runtime *rt, const char *name, unsigned max);
/* Any thread; never waits. Owns `req`, a task of task_new(); one that is dropped is freed. */
void serial_push(serial *s, sw_request *req);
/* How many wait now. */
unsigned serial_length(serial *s);
/* Tries again when the lane was full: call it about every second. Any thread. */
void serial_tick(serial *s);
/* No further request begins; what waits is dropped. Any thread. */
void serial_stop(serial *s);
/* After the lanes and the writer have stopped. NULL is fine. */
void serial_free(serial *s);

#endif
