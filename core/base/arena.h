/* Memory that lives as long as one piece of work: allocated piecemeal, freed at once.
 * One thread at a time. Poisoned behind its use under ASan. */
#ifndef CORE_BASE_ARENA_H
#define CORE_BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct arena_block arena_block;
typedef struct arena_deferred arena_deferred;
typedef struct {
    arena_block *blocks;      /* newest first, owned */
    char *at, *end;           /* free part of the newest */
    size_t total, limit;      /* bytes taken from the system, and their bound */
    arena_deferred *deferred; /* newest first, in the arena's own memory */
    bool lacking;             /* the system had no memory when something was asked for: what rests on it is void */
} arena;

/* A limit of 0 means none. Zeroed memory is an arena without a limit, too. */
void arena_init(arena *a, size_t limit);
/* Zeroed, and aligned for anything. NULL when that would be over the limit, or there is no memory. */
void *arena_alloc(arena *a, size_t size);
char *arena_strndup(arena *a, const char *text, size_t len);
char *arena_vprintf(arena *a, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
char *arena_printf(arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Calls fn(arg) when the arena ends, newest first. false when there is no memory: then fn is never called. */
int arena_defer(arena *a, void (*fn)(void *arg), void *arg);
/* Runs what was deferred and frees everything; the arena is empty, its limit stays. */
void arena_done(arena *a);

#endif
