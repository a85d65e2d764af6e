/* Talking to other machines: HTTP requests and WebSocket connections of a plugin's own.
 *
 * Threads:   the host does the work on two threads of its own. Callbacks run on these and must not block. Usually
 *            they hand the work on with sw_task_run() or sw_complete(). sw_http_wait() blocks, so call it on the slow
 *            lane alone.
 * Security:  with https and wss, certificate and host name are verified (outbound.ca_file adds authorities). http and
 *            ws are allowed only to a loopback host, which tests need. Redirects are not followed.
 * Ownership: what a callback gets is valid during the call. What you pass in is copied. */
#ifndef STEWARD_OUTBOUND_H
#define STEWARD_OUTBOUND_H

#include <steward/request.h>

SW_BEGIN_DECLS

typedef struct {
    uint32_t size;      /* sizeof(sw_http_call)                                       */
    const char *method; /* "POST", "HEAD" (the answer has no body); NULL for GET */
    const char *url;
    const char *const *headers; /* each "Name: value"; ends with NULL. NULL when there are none */
    const void *body;
    size_t body_len;
    int timeout_ms;    /* of the whole exchange, from its turn on; 0 means 30 s */
    size_t max_answer; /* a longer body is a failure; 0 means 4 MiB */
    /* Since 1.2. With `piece` the body comes in pieces, as they arrive, and the answer has none. `head` comes once,
     * before the first piece. Both run on an outbound thread, must not block, and may be NULL. Then timeout_ms 0 means
     * no limit of the whole: set idle_timeout_ms. */
    void (*head)(void *arg, int status, const char *headers);
    void (*piece)(void *arg, const void *data, size_t len);
    int idle_timeout_ms;  /* it has timed out when nothing comes for so long, from its turn on; 0 means no such limit */
    uint32_t flags;       /* SW_HTTP_* below */
    uint64_t *ret_handle; /* for sw_http_cancel(); set before any callback runs. May be NULL */
} sw_http_call;

/* Since 1.2. Which machines may be called, beyond the rule that http is for the loopback. A refusal is logged. */
enum {
    SW_HTTP_PLAIN_PRIVATE = 1, /* http also to addresses of private networks (RFC 1918, RFC 6598, RFC 4193) */
    SW_HTTP_PUBLIC_ONLY = 2 /* https not to those, nor to loopback and link-local addresses. With outbound.proxy it is
                               the proxy that decides */
};

/* Since 1.1. How a request ended. */
typedef enum {
    SW_HTTP_ANSWERED = 1, /* `status`, `body` and `headers` are there                   */
    SW_HTTP_FAILED,       /* no connection, a broken one, a wrong certificate: see `error` */
    SW_HTTP_TIMED_OUT,    /* the answer was not complete within timeout_ms */
    SW_HTTP_TOO_LONG,     /* the body is longer than max_answer: see `head_status` */
    SW_HTTP_STOPPED,      /* the host is stopping */
    SW_HTTP_CANCELLED     /* since 1.2: by sw_http_cancel() */
} sw_http_outcome;

typedef struct {
    uint32_t size;
    int status; /* the status of HTTP; 0 when there is no answer: see `error` */
    const char
        *error; /* one line without secrets (and without the URL), whose wording may change; "" when `status` is set */
    const char *body; /* NUL-ended                                                  */
    size_t body_len;
    const char *headers; /* lines "name: value\r\n" as they came */
    bool unsent;         /* with status 0: there was no connection, so nobody has seen the request */
    /* Since 1.1: */
    int64_t took_ms;         /* from its turn to its end, without the wait for its turn */
    sw_http_outcome outcome; /* compare this; errors are texts for people */
    int head_status;         /* the status of HTTP when the head has come completely; so also with SW_HTTP_TOO_LONG, as
                                `headers` */
} sw_http_answer;

/* Is called exactly once, on an outbound thread; also when the host stops (status 0, "stopped"). */
typedef void (*sw_http_done)(void *arg, const sw_http_answer *answer);

/* Begins a request. Any thread. SW_INVALID: the URL is not allowed. SW_BUSY: 64 calls of all plugins run and 1024 wait
 * for their turn, or the host is stopping. SW_INTERNAL: `size` is not set. When this fails, `done` is not called. */
