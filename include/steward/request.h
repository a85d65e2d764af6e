/* A unit of work: an HTTP request, a WebSocket frame, or a task of the host (timer, event, replay).
 *
 * Threads:   a handler runs on one thread at a time, on the lane its table row names. Two requests run
 *            the same plugin at once: write plugin state only in start(), or guard it.
 * Steps:     at most two. The *check* runs on a worker with a read connection: it answers, moves to
 *            another lane (sw_move), hands over to the writer (sw_write) or defers (sw_defer).
 *            The *write* step runs on the writer, see tx.h.
 * Ownership: what sw_* returns from a request lives until the request ends; never free it. */
#ifndef STEWARD_REQUEST_H
#define STEWARD_REQUEST_H

#include <steward/base.h>

SW_BEGIN_DECLS

/* Where a handler runs. */
typedef enum {
    SW_LANE_WORKER = 1, /* default: may read the database, must not wait for another machine     */
    SW_LANE_LOOP,       /* on the event loop: never blocks, no database; for answers from memory */
    SW_LANE_HASH,       /* password hashing, at low priority; no database                        */
    SW_LANE_SLOW        /* may wait for another machine; a plugin gets at most half of it        */
} sw_lane;

/* Who asks. Texts live as long as the request. */
typedef struct {
    uint32_t size; /* sizeof(sw_principal)                                                  */
    sw_role role;  /* 0: nobody (public route without a token)                              */
    int64_t user_id;
    char name[65];
    bool by_api_token;  /* an agent's token, not a JWT                                           */
    int64_t expires_ms; /* JWT exp in Unix ms, 0: never                                          */
    int64_t opened_ms;  /* frames: when the socket opened, Unix ms                               */
} sw_principal;

typedef sw_status (*sw_handler)(sw_request *req);
typedef sw_status (*sw_step)(sw_tx *tx, void *arg);

/* The principal; role 0 when nobody is signed in. Never NULL. */
SW_EXPORT const sw_principal *sw_request_principal(const sw_request *req);
/* What this plugin's start() gave as its state. */
SW_EXPORT void *sw_request_state(const sw_request *req);
SW_EXPORT sw_host *sw_request_host(const sw_request *req);
/* The read connection of this thread, NULL on the lanes without a database. */
SW_EXPORT sw_db *sw_request_db(sw_request *req);
/* The address of the client after trusted_proxies, as text ("127.0.0.1", "2001:db8::1"); "" for tasks. */
SW_EXPORT const char *sw_request_address(const sw_request *req);
/* The X-Request-Id of an HTTP request; "" otherwise. */
SW_EXPORT const char *sw_request_id(const sw_request *req);
/* The number that a task was given: by sw_task_run(), by sw_frame_mark() for a receipt; 0 for timers, events and all
 * other work. */
SW_EXPORT int64_t sw_request_tag(const sw_request *req);

/* Memory of the request: zeroed, freed at its end. NULL only when memory or the limit is out. */
SW_EXPORT void *sw_alloc(sw_request *req, size_t count, size_t size);
SW_EXPORT char *sw_strdup(sw_request *req, const char *text);
SW_EXPORT char *sw_strndup(sw_request *req, const char *text, size_t len);
SW_EXPORT char *sw_printf(sw_request *req, const char *format, ...) SW_PRINTF(2, 3);

/* A failure with a text for the client, instead of the status's own. `code` is the contract's error
 * code, NULL: the status's own. Returns `status`: `return sw_fail(req, SW_CONFLICT, NULL, "…")`. */
SW_EXPORT sw_status sw_fail(sw_request *req, sw_status status, const char *code, const char *format, ...)
    SW_PRINTF(4, 5);
/* Adds "detail" to the failure. */
SW_EXPORT void sw_fail_detail(sw_request *req, const char *format, ...) SW_PRINTF(2, 3);
/* Seconds for the Retry-After of a 429 or 503. */
SW_EXPORT void sw_fail_retry_after(sw_request *req, int seconds);

/* Goes on with `next` on another lane. Call it last: return sw_move(…). When it is full
 * the client gets 503. */
SW_EXPORT SW_MUST_USE sw_status sw_move(sw_request *req, sw_lane lane, sw_handler next);

/* A pointer that the handlers of one request pass on, over sw_move() and sw_defer(); from the request's memory.
 * NULL until it is set. */
SW_EXPORT void sw_request_keep(sw_request *req, void *kept);
SW_EXPORT void *sw_request_kept(const sw_request *req);

/* Hands `step` to the writer. Call it last: return sw_write(…). `arg` must come from the request's
 * memory. The worker does not wait; the reply leaves when the batch is durable. */
SW_EXPORT SW_MUST_USE sw_status sw_write(sw_request *req, sw_step step, void *arg);

/* An answer that comes later: the request stays open until sw_complete(), or for `timeout_ms` (0: 30 s; then
 * 503). Give the handle away, and return sw_deferred(req); `next` runs on `lane` after sw_complete(). The
 * handle is a number: completing one whose client is gone, or twice, does nothing. 0: too many are open, and
 * sw_deferred() says SW_BUSY. */
SW_EXPORT uint64_t sw_defer(sw_request *req, sw_lane lane, sw_handler next, int timeout_ms);
SW_EXPORT SW_MUST_USE sw_status sw_deferred(sw_request *req); /* return sw_deferred(req) */
SW_EXPORT bool sw_complete(sw_host *host, uint64_t handle);   /* any thread; false: gone */

/* Runs `handler` as a task on a lane, later, with `tag`. Any thread. false: the lane is full. */
SW_EXPORT bool sw_task_run(sw_host *host, sw_lane lane, sw_handler handler, int64_t tag);
/* The same once, `delay_ms` from now, for what is due at a time of its own: a retry, say. It is not kept over a
 * restart. While the plugin is disabled or the lane is full it waits on. Any thread. false: a thousand wait already. */
SW_EXPORT bool sw_task_after(sw_host *host, sw_lane lane, sw_handler handler, int64_t tag, int64_t delay_ms);

SW_END_DECLS
#endif
