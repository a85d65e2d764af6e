/* A unit of work: an HTTP request, a WebSocket frame, or a task of the host (timer, event, replay).
 *
 * Threads:   a handler runs on one thread at a time, on the lane that its table row names. Several requests of a
 *            plugin run at the same time: write the state of the plugin only in start(), or guard it.
 * Steps:     there are at most two. The *check* runs on a worker with a read connection. It answers, moves to another
 *            lane (sw_move), hands over to the writer (sw_write) or defers its answer (sw_defer). The *write* step
 *            runs on the writer, see tx.h.
 * Ownership: what a function returns from a request lives until the request ends. Never free it. */
#ifndef STEWARD_REQUEST_H
#define STEWARD_REQUEST_H

#include <steward/base.h>

SW_BEGIN_DECLS

/* Where a handler runs. */
typedef enum {
    SW_LANE_WORKER = 1, /* the usual one: may read the database, must not wait for another machine */
    SW_LANE_LOOP,       /* the event loop, for answers from memory: must never block, has no database */
    SW_LANE_HASH,       /* for password hashing, at low priority; has no database */
    SW_LANE_SLOW        /* may wait for another machine; a plugin gets at most half of its threads */
} sw_lane;

/* Since 1.2. Flags of a row, of sw_route and of sw_frame_handler alike. */
enum {
    SW_WORK_URGENT = 256, /* nothing else may keep it waiting: its steps on SW_LANE_WORKER have threads of their own,
                            and its write step goes first. For short work that people depend on, such as an approval */
    SW_WORK_BULK = 512    /* what the server can do without for a while, such as log lines: refused with SW_UNAVAILABLE
                             while    less disk is free than storage.min_free */
};

/* Who asks. */
typedef struct {
    uint32_t size; /* sizeof(sw_principal) */
    sw_role role;  /* 0 when nobody is signed in: a public route without a token */
    int64_t user_id;
    char name[65];
    bool by_api_token;  /* with an agent's token, not a JWT */
    int64_t expires_ms; /* `exp` of the JWT in Unix ms; 0 means never */
    int64_t opened_ms;  /* of a frame: when its socket opened, in Unix ms */
} sw_principal;

typedef sw_status (*sw_handler)(sw_request *req);
typedef sw_status (*sw_step)(sw_tx *tx, void *arg);

/* The principal. It is never NULL; its role is 0 when nobody is signed in. */
SW_EXPORT const sw_principal *sw_request_principal(const sw_request *req);
/* What this plugin's start() gave as its state. */
SW_EXPORT void *sw_request_state(const sw_request *req);
SW_EXPORT sw_host *sw_request_host(const sw_request *req);
/* The read connection of this thread; NULL on a lane without a database. */
SW_EXPORT sw_db *sw_request_db(sw_request *req);
/* The address of the client as text: "127.0.0.1", "2001:db8::1". When the client came by one of the trusted_proxies, it
 * is the address that the proxy names. "" for tasks. */
SW_EXPORT const char *sw_request_address(const sw_request *req);
/* The X-Request-Id of an HTTP request; "" otherwise. */
SW_EXPORT const char *sw_request_id(const sw_request *req);
/* The number that sw_task_run() or sw_task_after() gave to this task, or that sw_frame_mark() gave to the frame whose
 * receipt this is; 0 for everything else. */
SW_EXPORT int64_t sw_request_tag(const sw_request *req);

/* Memory of the request. It is zeroed, and freed at the end of the request. NULL only when there is no memory, or when
 * the request has reached its limit. */
SW_EXPORT void *sw_alloc(sw_request *req, size_t count, size_t size);
SW_EXPORT char *sw_strdup(sw_request *req, const char *text);
SW_EXPORT char *sw_strndup(sw_request *req, const char *text, size_t len);
SW_EXPORT char *sw_printf(sw_request *req, const char *format, ...) SW_PRINTF(2, 3);

/* Sets the text of a failure that the client gets, instead of the usual one of that status. `code` is the error code of
 * the contract, or NULL for the usual one of that status. Returns `status`, for: return sw_fail(req, SW_CONFLICT, NULL,
 * "…"). */
