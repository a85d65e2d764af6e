/* Which plugin a thread works for right now, so that a crash can be told as that plugin's.
 *
 * Every call into a plugin is marked on the thread that makes it. The handler (crash_handler.c) reads the mark. */
#ifndef CORE_CRASH_CRASH_SCOPE_H
#define CORE_CRASH_CRASH_SCOPE_H

#include <stdatomic.h>

typedef struct {
    const void *owner;       /* the sw_host whose code runs; CRASH_SERVER: the server's own; NULL: not our thread */
    const char *part;        /* "handler", "step", "start" … static */
    const char *kind, *name; /* "GET" and its path, "timer" and its name; static or the plugin's; may be NULL */
} crash_scope;

extern const char CRASH_SERVER[];

/* It lies in the thread's static block: reading it in the handler allocates nothing. */
extern _Thread_local crash_scope crash_running __attribute__((tls_model("initial-exec")));

/* Around every call into a plugin: a few stores. crash_leave() brings back what was there before, since one plugin's
 * call may lead to another's. */
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

#endif
