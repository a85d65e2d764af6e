/* The door of this folder: a client for HTTP, one for WebSockets, and both together, behind <steward/outbound.h>.
 *
 * Each client waits in its own library's poll and is woken by that library (curl_multi_wakeup, lws_cancel_service):
 * with a few dozen connections that costs nothing and needs no glue to an event loop. */
#ifndef CORE_OUTBOUND_OUTBOUND_H
#define CORE_OUTBOUND_OUTBOUND_H

#include <stdbool.h>
#include <steward/outbound.h>

/* ---- http_client.c: HTTP requests, by a thread (http-out) that drives libcurl's multi interface ---- */

typedef struct http_client http_client;

/* `ca_file`, `proxy`: "" for the system's. NULL: no memory or no thread. Main thread. */
http_client *http_client_start(const char *ca_file, const char *proxy);
/* Ends what runs (callbacks with "stopped") and joins the thread; calls are refused from then on. NULL is fine. */
void http_client_halt(http_client *c);
/* Halts and frees. NULL is fine. */
void http_client_stop(http_client *c);
/* As sw_http_start(). Any thread. */
sw_status http_client_call(http_client *c, const sw_http_call *call, sw_http_done done, void *arg);
/* As sw_http_cancel(). Any thread. */
void http_client_cancel(http_client *c, uint64_t handle);
/* Calls whose callback has not come back. Any thread. */
unsigned http_client_open(http_client *c);

/* ---- ws_client.c: WebSockets, by a thread (ws-out) that runs libwebsockets' client ---- */

typedef struct ws_client ws_client;

/* `ca_file`, `proxy`: "" for the system's. NULL: no memory or no thread. Main thread. */
ws_client *ws_client_start(const char *ca_file, const char *proxy);
/* Ends every connection (`ended` with "stopped") and joins the thread; nothing is accepted from then on. NULL is fine.
 */
void ws_client_halt(ws_client *c);
/* Halts and frees. NULL is fine. */
void ws_client_stop(ws_client *c);
/* As sw_ws_connect(), sw_ws_send() and sw_ws_close(). Any thread. */
sw_status ws_client_connect(ws_client *c, const sw_ws_call *call, void *arg, uint64_t *ret_handle);
bool ws_client_send(ws_client *c, uint64_t handle, bool binary, const void *data, size_t len);
void ws_client_close(ws_client *c, uint64_t handle, int code);

/* ---- outbound.c: both together ---- */

/* Stands in the network's place, for tests of plugins. `http` does what http_client_call() does, `halt` what
 * http_client_halt() does. */
typedef struct {
    sw_status (*http)(void *self, const sw_http_call *call, sw_http_done done, void *arg);
    void (*halt)(void *self);
    void *self;
} outbound_stub;

struct outbound {
    http_client *http;
    ws_client *ws;
    outbound_stub stub; /* http NULL: calls go to the network. Set before anybody calls */
};

/* `ca_file`, `proxy`: "" for the system's. NULL: no memory or no thread. */
struct outbound *outbound_start(const char *ca_file, const char *proxy);
/* Ends what runs (callbacks with "stopped") and joins both threads; calls are refused from then on. NULL is fine. */
void outbound_halt(struct outbound *o);
/* Halts and frees: when no thread can call any more. NULL is fine. */
void outbound_stop(struct outbound *o);

#endif
