/* The running server: loops, lanes, writer, and the modules that are loaded. One per process (tests make their own). */
#ifndef CORE_RUNTIME_RUNTIME_H
#define CORE_RUNTIME_RUNTIME_H

#include "core/base/crypto.h"
#include "core/config/config.h"
#include "core/runtime/principal.h"
#include "core/runtime/request.h"
#include <stdatomic.h>

typedef struct writer writer;

typedef enum { MODULE_LOADED = 1, MODULE_ENABLED, MODULE_DRAINING, MODULE_DISABLED, MODULE_QUARANTINED } module_state;

/* One loaded plugin; the core itself is module 0 ("core"). Opaque to plugins as sw_host. */
struct sw_host {
    runtime *rt;
    const char *name;
    const sw_plugin *plugin; /* the plugin's own descriptor, or a copy zero-filled to our size */
    void *state;
    _Atomic int status;            /* module_state */
    char error[512];               /* why it is quarantined */
    _Atomic uint32_t slow_running; /* of the slow lane */
    _Atomic uint32_t slow_queued;
    _Atomic uint32_t in_flight;          /* requests of this module, from the first handler to finish() */
    _Atomic uint64_t calls, nanoseconds; /* callback time */
    _Atomic uint64_t interrupted;        /* steps and handlers cut off by limits.write_step, limits.read_step */
    void *handle;                        /* dlopen's */
};

enum { RUNTIME_MODULES_MAX = 64, RUNTIME_READERS_MAX = 512 };

/* The read connections of all lanes (runtime/pool.c). Valid on zeroed memory. */
typedef struct {
    pthread_mutex_t lock;
    sw_db *all[RUNTIME_READERS_MAX];
    unsigned count;
} reader_list;

struct runtime {
    _Atomic(config *) config; /* a reload puts a new one here; the old ones live on */
    keyring keys;
    store *store;
    loop *loops;
    unsigned loop_count;
    struct lanes *lanes;
    writer *writer;
    principals *principals;
    struct quotas *quotas; /* NULL: nobody has any */
    struct hub *hub;       /* core/ws's */
    struct defers *defers;
    struct storage_watch *watch; /* NULL in tests without one */
    struct outbound *outbound;   /* core/outbound's; NULL while it does not run */
    struct streams *streams;     /* core/http's: replies in pieces */
    sw_host *modules[RUNTIME_MODULES_MAX];
    unsigned module_count;
    const char *data_dir;
    const char *version;
    int listen_fd; /* above 0: http listens on it instead of a port, and closes it */
    int bound_fd;  /* above 0: the port is taken, see http_bind(); closed by server_close() unless http_open() has it */
    _Atomic bool draining, ready;
    _Atomic bool disk_low;     /* less is free than storage.min_free */
    bool safe_mode;            /* `serve --safe-mode`: only what people need to sign in */
    int64_t started_ms;        /* monotonic */
    struct registry *registry; /* core/plugin's */
    struct admin *admin;       /* core/admin's */
    /* Set by core/plugin: publishing from a step. */
    sw_status (*publish)(sw_tx *tx, const char *event, const void *data, size_t len);
    /* Set by core/ws: closing sockets after a commit. On the writer; must not block. */
    void (*close_user)(runtime *rt, int64_t user_id, int code, const char *reason);
    void (*close_all)(runtime *rt, int code, const char *reason);
    reader_list readers;             /* every read connection of a lane, so that a checkpoint can end long reads */
    size_t reply_limit;              /* bytes of one reply; 0: 32 MiB */
    _Atomic int64_t steady_ahead_ms; /* of sw_steady_ms() */
};

/* ---- all of it (runtime/lanes.c) ---- */
/* Nothing is queued, running, deferred or being written. Tasks of timers count while they run. */
bool runtime_idle(runtime *rt);
/* Ends the threads of defers, lanes and writer (those that are set) in the one order that is safe, after waiting up to
 * `timeout_ms` for them to become idle. The loops still run, and get "busy" from them. Main thread. */
void runtime_stop(runtime *rt, int64_t timeout_ms);
/* Frees what runtime_stop() ended; after loops_stop(), before db_close() of the writer's connection and store_close().
 */
void runtime_free(runtime *rt);

/* ---- the clock that is never set back (runtime/steady.c) ---- */
/* Goes on from what the store says. Before other threads run. */
void steady_resume(runtime *rt, sw_db *db);
/* Has the store say where it is: in an open transaction, on the writer. */
void steady_note(runtime *rt, sw_db *db);

/* ---- lanes (runtime/lanes.c) ---- */
/* Beside the lanes that plugins name: the workers of what is SW_WORK_URGENT. */
enum { LANE_URGENT = 64 };
/* Any thread. false: the lane is full or ends, the party's share of it is used up, or the plugin's of the slow lane.
 */
bool lane_submit(runtime *rt, sw_lane lane, job *j);
/* As lane_submit(), for a request: sets the handler and the job. What is urgent goes to the urgent workers. */
bool request_submit(runtime *rt, sw_request *req, sw_lane lane, sw_handler handler);
struct lanes *lanes_start(runtime *rt, unsigned workers, unsigned hash, unsigned slow, unsigned queue_max);
void lanes_stop(struct lanes *l); /* runs what is queued, then joins; see runtime_stop() */
sw_db *worker_db(worker *w);      /* NULL on hash and slow lanes without one; slow has one */

typedef struct {
    uint32_t queued, running, threads, limit;
} lane_metrics;
lane_metrics lanes_read_metrics(struct lanes *l, sw_lane lane);

/* ---- answers that come later, timers and delayed tasks (runtime/defers.c): one thread of their own ---- */
/* Answers that are open now. */
uint32_t defers_open(struct defers *d);
/* Takes an answer that is waited for out of its place: the caller ends the request, and sw_complete() finds nothing.
 * false: nobody waits for it, or it is just being made. Any thread. */
bool defer_take(runtime *rt, uint64_t handle);
/* Ends the answers that requests of that module wait for with SW_BUSY. Any thread. */
void defers_refuse(runtime *rt, const sw_host *host);
struct defers *defers_start(runtime *rt);
void defers_stop(struct defers *d); /* timers end; open defers finish with SW_BUSY */
/* Tasks of sw_task_after() wait for delays_begin() however long that takes: for tests of plugins. Before any is there.
 */
void delays_hold(runtime *rt);
/* Begins all that wait now; how many. What finds its lane full waits on. Any thread. */
unsigned delays_begin(runtime *rt);
/* Runs a plugin's timer on the worker lane every every_ms, never twice at once. `timer` must outlive it. */
bool timer_add(runtime *rt, sw_host *host, const sw_timer *timer);
/* No further run of that module's timers begins; its delayed tasks are dropped. */
void timers_remove(runtime *rt, sw_host *host);

/* ---- loops (runtime/loop.c) ---- */
bool loops_open(runtime *rt, unsigned count); /* bases and mailboxes, no threads yet */
bool loops_start(runtime *rt);
void loops_stop(runtime *rt); /* breaks and joins */
void loops_close(runtime *rt);

/* What is refused while disk_low is told so. */
#define DISK_LOW_TEXT "the disk is nearly full: less is free than storage.min_free, and log lines are refused"

/* ---- memory (runtime/allocator.c) ---- */
/* With jemalloc, free memory goes back to the system within seconds, also in a process that then does nothing (jemalloc
 * has a thread for it). Call it before other threads start. false: the process has another allocator, which keeps it.
 */
bool allocator_give_back(void);

#endif
