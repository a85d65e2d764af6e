/* When the process crashes: a handler that writes one line about it and lets the crash go on as it would have.
 *
 * A plugin runs inside the server, so its fault ends everything. Nothing can be saved then, but the next start can
 * know who it was. All that the handler needs is made ready before: the open file, the names, the addresses. */
#ifndef CORE_RUNTIME_CRASH_H
#define CORE_RUNTIME_CRASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what a thread runs, of whom ---- */

typedef struct {
    const void *owner;       /* the sw_host whose code runs; CRASH_SERVER: the server's own; NULL: no thread of ours */
    const char *part;        /* "handler", "step", "start" … static */
    const char *kind, *name; /* "GET" and its path, "timer" and its name; static or the plugin's; may be NULL */
} crash_scope;

extern const char CRASH_SERVER[];

/* Read by the handler alone. In the thread's static block: reading it there allocates nothing. */
extern _Thread_local crash_scope crash_running __attribute__((tls_model("initial-exec")));

/* Around every call into a plugin, on the thread that makes it: a few stores. What was there before comes back with
 * crash_leave(), since one plugin's call may lead to another's. */
static inline crash_scope crash_enter(const void *owner, const char *part, const char *kind, const char *name)
{
    crash_scope before = crash_running;
    crash_running = (crash_scope){owner, part, kind, name};
    atomic_signal_fence(memory_order_seq_cst);
    return before;
}

static inline void crash_leave(crash_scope before)
{
    atomic_signal_fence(memory_order_seq_cst);
    crash_running = before;
}

/* ---- who is where ---- */

enum { CRASH_MODULES_MAX = 64, CRASH_RANGES_MAX = 512 };

typedef struct {
    const void *owner; /* as in crash_scope */
    char name[33], version[33], build[17];
    _Atomic bool vital; /* see crash_record.h */
} crash_module;

/* Addresses of code. */
typedef struct {
    uintptr_t from, to, base; /* base: what a tool like addr2line counts from */
    unsigned module;          /* 1 + its index; 0: no plugin's */
    char object[40];          /* "hello.so" */
} crash_range;

/* Written by the main thread; a row counts once the number says so. Rows do not change afterwards, but for a version
 * that is known only when the plugin is loaded. */
typedef struct {
    crash_module modules[CRASH_MODULES_MAX];
    crash_range ranges[CRASH_RANGES_MAX];
    _Atomic unsigned module_count, range_count;
    char server[33]; /* its version */
} crash_map;

/* ---- the handler ---- */

/* Lines go to `fd` (opened to append); both must outlive crash_disarm(). One at a time in a process. Main thread, which
 * gets its stack for handlers. false: refused by the system. */
bool crash_arm(const crash_map *map, int fd);
/* Puts back what was before. */
void crash_disarm(void);

/* A stack for handlers, for the calling thread, so that the overflow of its own can be told. NULL: it has one already
 * (of a sanitizer), or there is no memory. Give it back on the same thread. */
void *crash_stack_give(void);
void crash_stack_take(void *stack);

#endif
