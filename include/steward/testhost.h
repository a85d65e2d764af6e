/* libsteward-testhost runs the server inside a test program, so that a plugin can be tested without a server beside it.
 *
 * All of the server's core runs, on threads of its own: router, guard, limits, lanes, writer, SQLite, WebSockets. There
 * is no port, no configuration file and no other process. Clients come by a socket in a temporary folder, which
 * sw_test_close() removes. To build a test: cc … $(pkg-config --cflags --libs steward-testhost).
 *
 *     sw_test *t = sw_test_open(&options, error, sizeof error);
 *     const sw_test_reply *r = sw_test_post(t, &ANN, "/api/notes", "{\"text\":\"milk\"}");
 *     assert(r->status == 201 && sw_test_int(r->json, "id", 0) == 1);
 *     sw_test_close(t);
 *
 * Threads:   a process has one host at a time, and one thread that calls these functions. `outbound` is called on
 *            another thread.
 * Ownership: what a function returns belongs to the host and lives until sw_test_close(), unless the function says
 *            otherwise. Never free it.
 * Time:      timers, housekeeping and tasks of sw_task_after() run when the test says so, see sw_test_timer() and the
 *            two functions after it. A step may take seconds instead of limits.write_step, so that a slow machine does
 *            not make a test fail.
 * Errors:    what cannot be done at all, without memory or descriptors, is reported as each function says, and never
 *            by abort(). */
#ifndef STEWARD_TESTHOST_H
#define STEWARD_TESTHOST_H

#include <steward/outbound.h>
#include <steward/plugin.h>

SW_BEGIN_DECLS

typedef struct sw_test sw_test;

/* Answers the outbound HTTP calls of plugins instead of the network. It is called on the outbound thread, one call at a
 * time, for URLs that the rules allow. `answer` comes as an empty 200. Texts that you put into it must live until the
 * next call. Status 0 with an error means that no answer came; the outcome is then SW_HTTP_FAILED, unless you set
 * another one. */
typedef void (*sw_test_outbound)(void *arg, const sw_http_call *call, sw_http_answer *answer);

/* Set .size = sizeof(sw_test_options), and leave at zero what you do not need. Everything is copied, but the
 * descriptors of plugins, which sw_test_restart() reads again, and outbound_arg: those must live as long as the host.
 * Lists end with NULL, and may be NULL. */
typedef struct {
    uint32_t size;
    const sw_plugin *const *plugins; /* linked into the test: &sw_plugin_v1, and stand-ins for other plugins */
    const char *const *files;        /* plugins as files: "build/notes.so" */
    const char *installed;      /* plugins of the installed server: "users, messages". Usually without auth, since the
                                   host itself knows who a sw_test_user is, unless a plugin here provides auth/1 */
    const char *const *options; /* pairs of a name and a value: "plugin:notes.max", "3", "limits.body", "4K", NULL */
    sw_test_outbound outbound;  /* when NULL, outbound calls get status 0, "no network in a test" */
    void *outbound_arg;
    bool network; /* outbound calls and sockets are real */
} sw_test_options;

/* Starts a host with those plugins. When it returns NULL, `error` is one line: an option that is wrong, or the plugin
 * that would be quarantined, and why. Environment variables are ignored, but for STEWARD_TEST_KEEP=1, which keeps the
 * folder and says where it is. */
SW_EXPORT SW_MUST_USE sw_test *sw_test_open(const sw_test_options *options, char *error, size_t error_size);
/* Stops the host as SIGTERM does, and starts it again with the same data. false when a plugin does not run now, and the
 * host goes on without it; or when nothing runs, and all calls get status 0. */
SW_EXPORT SW_MUST_USE bool sw_test_restart(sw_test *t);
/* Stops the host and frees everything. `t` may be NULL. */
SW_EXPORT void sw_test_close(sw_test *t);
/* Why the last function that returned false or NULL has done so; "" when none has. */
SW_EXPORT const char *sw_test_error(const sw_test *t);
/* Changes an option as an edit of the file and SIGHUP do. An option that is not SW_OPTION_LIVE changes with
 * sw_test_restart(). false when it is refused; then nothing has changed. */