SW_EXPORT SW_MUST_USE sw_status sw_http_start(sw_host *host, const sw_http_call *call, sw_http_done done, void *arg);
/* Since 1.2. Ends a request; `done` follows, unless it has been called. Any thread. */
SW_EXPORT void sw_http_cancel(sw_host *host, uint64_t handle);
/* Begins a request and waits for its answer. Call it on the slow lane alone. That lane has few threads, and a stop
 * waits for them; so for long or many requests prefer sw_http_start(), with sw_defer() when a client waits. Set
 * ret->size before the call. The answer lives in the memory of the request. SW_OK means only that *ret is filled: when
 * no answer came, its status is 0 and its error says why. Other statuses are as of sw_http_start(). */
SW_EXPORT SW_MUST_USE sw_status sw_http_wait(sw_request *req, const sw_http_call *call, sw_http_answer *ret);
/* Copies a header of an answer to `out`, cut to fit. The name may have any case. Of several headers of that name it
 * takes the last one; `out` is "" when there is none. */
SW_EXPORT void sw_http_header(const sw_http_answer *answer, const char *name, char *out, size_t out_size);

/* ---- a stream of events in the body of an answer ---- */

/* Since 1.2. Reads text/event-stream (the HTML standard, 9.2.6), which may be cut anywhere. One thread at a time. */
typedef struct sw_sse sw_sse;

typedef struct {
    uint32_t size;
    const char *event; /* its type; "message" when it has none */
    const char *data;  /* NUL-ended; several lines are joined with "\n" */
    size_t data_len;
    const char *id; /* the last one that came; "" before */
} sw_sse_event;

/* An event with more than `max_event` bytes ends the reading; 0 means 1 MiB. NULL when there is no memory. */
SW_EXPORT sw_sse *sw_sse_new(size_t max_event);
/* Reads a piece, and calls `each` for every event that is complete. Comments are left out. SW_TOO_LARGE or
 * SW_NO_MEMORY: nothing more is read, also by later calls. */
SW_EXPORT SW_MUST_USE sw_status sw_sse_feed(sw_sse *sse, const void *data, size_t len,
                                            void (*each)(void *arg, const sw_sse_event *event), void *arg);
/* An event that is not complete is dropped, as the standard says. NULL is fine. */
SW_EXPORT void sw_sse_free(sw_sse *sse);

/* ---- WebSocket ---- */

/* Why a connection ended, or why there was none. */
typedef struct {
    uint32_t size;
    bool opened;       /* it had been open */
    int http_status;   /* of a refused upgrade; else 0 */
    int close_code;    /* that was received; else 0 */
    const char *error; /* one line without secrets */
    const char *handshake_status,
        *handshake_message;     /* headers Handshake-Status and Handshake-Msg of a refusal; else "" */
    const char *handshake_code; /* header Handshake-Autherrcode of it; else "" */
} sw_ws_end;

typedef struct {
    uint32_t size;      /* sizeof(sw_ws_call)                                         */
    const char *url;    /* wss://host/path?query, used exactly as given               */
    int timeout_ms;     /* until it is open; 0 means 15 s */
    size_t max_message; /* a longer message closes it with 1009; 0 means 4 MiB */
    /* All are called on one outbound thread, in order. `ended` is called exactly once, as the last one. */
    void (*opened)(void *arg, uint64_t handle);
    void (*message)(void *arg, uint64_t handle, bool binary, const void *data, size_t len);
    void (*ended)(void *arg, uint64_t handle, const sw_ws_end *why);
} sw_ws_call;

/* Begins a connection. Any thread. *ret_handle is set before any callback runs. The failures are those of
 * sw_http_start(); then no callback runs. */
SW_EXPORT SW_MUST_USE sw_status sw_ws_connect(sw_host *host, const sw_ws_call *call, void *arg, uint64_t *ret_handle);
/* Queues one message. Any thread. false when the connection is gone, or its queue of 8 MiB is full. */
SW_EXPORT bool sw_ws_send(sw_host *host, uint64_t handle, bool binary, const void *data, size_t len);
/* Ends the connection with a close handshake, or at once when `code` is 0. `ended` follows. Any thread. */
SW_EXPORT void sw_ws_close(sw_host *host, uint64_t handle, int code);

SW_END_DECLS
#endif
