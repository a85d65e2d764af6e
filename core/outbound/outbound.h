/* The two outbound threads behind <steward/outbound.h>: one drives libcurl's multi interface, one a libwebsockets
 * context. Each waits in its library's own poll and is woken by it (curl_multi_wakeup, lws_cancel_service): with a few
 * dozen connections that costs nothing and needs no glue to an event loop. */
#ifndef CORE_OUTBOUND_OUTBOUND_H
#define CORE_OUTBOUND_OUTBOUND_H

#include "core/runtime/runtime.h"
#include <steward/outbound.h>

typedef struct http_client http_client;
typedef struct ws_client ws_client;

/* Stands in the network's place, for tests of plugins. `http` as http_client_call(), `halt` as http_client_halt(). */
typedef struct {
    sw_status (*http)(void *self, const sw_http_call *call, sw_http_done done, void *arg);
    void (*halt)(void *self);
    void *self;
} outbound_stub;

struct outbound {
    http_client *http;
    ws_client *ws;
    outbound_stub stub; /* http NULL: the network. Set before anybody calls */
};

/* `ca_file`, `proxy`: "" for the system's. NULL: no memory or no thread. */
struct outbound *outbound_start(const char *ca_file, const char *proxy);
/* Ends what runs (callbacks with "stopped") and joins both threads; calls are refused from then on. NULL is fine. */
void outbound_halt(struct outbound *o);
/* Halts and frees: when no thread can call any more. NULL is fine. */
void outbound_stop(struct outbound *o);

http_client *http_client_start(const char *ca_file, const char *proxy);
void http_client_halt(http_client *c);
void http_client_stop(http_client *c);
sw_status http_client_call(http_client *c, const sw_http_call *call, sw_http_done done, void *arg);
/* Calls whose callback has not come back. Any thread. */
unsigned http_client_open(http_client *c);

ws_client *ws_client_start(const char *ca_file, const char *proxy);
void ws_client_halt(ws_client *c);
void ws_client_stop(ws_client *c);
sw_status ws_client_connect(ws_client *c, const sw_ws_call *call, void *arg, uint64_t *ret_handle);
bool ws_client_send(ws_client *c, uint64_t handle, bool binary, const void *data, size_t len);
void ws_client_close(ws_client *c, uint64_t handle, int code);

/* An address that may be spoken to: `secure` scheme with any host, `plain` scheme with a loopback host only. */
typedef struct {
    char host[256];
    int port;
    bool tls;
    const char *path; /* into the URL, from the '/' or '?' on; "/" when empty */
} outbound_url;

bool outbound_is_loopback(const char *host);
bool outbound_url_parse(const char *url, const char *secure, const char *plain, outbound_url *ret);

#endif
