/* Talking to other machines: HTTP requests and WebSocket connections of a plugin's own.
 *
 * Threads:   the host does the work on two threads of its own. Callbacks run there and must not block;
 *            they usually hand on with sw_task_run() or sw_complete(). sw_http_wait() blocks and
 *            belongs on the slow lane alone.
 * Security:  https and wss with certificate and host name verified (outbound.ca_file adds authorities).
 *            http and ws only to a loopback host, which tests need. Redirects are not followed.
 * Ownership: what a callback gets is valid during the call; what you pass in is copied. */
#ifndef STEWARD_OUTBOUND_H
#define STEWARD_OUTBOUND_H

#include <steward/request.h>

SW_BEGIN_DECLS

typedef struct {
    uint32_t size;      /* sizeof(sw_http_call)                                       */
    const char *method; /* "POST", "HEAD" (no body comes); NULL: GET                  */
    const char *url;
    const char *const *headers; /* "Name: value", ends with NULL; NULL: none                  */
    const void *body;
    size_t body_len;
    int timeout_ms;    /* of the whole exchange, from its turn on, 0: 30 s           */
    size_t max_answer; /* a longer body is a failure, 0: 4 MiB                       */
} sw_http_call;

/* Since 1.1. What a request came to. */
typedef enum {
    SW_HTTP_ANSWERED = 1, /* `status`, `body` and `headers` are there                   */
    SW_HTTP_FAILED,       /* no connection, a broken one, a certificate: see error      */
    SW_HTTP_TIMED_OUT,    /* not whole within timeout_ms                                */
    SW_HTTP_TOO_LONG,     /* the body is longer than max_answer: see head_status        */
    SW_HTTP_STOPPED       /* the host stops                                             */
} sw_http_outcome;

typedef struct {
    uint32_t size;
    int status;        /* of HTTP; 0: no answer, see error                           */
    const char *error; /* one line without secrets (no URL), whose wording may change; "" when status is set */
    const char *body;  /* NUL-ended                                                  */
    size_t body_len;
    const char *headers; /* lines "name: value\r\n" as they came                       */
    bool unsent;         /* status 0: no connection came about, so nobody has seen the request */
    /* Since 1.1: */
    int64_t took_ms;         /* from its turn to its end, without the wait for a free place     */
    sw_http_outcome outcome; /* errors are texts for people: compare this                  */
    int head_status;         /* of HTTP, whenever the head came whole: with SW_HTTP_TOO_LONG, too, as `headers` do */
} sw_http_answer;

/* Exactly once, on an outbound thread; also when the host stops (status 0, "stopped"). */
typedef void (*sw_http_done)(void *arg, const sw_http_answer *answer);

/* Any thread. SW_INVALID: URL not allowed. SW_BUSY: 64 calls of all plugins run and 1024 wait for their turn, or
 * stopping. SW_INTERNAL: no size. On failure `done` is not called. */
SW_EXPORT SW_MUST_USE sw_status sw_http_start(sw_host *host, const sw_http_call *call, sw_http_done done, void *arg);
/* The same, waited for. Slow lane only: few threads, and a stop waits for them. For what is long or many rather
 * sw_http_start(), with sw_defer() where a client waits. The answer lives in the request's memory. SW_TIMED_OUT etc.
 * are told by status 0 and error; SW_OK means only that *ret, whose size you set, is filled; failures as of
 * sw_http_start(). */
SW_EXPORT SW_MUST_USE sw_status sw_http_wait(sw_request *req, const sw_http_call *call, sw_http_answer *ret);
/* A header of an answer (any case), copied to `out` and cut to fit ("" when absent; the last one of several). */
SW_EXPORT void sw_http_header(const sw_http_answer *answer, const char *name, char *out, size_t out_size);

/* ---- WebSocket ---- */

/* Why a connection ended or never was. */
typedef struct {
    uint32_t size;
    bool opened;                                      /* it had been open                                           */
    int http_status;                                  /* of a refused upgrade, 0: none                              */
    int close_code;                                   /* received, 0: none                                          */
    const char *error;                                /* one line without secrets                                   */
    const char *handshake_status, *handshake_message; /* headers Handshake-Status, Handshake-Msg of a refusal, "" */
    const char *handshake_code;                       /* header Handshake-Autherrcode                               */
} sw_ws_end;

typedef struct {
    uint32_t size;      /* sizeof(sw_ws_call)                                         */
    const char *url;    /* wss://host/path?query, used exactly as given               */
    int timeout_ms;     /* until open, 0: 15 s                                        */
    size_t max_message; /* a longer message closes with 1009, 0: 4 MiB                */
    /* All on one outbound thread, in order; `ended` exactly once and last. */
    void (*opened)(void *arg, uint64_t handle);
    void (*message)(void *arg, uint64_t handle, bool binary, const void *data, size_t len);
    void (*ended)(void *arg, uint64_t handle, const sw_ws_end *why);
} sw_ws_call;

/* Any thread. *ret_handle is set before any callback runs. Failures as of sw_http_start(); then no callback runs. */
SW_EXPORT SW_MUST_USE sw_status sw_ws_connect(sw_host *host, const sw_ws_call *call, void *arg, uint64_t *ret_handle);
/* Queues one message. false: the connection is gone or its queue (8 MiB) is full. Any thread. */
SW_EXPORT bool sw_ws_send(sw_host *host, uint64_t handle, bool binary, const void *data, size_t len);
/* Ends it: with a close handshake, or at once when `code` is 0. `ended` follows. Any thread. */
SW_EXPORT void sw_ws_close(sw_host *host, uint64_t handle, int code);

SW_END_DECLS
#endif