SW_EXPORT SW_MUST_USE bool sw_test_set(sw_test *t, const char *option, const char *value);
/* The data folder, which is sw_host_data_dir() of the plugins. */
SW_EXPORT const char *sw_test_folder(const sw_test *t);

/* ---- clients ---- */

/* Somebody who is signed in. This needs neither a login nor a row of a user. */
typedef struct {
    int64_t id; /* above 0 */
    sw_role role;
    const char *name;  /* at most 64 bytes */
    bool by_api_token; /* an agent's token */
} sw_test_user;

typedef struct {
    int status;       /* 0 when none came within ten seconds, or the connection broke: see sw_test_error() */
    const char *body; /* NUL-ended; "" when empty */
    size_t body_len;
    const char *headers;  /* lines "Name: value\r\n" */
    const sw_value *json; /* the body; NULL when it is not JSON */
} sw_test_reply;

/* Sends one HTTP request through the whole server, and waits for the answer. It never returns NULL. `who` is NULL when
 * nobody is signed in. `path` includes the query, as in the first line of a request. `body` may be NULL. It is
 * application/json, unless `headers` ("Name: value", …, NULL) say otherwise. The client's address is 127.0.0.1, unless
 * there is a header such as "X-Forwarded-For: 203.0.113.9". */
SW_EXPORT const sw_test_reply *sw_test_call(sw_test *t, const sw_test_user *who, const char *method, const char *path,
                                            const char *body, const char *const *headers);
SW_EXPORT const sw_test_reply *sw_test_get(sw_test *t, const sw_test_user *who, const char *path);
SW_EXPORT const sw_test_reply *sw_test_post(sw_test *t, const sw_test_user *who, const char *path, const char *body);
SW_EXPORT const sw_test_reply *sw_test_delete(sw_test *t, const sw_test_user *who, const char *path);
/* sw_test_call() in two halves, for several requests at the same time. The first half sends the request. The second one
 * waits for the answer, up to ten seconds from then on. Requests that were begun and not finished end with
 * sw_test_close(). */
typedef struct sw_test_asked sw_test_asked;
SW_EXPORT SW_MUST_USE sw_test_asked *sw_test_begin(sw_test *t, const sw_test_user *who, const char *method,
                                                   const char *path, const char *body, const char *const *headers);
SW_EXPORT const sw_test_reply *sw_test_finish(sw_test_asked *asked);
/* A response header, whose name is given in any case; "" when absent. */
SW_EXPORT const char *sw_test_header(sw_test *t, const sw_test_reply *r, const char *name);

/* Reads JSON by a path of members and indices, such as "items.0.name". The path "" is the value itself. */
SW_EXPORT const sw_value *sw_test_at(const sw_value *json, const char *path); /* NULL when absent */
SW_EXPORT int64_t sw_test_int(const sw_value *json, const char *path, int64_t fallback);
SW_EXPORT int sw_test_bool(const sw_value *json, const char *path, int fallback);
SW_EXPORT const char *sw_test_text(const sw_value *json, const char *path); /* "" when it is not a text */
SW_EXPORT size_t sw_test_count(const sw_value *json, const char *path);     /* of an array; else 0 */

typedef struct sw_test_socket sw_test_socket;

/* Opens a WebSocket. `query` may be NULL, or is as "hello=1&since_id=7". NULL when it is refused. As soon as this
 * returns, frames reach the socket. */
SW_EXPORT sw_test_socket *sw_test_ws_open(sw_test *t, const sw_test_user *who, const char *query);
/* Sends one text frame, which is an envelope. false when the socket has ended. */
SW_EXPORT SW_MUST_USE bool sw_test_ws_send(sw_test_socket *s, const char *text);
/* The next text frame. Pings are answered meanwhile. NULL when none came within `timeout_ms`, or the socket has ended.
 */
