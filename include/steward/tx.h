/* The write step runs on the one writer, in a savepoint of the open batch.
 *
 * Its reads see every earlier write of the batch. So to check first and then to insert is safe here, and only here.
 * What it queues (reply, frames, events, callbacks) leaves after the commit, in order. When the step returns anything
 * but SW_OK, or the batch is rolled back, all of that is dropped, and nothing of the step has happened. A step must not
 * wait: no HTTP, no hashing, no lock. One that is longer than limits.write_step is interrupted, and answered with 503.
 */
#ifndef STEWARD_TX_H
#define STEWARD_TX_H

#include <steward/db.h>
#include <steward/request.h>

SW_BEGIN_DECLS

/* The writer's connection, for sw_db_query(). */
SW_EXPORT sw_db *sw_tx_db(sw_tx *tx);
/* Runs a statement that returns no rows. Format and errors are those of sw_db_query(). *ret_changes is how many rows it
 * changed; `ret_changes` may be NULL. */
SW_EXPORT SW_MUST_USE sw_status sw_tx_exec(sw_tx *tx, const sw_statement *statement, int64_t *ret_changes,
                                           const char *format, ...);
/* The rowid of the last row that was inserted here. */
SW_EXPORT int64_t sw_tx_last_id(sw_tx *tx);

/* The plugin whose step or callback this is. */
SW_EXPORT sw_host *sw_tx_host(const sw_tx *tx);
/* The request of this step. In a subscriber it is the request of the publisher. In a step of sw_write_later() it is a
 * request of nobody (role 0), and in housekeeping it is NULL. */
SW_EXPORT sw_request *sw_tx_request(sw_tx *tx);
/* The state of the plugin whose step or callback this is. */
SW_EXPORT void *sw_tx_state(sw_tx *tx);
/* Memory as of sw_alloc(). It lives until the step has been committed, or until the end of its request. */
SW_EXPORT void *sw_tx_alloc(sw_tx *tx, size_t count, size_t size);
/* The time in Unix milliseconds, the same for the whole step. It follows the wall clock, also back when that is set
 * back by more than a second (before 1.2: never back). So the order of rows is that of their ids, and what must end in
 * time is measured by sw_steady_ms(). */
SW_EXPORT int64_t sw_tx_now(sw_tx *tx);

/* Begins the reply, as sw_reply_json() does. It is sent after the commit. In a step without an HTTP request it is
 * dropped. */
SW_EXPORT sw_json *sw_tx_reply(sw_tx *tx, int http_status);

/* Since 1.2. After the commit the HTTP request goes on with `next` on `lane`, instead of being answered: to wait, with
 * sw_defer(), for what the step has begun. When that lane is full, the client gets 503, though the step is stored. Does
 * nothing in a step without an HTTP request. */
SW_EXPORT void sw_tx_move(sw_tx *tx, sw_lane lane, sw_handler next);

/* Acknowledges a frame that asked for it, with the id and the time of what was stored. */
SW_EXPORT void sw_tx_ack(sw_tx *tx, int64_t id, int64_t at_ms);

/* Runs `fn` after the commit, on the writer, before any reply of the batch leaves: to change a cache, for example. It
 * must not block. `arg` must live until then. */
SW_EXPORT void sw_tx_on_commit(sw_tx *tx, void (*fn)(void *state, void *arg), void *arg);

/* Says that the credentials of this user, or what they allow, have changed. At the commit every cached decision about
 * the user becomes void. With `close` the user's sockets are closed with 4003. */
SW_EXPORT void sw_tx_user_changed(sw_tx *tx, int64_t user_id, bool close);
/* Closes all sockets of all users with `code`, after the commit. */
SW_EXPORT void sw_tx_close_all(sw_tx *tx, int code, const char *reason);

/* Publishes an event, see event.h. The in_tx subscribers run now, inside this savepoint, and in the time of this step.
 * When one of them fails, its failure is returned, and the step is undone. The `after` subscribers run on a worker
 * after the commit. `data` is a struct of the type that is documented for the event. Its `len` bytes are copied; what
 * it points to must be in the memory of the step. */
SW_EXPORT SW_MUST_USE sw_status sw_tx_publish(sw_tx *tx, const char *event, const void *data, size_t len);

/* Writes from outside a request. It runs `step` on the writer as soon as possible. The step may do all that others do,
 * but not reply. `arg` is passed as it is and must outlive the step. `done` is called on the writer with the outcome,
 * exactly once, after the commit or the failure, also when the server stops. When `done` is NULL, a failure is logged.
 * Any thread may call this, but not a callback that runs on the writer. false when the queue is full or the server has
 * nearly ended; then neither `step` nor `done` is called. */
SW_EXPORT bool sw_write_later(sw_host *host, sw_step step, void *arg, void (*done)(void *arg, sw_status outcome));

SW_END_DECLS
#endif
