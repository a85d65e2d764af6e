/* HTTP requests to other machines: a thread of its own (http-out) that drives libcurl's multi interface. */
#ifndef CORE_OUTBOUND_HTTP_CLIENT_H
#define CORE_OUTBOUND_HTTP_CLIENT_H

#include <stdbool.h>
#include <steward/outbound.h>

typedef struct http_client http_client;

/* `ca_file`, `proxy`: "" for the system's. NULL: no memory or no thread. Main thread. */
http_client *http_client_start(const char *ca_file, const char *proxy);
/* Ends what runs (callbacks with "stopped") and joins the thread; calls are refused from then on. NULL is fine. */
void http_client_halt(http_client *c);
/* Halts and frees. NULL is fine. */
void http_client_stop(http_client *c);
/* As sw_http_start(). Any thread. */
sw_status http_client_call(http_client *c, const sw_http_call *call, sw_http_done done, void *arg);
/* Calls whose callback has not come back. Any thread. */
unsigned http_client_open(http_client *c);

#endif
