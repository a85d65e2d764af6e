/* libsteward-testhost: the server inside a test program, so that a module is tested without one.
 *
 * All of the server's core runs, on threads of its own: router, guard, limits, lanes, writer, SQLite, WebSockets. There
 * is no port, no config file and no other process: clients come by a socket in a temporary folder that
 * sw_test_close() removes. Build: cc … $(pkg-config --cflags --libs steward-testhost).
 *
 *     sw_test *t = sw_test_open(&options, error, sizeof error);
 *     const sw_test_reply *r = sw_test_post(t, &ANN, "/api/notes", "{\"text\":\"milk\"}");
 *     assert(r->status == 201 && sw_test_int(r->json, "id", 0) == 1);
 *     sw_test_close(t);
 *
 * Threads:   one host at a time in a process, and one thread that calls these functions; `outbound` is called on
 * another. Ownership: what a function returns belongs to the host and lives until sw_test_close(), unless said; never
 * free it. Time:      timers, housekeeping and tasks of sw_task_after() run when the test says so: sw_test_timer() and
 * the two after it. Steps have seconds, not limits.write_step, so that slow machines are no failure. Errors:    what
 * cannot be done at all (no memory, no descriptors) is told as said below, never by abort(). */
#ifndef STEWARD_TESTHOST_H
#define STEWARD_TESTHOST_H

#include <steward/outbound.h>
#include <steward/plugin.h>

SW_BEGIN_DECLS

typedef struct sw_test sw_test;

/* Answers an outbound HTTP call of a plugin in the network's place, on the outbound thread, one call at a time, after
 * the rule for URLs. `answer` comes as an empty 200; texts put into it must live until the next call. Status 0 with an
 * error: no answer came, by `outcome` SW_HTTP_FAILED unless it is set to another. */
typedef void (*sw_test_outbound)(void *arg, const sw_http_call *call, sw_http_answer *answer);

/* Zero what you do not need; .size = sizeof(sw_test_options). All is copied, but for descriptors (sw_test_restart()
 * reads them anew) and outbound_arg, which must outlive the host. Lists end with NULL; NULL: none. */
typedef struct {
    uint32_t size;
    const sw_plugin *const *plugins; /* linked into the test: &sw_plugin_v1, and stand-ins of its own for others */
    const char *const *files;        /* plugins as files: "build/notes.so"                              */
    const char *installed;           /* plugins of the installed server: "users, messages". No auth: the host itself
                                        knows who a sw_test_user is, unless a plugin here provides auth/1 */
    const char *const *options;      /* pairs as in steward.conf: "plugin:notes.max", "3", "limits.body", "4K", NULL */
    sw_test_outbound outbound;       /* NULL: outbound calls come to status 0, "no network in a test"   */
    void *outbound_arg;
    bool network; /* outbound calls and sockets are real                             */
} sw_test_options;

/* Starts a host with those plugins. NULL: `error` is one line: a wrong option, or the plugin that would be quarantined,
 * and why. Environment variables do not count, but: STEWARD_TEST_KEEP=1 keeps the folder, and says where it is. */
SW_EXPORT SW_MUST_USE sw_test *sw_test_open(const sw_test_options *options, char *error, size_t error_size);
/* Stops it as SIGTERM does and starts it again on the same data. false: a plugin does not run now (the host goes on
 * without it), or nothing does: calls come to status 0. */
SW_EXPORT SW_MUST_USE bool sw_test_restart(sw_test *t);
/* Stops it and frees everything. NULL is fine. */
SW_EXPORT void sw_test_close(sw_test *t);
/* Why the latest function that returned false or NULL did so; "" when none has. */
SW_EXPORT const char *sw_test_error(const sw_test *t);
/* As SIGHUP after an edit; what is not SW_OPTION_LIVE counts from sw_test_restart() on. false: refused, nothing
 * changed. */
SW_EXPORT SW_MUST_USE bool sw_test_set(sw_test *t, const char *option, const char *value);
/* The data folder: sw_host_data_dir() of its plugins. */
SW_EXPORT const char *sw_test_folder(const sw_test *t);

/* ---- clients ---- */

/* Somebody who is signed in; no login, no row of a user is needed. */
typedef struct {
    int64_t id; /* above 0 */
    sw_role role;
    const char *name;  /* at most 64 bytes */
    bool by_api_token; /* an agent's token */
} sw_test_user;

typedef struct {
    int status;       /* 0: none came within ten seconds, or the connection broke: sw_test_error() */
    const char *body; /* NUL-ended, "" when empty     */
    size_t body_len;
    const char *headers;  /* lines "Name: value\r\n"      */
    const sw_value *json; /* the body, NULL: it is no JSON */
} sw_test_reply;

/* One HTTP request through the whole server; waits for the answer. `who` NULL: nobody is signed in. `path` with its
 * query, as it stands in a request line. `body` NULL: none; application/json unless `headers` ("Name: value", …, NULL)
 * says otherwise. Never NULL. "X-Forwarded-For: 203.0.113.9" among the headers is believed: the client's address (else
 * 127.0.0.1). */
SW_EXPORT const sw_test_reply *sw_test_call(sw_test *t, const sw_test_user *who, const char *method, const char *path,
                                            const char *body, const char *const *headers);
SW_EXPORT const sw_test_reply *sw_test_get(sw_test *t, const sw_test_user *who, const char *path);
SW_EXPORT const sw_test_reply *sw_test_post(sw_test *t, const sw_test_user *who, const char *path, const char *body);
SW_EXPORT const sw_test_reply *sw_test_delete(sw_test *t, const sw_test_user *who, const char *path);
/* sw_test_call() in two halves, for requests that are in work at once: the first sends, the second waits for the
 * answer, as long as it does from then on. What was begun and not finished ends with sw_test_close(). */