SW_EXPORT sw_status sw_fail(sw_request *req, sw_status status, const char *code, const char *format, ...)
    SW_PRINTF(4, 5);
/* Adds the member "detail" to the failure. */
SW_EXPORT void sw_fail_detail(sw_request *req, const char *format, ...) SW_PRINTF(2, 3);
/* Sets the seconds in the header Retry-After of a 429 or 503. */
SW_EXPORT void sw_fail_retry_after(sw_request *req, int seconds);

/* Goes on with `next` on another lane. Call it last: return sw_move(…). When that lane is full, the client gets 503. */
SW_EXPORT SW_MUST_USE sw_status sw_move(sw_request *req, sw_lane lane, sw_handler next);

/* A pointer into the memory of the request, which its handlers pass on over sw_move() and sw_defer(). NULL until it is
 * set. */
SW_EXPORT void sw_request_keep(sw_request *req, void *kept);
SW_EXPORT void *sw_request_kept(const sw_request *req);

/* Hands `step` to the writer. Call it last: return sw_write(…). `arg` must be in the memory of the request. The worker
 * does not wait. The reply leaves when the batch of the step is durable. */
SW_EXPORT SW_MUST_USE sw_status sw_write(sw_request *req, sw_step step, void *arg);

/* For an answer that comes later. Keep the handle where sw_complete() will find it, and return sw_deferred(req). The
 * request stays open until sw_complete() is called; then `next` runs on `lane`. After `timeout_ms` (0 means 30 s) the
 * client gets 503. The handle is a number: to complete it twice, or when its client is gone, does nothing. It is 0 when
 * too many answers are open; then sw_deferred() says SW_BUSY. */
SW_EXPORT uint64_t sw_defer(sw_request *req, sw_lane lane, sw_handler next, int timeout_ms);
SW_EXPORT SW_MUST_USE sw_status sw_deferred(sw_request *req); /* return sw_deferred(req) */
SW_EXPORT bool sw_complete(sw_host *host, uint64_t handle);   /* any thread; false when it is gone */

/* Since 1.2. As sw_complete(), with something for `next`, which finds it by sw_request_completed(). When it returns
 * true, `data` belongs to the request, at whose end `data_free` is called, unless that is NULL. Any thread. */
SW_EXPORT bool sw_complete_with(sw_host *host, uint64_t handle, void *data, void (*data_free)(void *data));
/* What came last with sw_complete_with(); NULL before. */
SW_EXPORT void *sw_request_completed(const sw_request *req);
/* Since 1.2. Has fn(arg) called exactly once when the request has ended, however it ended: answered, failed, timed out,
 * or left by a client that did not wait for a deferred answer. That client is noticed at once, and `next` is not called
 * any more. Newest first; on any thread, where it must not block, and may not use the request. false when there is no
 * memory: then fn is never called. */
SW_EXPORT SW_MUST_USE bool sw_request_on_end(sw_request *req, void (*fn)(void *arg), void *arg);

/* Since 1.2. Runs `handler` as a task on a lane, with a pointer that it finds by sw_request_kept(). drop(arg) is called
 * exactly once, when the task has ended or can never run; it may be NULL. Any thread. false when the lane is full or
 * there is no memory: then `arg` stays the caller's. */
SW_EXPORT SW_MUST_USE bool sw_task_run_arg(sw_host *host, sw_lane lane, sw_handler handler, void *arg,
                                           void (*drop)(void *arg));
/* Runs `handler` as a task on a lane, later, with `tag`. Any thread. false when the lane is full. */
SW_EXPORT bool sw_task_run(sw_host *host, sw_lane lane, sw_handler handler, int64_t tag);
/* The same, once, `delay_ms` from now: for a retry, for example. It is not kept over a restart. While the plugin is
 * disabled or the lane is full, it waits longer. Any thread. false when a thousand wait already. */
SW_EXPORT bool sw_task_after(sw_host *host, sw_lane lane, sw_handler handler, int64_t tag, int64_t delay_ms);

SW_END_DECLS
#endif
