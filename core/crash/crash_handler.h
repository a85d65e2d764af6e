/* When the process crashes: a handler that writes one line about it, and then lets the crash go on as it would have
 * without the handler.
 *
 * A plugin runs inside the server, so its fault ends everything. Nothing can be saved then, but the next start can
 * know who it was. All that the handler needs is made ready before: the open file, the names, the addresses. */
#ifndef CORE_CRASH_CRASH_HANDLER_H
#define CORE_CRASH_CRASH_HANDLER_H

#include "core/crash/crash_scope.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- whose code lies where ---- */

enum { CRASH_MODULES_MAX = 64, CRASH_RANGES_MAX = 512 };

typedef struct {
    const void *owner; /* as in crash_scope */
    char name[33], version[33], build[17];
    _Atomic bool vital; /* see crash_record.h */
} crash_module;

/* Addresses of code. */
typedef struct {
    uintptr_t from, to, base; /* base: what addr2line counts from */
    unsigned module;          /* 1 + its index; 0: no plugin's */
    char object[40];          /* "hello.so" */
} crash_range;

/* Written by the main thread. A row counts once the count includes it, and does not change afterwards, but for a
 * version that is known only when the plugin is loaded. */
typedef struct {
    crash_module modules[CRASH_MODULES_MAX];
    crash_range ranges[CRASH_RANGES_MAX];
    _Atomic unsigned module_count, range_count;
    char server[33]; /* its version */
} crash_map;

/* ---- the handler ---- */

/* Lines go to `fd`, which must be open to append; it and the map must outlive crash_disarm(). A process has one handler
 * at a time. Main thread, which is given its stack for handlers here. false: the system refuses. */
bool crash_arm(const crash_map *map, int fd);
/* Puts back the handlers that were there before. */
void crash_disarm(void);

/* Gives the calling thread a second stack for handlers, so that an overflow of its own stack can be reported. NULL: the
 * thread has one already (from a sanitizer), or there is no memory. Take it back on the same thread. */
void *crash_stack_give(void);
void crash_stack_take(void *stack);

#endif
