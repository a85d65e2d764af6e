/* One HTTP request to another machine: what libcurl is told of it, and what the plugin is told of its end. */
#ifndef CORE_OUTBOUND_HTTP_CALL_H
#define CORE_OUTBOUND_HTTP_CALL_H

#include "common/buf.h"
#include "core/crash/crash_scope.h"
#include "core/outbound/outbound.h"
#include <curl/curl.h>

/* Owned by the client from the call on, by its thread once taken from the queue. */
typedef struct http_call {
    struct http_call *next;
    CURL *easy;
    struct curl_slist *headers;
    buf body, answer, answer_headers;
    int64_t turn_ms; /* when libcurl got it, monotonic; 0: never */
    sw_http_done done;
    void *arg;
    crash_scope asked_by;
} http_call;

/* `ca_file`, `proxy`: "" for the system's. NULL: no memory, or libcurl refuses an option. The caller sets whom it
 * tells. */
http_call *http_call_new(const sw_http_call *call, const outbound_url *url, const char *ca_file, const char *proxy);
/* NULL is fine. */
void http_call_free(http_call *c);
/* The answer as the plugin gets it; its texts are the call's. `stopped` NULL: it ended by itself, with `code`. */
sw_http_answer http_call_answer(http_call *c, CURLcode code, const char *stopped);

#endif