typedef struct sw_test_asked sw_test_asked;
SW_EXPORT SW_MUST_USE sw_test_asked *sw_test_begin(sw_test *t, const sw_test_user *who, const char *method,
                                                   const char *path, const char *body, const char *const *headers);
SW_EXPORT const sw_test_reply *sw_test_finish(sw_test_asked *asked);
/* A response header (any case), "" when absent. */
SW_EXPORT const char *sw_test_header(sw_test *t, const sw_test_reply *r, const char *name);

/* Reading JSON by a path of members and indices: "items.0.name"; "" is the value itself. */
SW_EXPORT const sw_value *sw_test_at(const sw_value *json, const char *path); /* NULL: not there          */
SW_EXPORT int64_t sw_test_int(const sw_value *json, const char *path, int64_t fallback);
SW_EXPORT int sw_test_bool(const sw_value *json, const char *path, int fallback);
SW_EXPORT const char *sw_test_text(const sw_value *json, const char *path); /* "" when there is no text */
SW_EXPORT size_t sw_test_count(const sw_value *json, const char *path);     /* of an array, else 0      */

typedef struct sw_test_socket sw_test_socket;

/* Opens a WebSocket; `query` NULL or as in "hello=1&since_id=7". NULL: refused. Once it is back, frames reach it. */
SW_EXPORT sw_test_socket *sw_test_ws_open(sw_test *t, const sw_test_user *who, const char *query);
/* Sends one text frame: an envelope. false: the socket has ended. */
SW_EXPORT SW_MUST_USE bool sw_test_ws_send(sw_test_socket *s, const char *text);
/* The next text frame; pings are answered meanwhile. NULL: none came within `timeout_ms`, or the socket has ended. */
SW_EXPORT const sw_test_reply *sw_test_ws_next(sw_test_socket *s, int timeout_ms);
/* The code that the server closed it with; 0: it has not (seen by sw_test_ws_next). */
SW_EXPORT int sw_test_ws_code(const sw_test_socket *s);
/* Ends it, before sw_test_close() does. */
SW_EXPORT void sw_test_ws_close(sw_test_socket *s);

/* ---- inside ---- */

/* Waits until nothing is queued or running: `after` subscribers, tasks and outbound calls of what was answered before
 * have ended. false: that took more than ten seconds. What a WebSocket has sent may not have been read yet. */
SW_EXPORT SW_MUST_USE bool sw_test_settle(sw_test *t);
/* Runs a timer of that plugin now, and waits. Its status; SW_NOT_FOUND: there is no such timer. */
SW_EXPORT SW_MUST_USE sw_status sw_test_timer(sw_test *t, const char *plugin, const char *timer);
/* Runs a housekeeping step of that plugin until it has no more to do (at most 1000 times), and waits. */
SW_EXPORT SW_MUST_USE sw_status sw_test_housekeeping(sw_test *t, const char *plugin, const char *step);
/* Begins every task that waits by sw_task_after(), whatever its delay; how many. sw_test_settle() waits for their end.
 */
SW_EXPORT size_t sw_test_delayed(sw_test *t);
/* The wall clock (sw_now_ms, sw_tx_now) stands still at that time, Unix ms, until set again, also to an earlier one,
 * and both go back; 0: it runs. Until sw_test_close(). The monotonic clock, and with it every time limit, always runs.
 */
SW_EXPORT void sw_test_clock(sw_test *t, int64_t unix_ms);
/* Runs a handler of the test's own as a task of that plugin on the worker lane, or a step on the writer, and waits.
 * What they gave, after the commit; SW_NOT_FOUND: there is no such plugin. `arg` is sw_request_kept() of the handler.
 */
SW_EXPORT SW_MUST_USE sw_status sw_test_run(sw_test *t, const char *plugin, sw_handler handler, void *arg);
SW_EXPORT SW_MUST_USE sw_status sw_test_write(sw_test *t, const char *plugin, sw_step step, void *arg);
/* The first column of the first row of a query of the test's own, as text; "" without a row. NULL: it is wrong, or
 * writes. */
SW_EXPORT const char *sw_test_sql(sw_test *t, const char *sql);
/* Publishes as another plugin would, in a step of its own. The status of that step: an in_tx subscriber may refuse. */
SW_EXPORT SW_MUST_USE sw_status sw_test_publish(sw_test *t, const char *event, const void *data, size_t len);
/* The `index`th event of that name that a plugin published and that was committed, as `after` gets it; NULL: not so
 * many. */
SW_EXPORT const void *sw_test_published(sw_test *t, const char *event, size_t index);
/* The `index`th outbound HTTP call, as it was answered; NULL: there are not so many. With `network` it is not kept. */
SW_EXPORT const sw_http_call *sw_test_outbound_call(sw_test *t, size_t index);
/* How many lines of the log hold that text. */
SW_EXPORT size_t sw_test_logged(sw_test *t, const char *text);
/* All of the log so far, level debug; lives until the next call of it. */
SW_EXPORT const char *sw_test_log(sw_test *t);
/* Why that plugin does not run, after sw_test_restart(), say: "" when it does; NULL: there is none of that name. */
SW_EXPORT const char *sw_test_plugin_error(sw_test *t, const char *plugin);

SW_END_DECLS
#endif