SW_EXPORT const sw_test_reply *sw_test_ws_next(sw_test_socket *s, int timeout_ms);
/* The code with which the server closed it, which sw_test_ws_next() must have seen; 0 when it has not. */
SW_EXPORT int sw_test_ws_code(const sw_test_socket *s);
/* Ends the socket; otherwise sw_test_close() does. */
SW_EXPORT void sw_test_ws_close(sw_test_socket *s);

/* ---- inside ---- */

/* Waits until nothing is queued or running any more: no `after` subscriber, task or outbound call that was begun by
 * anything that has been answered. false when that took more than ten seconds. Frames that a WebSocket has sent may not
 * have been read yet. */
SW_EXPORT SW_MUST_USE bool sw_test_settle(sw_test *t);
/* Runs a timer of that plugin now, waits, and returns its status. SW_NOT_FOUND when there is no such timer. */
SW_EXPORT SW_MUST_USE sw_status sw_test_timer(sw_test *t, const char *plugin, const char *timer);
/* Runs a housekeeping step of that plugin until it has no more to do (at most 1000 times), and waits. */
SW_EXPORT SW_MUST_USE sw_status sw_test_housekeeping(sw_test *t, const char *plugin, const char *step);
/* Begins every task that waits because of sw_task_after(), whatever its delay, and returns their number.
 * sw_test_settle() waits for their end. */
SW_EXPORT size_t sw_test_delayed(sw_test *t);
/* Stops the wall clock (sw_now_ms and sw_tx_now) at that time, in Unix ms, until it is set again or until
 * sw_test_close(). An earlier time turns both back. 0 lets the clock run again. The monotonic clock, and so every time
 * limit, always runs. */
SW_EXPORT void sw_test_clock(sw_test *t, int64_t unix_ms);
/* Runs a handler of the test as a task of that plugin on the worker lane, or a step of the test on the writer, and
 * waits. The result is what they returned, after the commit. SW_NOT_FOUND when there is no such plugin. The handler
 * gets `arg` by sw_request_kept(). */
SW_EXPORT SW_MUST_USE sw_status sw_test_run(sw_test *t, const char *plugin, sw_handler handler, void *arg);
SW_EXPORT SW_MUST_USE sw_status sw_test_write(sw_test *t, const char *plugin, sw_step step, void *arg);
/* The first column of the first row of a query, as text; "" when there is no row. NULL when the query is wrong, or
 * would write. */
SW_EXPORT const char *sw_test_sql(sw_test *t, const char *sql);
/* Publishes an event as another plugin would, in a step of its own, and returns the status of that step: an in_tx
 * subscriber may refuse. */
SW_EXPORT SW_MUST_USE sw_status sw_test_publish(sw_test *t, const char *event, const void *data, size_t len);
/* The event number `index` (from 0) of that name that a plugin has published and that was committed, as an `after`
 * subscriber gets it. NULL when there are not so many. */
SW_EXPORT const void *sw_test_published(sw_test *t, const char *event, size_t index);
/* The outbound HTTP call number `index` (from 0). NULL when there are not so many. With `network` none is kept. */
SW_EXPORT const sw_http_call *sw_test_outbound_call(sw_test *t, size_t index);
/* How many lines of the log contain that text. */
SW_EXPORT size_t sw_test_logged(sw_test *t, const char *text);
/* The whole log so far, with level debug. The text lives until the next call. */
SW_EXPORT const char *sw_test_log(sw_test *t);
/* Why that plugin does not run, for example after sw_test_restart(). "" when it runs; NULL when there is no plugin of
 * that name. */
SW_EXPORT const char *sw_test_plugin_error(sw_test *t, const char *plugin);

SW_END_DECLS
#endif
