/* The piece of work behind <steward/request.h>: what HTTP exchanges, WebSocket events and tasks begin with. */
#ifndef CORE_RUNTIME_REQUEST_H
#define CORE_RUNTIME_REQUEST_H

#include "core/base/arena.h"
#include "core/base/json.h"
#include "core/db/db.h"
#include "core/runtime/mailbox.h"
#include <steward/plugin.h>

typedef struct runtime runtime;
typedef struct worker worker;

/* The unit of a lane's queue. */
typedef struct job {
    struct job *next;
    uint16_t party;                        /* whose it is, for a fair queue (fair.h) */
    bool urgent;                           /* at the writer: goes first */
    void (*run)(struct job *j, worker *w); /* on a lane's thread; owns the job */
} job;

typedef enum { REQUEST_HTTP = 1, REQUEST_FRAME, REQUEST_TASK } request_kind;

typedef enum { NEXT_DONE = 0, NEXT_MOVE, NEXT_WRITE, NEXT_DEFER } request_next;

/* A response header of the reply, in the arena. */
typedef struct reply_header {
    struct reply_header *next;
    const char *name, *value;
} reply_header;

typedef struct {
    sw_status status;
    const char *code, *text, *detail; /* arena or literals */
    int retry_after;
} failure;

/* First member of exchange (core/http) and ws_event (core/ws). One thread at a time: loop → worker → writer →
 * loop. */
struct sw_request {
    job job;   /* while queued on a lane or at the writer */
    mail mail; /* while on its way to a loop              */
    request_kind kind;
    arena arena;
    sw_host *host; /* the plugin whose handler runs           */
    sw_principal who;
    uint32_t generation;      /* of the principal, see principal.h       */
    const char *address, *id; /* "" when none; arena or owner            */
    /* For a crash report: "GET" and the path of the route, "timer" and its name. Static, or of a plugin's table; NULL
     * when there is nothing to say. */
    const char *work_kind, *work_name;
    int64_t tag;
    sw_db *db; /* lent by the thread that runs it now     */

    sw_handler handler; /* what runs next                          */
    request_next next;
    sw_lane lane;
    sw_step step;
    void *arg;
    struct effect
        *effects; /* of a request that passes the writer without a step: run in its turn, whatever the batch comes to */
    void *kept;   /* sw_request_keep() */
    const void *data; /* an event's data, for `after` subscribers */

    failure failure;
    failure sticky;           /* the first parameter error; status 0 when there is none */
    int http_status;          /* 0 until there is a reply */
    sw_json reply;            /* body; reply.out is taken by http */
    const char *content_type; /* NULL for application/json */
    reply_header *headers;
    int64_t ack_id, ack_at; /* sw_tx_ack */
    bool acked;
    uint64_t defer_handle;
    void *completed; /* sw_complete_with() */
    int64_t started_ns;
    int64_t handed_ms; /* when the writer was given it, of a coarse monotonic clock; 0: behind others of its party */
    loop *home;        /* sw_move(SW_LANE_LOOP) goes there; NULL for loop 0 */
    bool counted;      /* in host->in_flight */
    bool urgent;       /* SW_WORK_URGENT: the worker lane is the urgent one for it, and its step goes first */

    /* The outcome, on whichever thread it became known (worker or writer, after the commit): SW_OK with a reply, or a
     * failure (req->failure is filled). Owns the request from then on. Must not block. */
    void (*finish)(sw_request *req, sw_status status);
    /* NULL, or told that the answer comes later (sw_defer): on the thread that has it, which is about to give it up. */
    void (*waiting)(sw_request *req);
    void *owner; /* of finish */
};

/* ---- its turn, on the thread that has it ---- */

/* request_call(), then request_proceed(). */
void request_run(sw_request *req, sw_db *db);
/* Runs req->handler with `db` (may be NULL). Returns its status; on SW_OK req->next says what it asked for. The request
 * still belongs to the caller. */
sw_status request_call(sw_request *req, sw_db *db);
/* What a handler or step came to. When there was no memory for something that it asked for, that is SW_NO_MEMORY: its
 * answer, and a refusal as well, may rest on what it did not get. */
sw_status request_sound(const sw_request *req, sw_status status);
/* Acts on what a call returned: finishes the request, or hands it to a lane, to the writer, or to those that wait for a
 * deferred answer. Another thread may have the request before this returns. */
void request_proceed(sw_request *req, sw_status status);
/* Ends a request with its outcome: fills the failure, drops the reply of a failed one, calls finish. Any thread. */
void request_finish(sw_request *req, sw_status status);
/* May it be answered with what it holds? SW_NO_MEMORY when the reply has failed, SW_INTERNAL when it is an HTTP request
 * without a reply. */
sw_status request_check_reply(sw_request *req);
size_t request_reply_limit(const sw_request *req);
/* Frees arena and reply of a request, not the struct. */
void request_done(sw_request *req);

/* ---- whose work it is ---- */

/* Counts it as work of its module, once; request_finish() ends that. */
void request_count(sw_request *req);
/* It is another module's work from here on. On the thread that runs it. */
void request_hand_over(sw_request *req, sw_host *host);
/* Adds a call into the module, and its time since `began_ns`. */
void host_count_call(sw_host *host, int64_t began_ns);

/* ---- failures ---- */

/* What a status is to a client of HTTP. */
int failure_http_status(sw_status status);
const char *failure_code(sw_status status);
/* Fills req->failure by the status where the handler gave nothing. */
void request_fill_failure(sw_request *req, sw_status status);

/* ---- tasks ---- */

/* A request that no client has made, with an arena of its own; it is freed after it has run. NULL when there is no
 * memory. */
sw_request *task_new(runtime *rt, sw_host *host, sw_handler handler, int64_t tag);
/* For a task that has never run and never will. */
void task_free(sw_request *task);

#endif
