/* Shared by the parts of the writer; with writer.c and writer.h it is one thing. All of it is the writer's thread's,
 * but where a lock is named. */
#ifndef CORE_RUNTIME_WRITER_INTERNAL_H
#define CORE_RUNTIME_WRITER_INTERNAL_H

#include "core/runtime/fair.h"
#include "core/runtime/runtime_internal.h"
#include "core/runtime/thread.h"
#include "core/runtime/writer.h"

enum {
    HOUSEKEEPING_MAX = 64,
    RAISED_MAX = 64,
    BATCH_NS = 20 * 1000000, /* a batch commits after that, whatever is queued */
    URGENT_NS = 2 * 1000000, /* … and so soon after an urgent step of it */
    URGENT_IN_ROW = 8,       /* then one of the others: they go on, too */
    URGENT_RESERVE = 8,      /* a part in so many of the queue: room that only urgent steps have, beside the rest */
    COMPLAIN_NS = 1000000000,
    HELD_MS = 1000,                        /* a wall clock that was set back by no more than that is waited for */
    HOUSEKEEPING_EVERY_NS = 100 * 1000000, /* at the least, however long the queue is */
    HOUSEKEEPING_SHARE = 9,                /* of the time under load: one part in ten */
    IDLE_MS = 2,
};

/* A step of the open batch. */
typedef struct {
    sw_request *req;
    sw_status status;
    effect *effects;
} outcome;

typedef struct {
    outcome *outcomes; /* batch_max of them */
    unsigned count;
    bool open;                  /* a transaction is open */
    bool changed;               /* … and holds a step that ended well */
    bool failed;                /* … or is lost, with all its steps */
    int64_t raised[RAISED_MAX]; /* users whose credentials change with this batch: their later steps are refused */
    unsigned raised_count;
    bool faulted;     /* the storage failed in a step */
    bool full;        /* more than fit: the batch ends behind the step that did it */
    bool refused;     /* no transaction could be begun: every further step of it fails at once */
    char why[160];    /* it failed or was refused; "" */
    int64_t until_ns; /* it commits then */
} batch;

typedef struct {
    sw_host *host; /* NULL: removed */
    const sw_housekeeping *item;
    int64_t due_ms;
} housekeeping_entry;

struct writer {
    runtime *rt;
    sw_db *db;
    pthread_t thread;
    unsigned batch_max, queue_max;
    int64_t write_step_ms, wal_limit;

    /* Under `lock`. */
    pthread_mutex_t lock;
    pthread_cond_t wake, quiet; /* quiet: a housekeeping step has ended */
    job *first, **last;         /* submitted, not yet taken */
    bool sleeping, stopping;
    housekeeping_entry kept[HOUSEKEEPING_MAX];
    unsigned kept_count;
    sw_host *keeping; /* whose housekeeping step runs now */

    /* How many steps each party has here, urgent ones apart. Counted up under the lock. */
    unsigned party_max;
    _Atomic uint32_t held[2][PARTIES];
    _Atomic uint32_t urgent; /* submitted, not yet taken */

    /* The writer's own. */
    fair_queue usual, first_of_all; /* taken, not yet run */
    unsigned urgent_in_row;
    batch batch;
    unsigned next_kept;   /* round robin */
    int64_t last_now_ms;  /* of the latest step, see step_now() */
    int64_t noted_ns;     /* when the steady clock was noted; 0: not yet, nothing has been written */
    int64_t housekept_ns; /* when the latest housekeeping step ended, and how long it took */
    int64_t housekeeping_ns;
    bool idle;                 /* nobody has written for a moment */
    int64_t complained_ns;     /* when a failed batch was logged */
    int64_t truncate_after_ms; /* after a truncation that did not succeed */
    bool failing;              /* `failure` says why */
    bool reopen;               /* the connection is in doubt */
    _Atomic bool wal_held;     /* another program's read was in the way of it */
    _Atomic int64_t held_ms;   /* … since then it is known, Unix time */
    bool wal_full;             /* the WAL is far above its limit and cannot be emptied: no writes */
    sw_request task;           /* what housekeeping runs as */
    struct checkpointer *checkpointer;
    bool halted; /* its threads have ended; main thread */
    writer_metrics metrics;

    /* For those who ask how it goes, any thread. */
    _Atomic int64_t oldest_ms; /* since when the batch in hand, or its first step that waited for none of its own party,
                                  is there; 0 when there is none */
    _Atomic int64_t committed_ms; /* the latest commit of something */
    char failure[160];            /* under `lock`: why the latest batch failed or was refused; "" when it did not */
};

/* batch.c: one batch of what waits. false: nothing does. */
bool batch_run(writer *w);
void batch_reset(writer *w);
/* writer_queue.c: the next step's request, in the order of turns; NULL when there is none. Its time is charged to its
 * party. */
job *writer_next(writer *w);
void writer_charge(writer *w, const job *j, int64_t took_ns);
/* Is a step waiting that has been taken already? */
bool writer_has_taken(const writer *w);
bool writer_queues_open(writer *w); /* false: no memory */
void writer_queues_close(writer *w);

/* batch.c: nothing may be written now, whatever SQLite would say. */
bool writer_refuses(const writer *w);

/* step.c: runs a step as savepoint or as the whole transaction. *ret_effects: what it queued, on SW_OK. */
sw_status step_run(writer *w, sw_request *req, sw_step step, void *arg, bool housekeeping, effect **ret_effects);
void effects_run(effect *e);
void effects_drop(effect *e);
sw_status transaction_begin(writer *w);
sw_status transaction_commit(writer *w);
/* Undoes everything, also when SQLite has done so already. */
void transaction_abandon(writer *w);

/* checkpoint.c: its thread; NULL when that can't be started. */
struct checkpointer *checkpointer_start(writer *w);
void checkpointer_stop(struct checkpointer *c);
/* The WAL has grown. Cheap. */
void checkpointer_nudge(struct checkpointer *c, int64_t wal_bytes);
/* "another program has read the database since TIME", when it is so (`wal_held`). Any thread. */
void held_text(const writer *w, char *out, size_t size);
/* Above storage.wal_limit: stops writing until the WAL is emptied; ends reads that are in the way. On the writer. */
void writer_truncate(writer *w);

#endif
