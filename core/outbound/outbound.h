/* Both outbound clients together, and the public functions of <steward/outbound.h>.
 *
 * Each client waits in its own library's poll and is woken by that library (curl_multi_wakeup, lws_cancel_service):
 * with a few dozen connections that costs nothing and needs no glue to an event loop. */
#ifndef CORE_OUTBOUND_OUTBOUND_H
#define CORE_OUTBOUND_OUTBOUND_H

#include "core/outbound/http_client.h"
#include "core/outbound/ws_client.h"

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
