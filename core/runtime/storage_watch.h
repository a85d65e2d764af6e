/* Whether the storage works, and why not: files that are gone, writes that fail or wait, reads that fail. What
 * /api/health, /metrics and the writer's refusals say of it comes from here. */
#ifndef CORE_RUNTIME_STORAGE_WATCH_H
#define CORE_RUNTIME_STORAGE_WATCH_H

#include "core/runtime/runtime.h"

typedef struct storage_watch storage_watch;

typedef enum {
    STORAGE_FINE = 0,
    STORAGE_TROUBLED, /* what is asked for works, but `why` */
    STORAGE_DOWN      /* nothing can be written, or nothing can be read */
} storage_level;

typedef struct {
    storage_level level;
    char why[256];           /* one line for a person, without paths; "" when all is fine */
    int64_t oldest_write_ms; /* how long the oldest write has waited for its commit; 0 when none waits */
} storage_verdict;

/* -1 where it is not known. */
typedef struct {
    int64_t store_bytes, wal_bytes, free_bytes;
} storage_sizes;

/* Notes which files the store consists of now, and looks once a second whether they are still there. After the writer's
 * connection was opened. NULL: no memory, or no thread. Main thread. */
storage_watch *storage_watch_start(runtime *rt);
void storage_watch_stop(runtime *rt);

/* The files are no longer those that were opened: nothing may be written. Any thread; cheap. */
bool storage_lost(const runtime *rt);
/* Why, for a person: as of storage_lost(). */
void storage_lost_text(const runtime *rt, char *out, size_t size);

/* What is known by now; touches no file. Any thread. */
void storage_judge(const runtime *rt, storage_verdict *ret);
storage_sizes storage_measure(const runtime *rt);

/* Opens the file anew and reads from its beginning. May block as long as the disk does: on a worker. */
void storage_try_read(const runtime *rt);
/* Writes a row of the core's own by way of the writer's queue, unless somebody's write has been committed within the
 * last second or an earlier try is still under way. `host`: the core's; `answer`: a deferred one, which is completed
 * when the outcome is known. false: nothing was begun. Any thread. */
bool storage_try_write(runtime *rt, sw_host *host, uint64_t answer);

#endif
