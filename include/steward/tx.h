/* The write step: runs on the one writer, in a savepoint of the open batch.
 *
 * Its reads see every earlier write of the batch, so check-then-insert is safe here and only here.
 * What it queues (reply, frames, events, callbacks) is released by the commit, in order, and dropped by
 * a rollback: return anything but SW_OK and nothing of the step happened. Nothing here waits: no HTTP, no
 * hashing, no lock. A step longer than limits.write_step is interrupted (503). */
#ifndef STEWARD_TX_H
#define STEWARD_TX_H

#include <steward/db.h>
#include <steward/request.h>

SW_BEGIN_DECLS

/* The writer's connection, for sw_db_query(). */
SW_EXPORT sw_db *sw_tx_db(sw_tx *tx);
/* Runs a statement that returns no rows; format and errors as of sw_db_query(). `ret_changes` (may be NULL): rows
 * changed. */
SW_EXPORT SW_MUST_USE sw_status sw_tx_exec(sw_tx *tx, const sw_statement *statement, int64_t *ret_changes,
                                           const char *format, ...);
/* The rowid of the last row that was inserted here. */
SW_EXPORT int64_t sw_tx_last_id(sw_tx *tx);

/* The plugin whose step or callback this is. */
SW_EXPORT sw_host *sw_tx_host(const sw_tx *tx);
/* The request this step belongs to, in a subscriber the publisher's; of sw_write_later() one of nobody's (role 0); NULL
 * in housekeeping. */
SW_EXPORT sw_request *sw_tx_request(sw_tx *tx);
/* The state of the plugin whose step or callback this is. */
SW_EXPORT void *sw_tx_state(sw_tx *tx);
/* As sw_alloc(): until the step has committed, or its request ends. */
SW_EXPORT void *sw_tx_alloc(sw_tx *tx, size_t count, size_t size);
/* Unix milliseconds, the same for the whole step; never goes back from step to step. */
SW_EXPORT int64_t sw_tx_now(sw_tx *tx);

/* The reply, sent after the commit. As sw_reply_json(). In a step without an HTTP request it is dropped. */
SW_EXPORT sw_json *sw_tx_reply(sw_tx *tx, int http_status);

/* The ACK of a frame that asked for one: with the id and time of what was stored. */
SW_EXPORT void sw_tx_ack(sw_tx *tx, int64_t id, int64_t at_ms);

/* Runs `fn` after the commit, on the writer, before any reply of the batch leaves: to change a cache. It
 * must not block. `arg` lives until then. */
SW_EXPORT void sw_tx_on_commit(sw_tx *tx, void (*fn)(void *state, void *arg), void *arg);

/* What users may do with this user's credentials changed: at the commit every cached decision about it is
 * void, and with `close` its sockets end with 4003. */
SW_EXPORT void sw_tx_user_changed(sw_tx *tx, int64_t user_id, bool close);
/* Closes every socket of everybody with `code` after the commit. */
SW_EXPORT void sw_tx_close_all(sw_tx *tx, int code, const char *reason);

/* Publishes an event (event.h): in_tx subscribers run now, inside this savepoint and its time, and their failure
 * is returned and undoes the step; `after` subscribers run on a worker after the commit. `data` is a struct of
 * the event's documented type and is copied (`len` bytes; what it points to must be in the step's memory). */
SW_EXPORT SW_MUST_USE sw_status sw_tx_publish(sw_tx *tx, const char *event, const void *data, size_t len);

/* A write from outside a request: runs `step`, which may do what others do but reply, on the writer as soon as
 * possible. `arg` is passed as is and must outlive it; `done` (may be NULL: a failure is logged) is called on the
 * writer with the outcome after commit or failure, exactly once, also at a stop. Any thread but the writer's own
 * callbacks may call it. false: the queue is full, or the server has all but ended; neither is called. */
SW_EXPORT bool sw_write_later(sw_host *host, sw_step step, void *arg, void (*done)(void *arg, sw_status outcome));

SW_END_DECLS
#endif
