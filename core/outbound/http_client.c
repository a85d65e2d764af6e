/* HTTP requests to other machines: libcurl's multi interface on a thread of its own.
 *
 * Any thread leaves its call in `waiting` and wakes the thread. That moves calls into libcurl, and tells each one's
 * outcome to the plugin that asked. libcurl and the thread begin with the first call. A call belongs to the client from
 * then on; only its thread frees it. */
#include "core/outbound/outbound.h"

#include "core/base/log.h"
#include "core/base/table.h"
#include "core/common/buf.h"
#include "core/crash/crash_scope.h"
#include "core/outbound/libcurl.h"
#include "core/outbound/outbound_url.h"
#include "core/runtime/thread.h"

#include <pthread.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>

enum { CALLS_MAX = 64, CALLS_WAITING_MAX = 1024, POLL_MS = 60000, HEADERS_MAX = 64 * 1024, TIMEOUT_MS = 30000 };
#define ANSWER_MAX ((size_t)4 << 20)

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

struct http_client {
    pthread_t thread;
    pthread_mutex_t lock;
    CURLM *multi; /* NULL before the first call; made under the lock */
    char *ca_file, *proxy;
    http_call *waiting, **waiting_last; /* under the lock */
    unsigned waiting_count;             /* under the lock */
    unsigned open;                      /* under the lock: not told its outcome yet */
    bool stopping;                      /* under the lock */
    http_call *running;                 /* the thread's */
    bool halted;                        /* the thread has ended; main thread */
};

static http_call *call_new(const sw_http_call *call, const outbound_url *url, const char *ca_file, const char *proxy);
static void call_free(http_call *c);
static sw_http_answer answer_of(http_call *c, CURLcode code, const char *stopped);
static void *client_main(void *arg);

http_client *http_client_start(const char *ca_file, const char *proxy)
{
    http_client *client = calloc(1, sizeof *client);

    if (!client)
        return NULL;
    pthread_mutex_init(&client->lock, NULL);
    client->waiting_last = &client->waiting;
    client->ca_file = strdup(ca_file);
    client->proxy = strdup(proxy);
    if (client->ca_file && client->proxy)
        return client;
    http_client_stop(client);
    return NULL;
}

/* libcurl and the thread, unless they are there. */
static bool begin(http_client *client)
{
    const char *why = "the thread cannot be started";
    pthread_mutex_lock(&client->lock);
    if (!client->multi && libcurl_open(&why)) {
        client->multi = curl_multi_init();
        if (client->multi && !thread_start(&client->thread, "http-out", client_main, client)) {
            curl_multi_cleanup(client->multi);
            client->multi = NULL;
        }
    }
    bool runs = client->multi != NULL;
    pthread_mutex_unlock(&client->lock);
    if (!runs)
        log_error("outbound", "no request to another machine can be made: %s", why ? why : "out of memory");
    return runs;
}

void http_client_halt(http_client *client)
{
    if (!client || client->halted)
        return;
    pthread_mutex_lock(&client->lock);
    client->stopping = true;
    bool runs = client->multi != NULL;
    pthread_mutex_unlock(&client->lock);
    if (runs) {
        curl_multi_wakeup(client->multi);
        pthread_join(client->thread, NULL);
    }
    client->halted = true;
}

void http_client_stop(http_client *client)
{
    if (!client)
        return;
    http_client_halt(client);
    if (client->multi)
        curl_multi_cleanup(client->multi);
    pthread_mutex_destroy(&client->lock);
    free(client->ca_file);
    free(client->proxy);
    free(client);
}

sw_status http_client_call(http_client *client, const sw_http_call *given, sw_http_done done, void *arg)
{
    outbound_url url;
    sw_http_call whole;
    const sw_http_call *call = &whole;
    sw_status status = SW_OK;

    if (!struct_read(&whole, sizeof whole, given, STRUCT_THROUGH(sw_http_call, max_answer)))
        return SW_INTERNAL;
    if (!outbound_url_parse(call->url, "https", "http", &url))
        return SW_INVALID;
    if (!begin(client))
        return SW_UNAVAILABLE;
    http_call *c = call_new(call, &url, client->ca_file, client->proxy);
    if (!c)
        return SW_NO_MEMORY;
    c->done = done;
    c->arg = arg;
    c->asked_by = crash_running;
    pthread_mutex_lock(&client->lock);
    if (client->stopping || client->waiting_count >= CALLS_WAITING_MAX) {
        status = SW_BUSY;
    } else {
        *client->waiting_last = c;
        client->waiting_last = &c->next;
        client->waiting_count++;
        client->open++;
    }
    pthread_mutex_unlock(&client->lock);
    if (status != SW_OK)
        call_free(c);
    else
        curl_multi_wakeup(client->multi);
    return status;
}

unsigned http_client_open(http_client *client)
{
    pthread_mutex_lock(&client->lock);
    unsigned open = client->open;
    pthread_mutex_unlock(&client->lock);
    return open;
}

/* ---- the thread ---- */

/* Tells the outcome and frees the call. On the client's thread. */
static void call_end(http_client *client, http_call *c, CURLcode code, const char *stopped)
{
    sw_http_answer answer = answer_of(c, code, stopped);
    crash_scope before = crash_enter(c->asked_by.owner, "answer", c->asked_by.kind, c->asked_by.name);

    c->done(c->arg, &answer);
    crash_leave(before);
    call_free(c);
    pthread_mutex_lock(&client->lock);
    client->open--;
    pthread_mutex_unlock(&client->lock);
}

/* Moves waiting calls into libcurl, at most CALLS_MAX at once. false: stopping. */
static bool take_waiting(http_client *client, unsigned *running)
{
    pthread_mutex_lock(&client->lock);
    bool stopping = client->stopping;
    while (!stopping && client->waiting && *running < CALLS_MAX) {
        http_call *c = client->waiting;
        client->waiting = c->next;
        if (!client->waiting)
            client->waiting_last = &client->waiting;
        client->waiting_count--;
        c->next = client->running;
        c->turn_ms = sw_monotonic_ms();
        client->running = c;
        curl_multi_add_handle(client->multi, c->easy);
        (*running)++;
    }
    pthread_mutex_unlock(&client->lock);
    return !stopping;
}

static void forget_running(http_client *client, http_call *gone)
{
    for (http_call **at = &client->running; *at; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            return;
        }
}

/* Ends what is finished. true: a place became free, so look at the waiting ones before sleeping. */
static bool finish_done(http_client *client, unsigned *running)
{
    CURLMsg *message;
    int left;
    bool any = false;

    while ((message = curl_multi_info_read(client->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        char *private_pointer = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private_pointer);
        http_call *c = (http_call *)(void *)private_pointer;
        curl_multi_remove_handle(client->multi, c->easy);
        forget_running(client, c);
        (*running)--;
        any = true;
        call_end(client, c, code, NULL);
    }
    return any;
}

static void end_all(http_client *client, http_call *list, bool added)
{
    while (list) {
        http_call *c = list;
        list = c->next;
        if (added)
            curl_multi_remove_handle(client->multi, c->easy);
        call_end(client, c, CURLE_OK, "stopped");
    }
}

static void *client_main(void *arg)
{
    http_client *client = arg;
    unsigned running = 0;
    int active;

    while (take_waiting(client, &running)) {
        curl_multi_perform(client->multi, &active);
        if (!finish_done(client, &running))
            curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
    }
    end_all(client, client->running, true);
    end_all(client, client->waiting, false);
    client->running = client->waiting = NULL;
    return NULL;
}

/* ---- one call: what libcurl is told of it ---- */

static size_t collect(char *bytes, size_t size, size_t count, void *arg)
{
    buf *b = arg;

    buf_add(b, bytes, size * count);
    return b->failed ? 0 : size * count;
}

static void call_free(http_call *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    buf_done(&c->body);
    buf_done(&c->answer);
    buf_done(&c->answer_headers);
    free(c);
}

static bool set_headers(http_call *c, const char *const *headers)
{
    for (; headers && *headers; headers++) {
        if (strpbrk(*headers, "\r\n"))
            return false;
        struct curl_slist *more = curl_slist_append(c->headers, *headers);
        if (!more)
            return false;
        c->headers = more;
    }
    struct curl_slist *more = curl_slist_append(c->headers, "Expect:");
    if (!more)
        return false;
    c->headers = more;
    return curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK;
}

static bool set_options(http_call *c, const sw_http_call *call, const outbound_url *url, const char *ca_file,
                        const char *proxy)
{
    CURL *e = c->easy;
    const char *method = call->method ? call->method : "GET";

    bool ok = curl_easy_setopt(e, CURLOPT_URL, call->url) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, url->tls ? "https" : "http") == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(call->timeout_ms > 0 ? call->timeout_ms : TIMEOUT_MS)) ==
                  CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, collect) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_WRITEDATA, &c->answer) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, collect) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_HEADERDATA, &c->answer_headers) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_PRIVATE, c) == CURLE_OK;
    if (ok && *ca_file)
        ok = curl_easy_setopt(e, CURLOPT_CAINFO, ca_file) == CURLE_OK;
    if (ok && outbound_is_loopback(url->host))
        ok = curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK;
    else if (ok && *proxy)
        ok = curl_easy_setopt(e, CURLOPT_PROXY, proxy) == CURLE_OK;
    if (ok && (call->body_len > 0 || strcmp(method, "POST") == 0)) {
        buf_add(&c->body, call->body, call->body_len);
        buf_add(&c->body, "", 1);
        ok = !c->body.failed &&
             curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len) == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_POSTFIELDS, c->body.at) == CURLE_OK;
    }
    /* An answer to HEAD states the length of a body, but no body comes. */
    if (ok && strcmp(method, "HEAD") == 0)
        ok = curl_easy_setopt(e, CURLOPT_NOBODY, 1L) == CURLE_OK;
    return ok && curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK && set_headers(c, call->headers);
}

/* NULL: no memory, or libcurl refuses an option. The caller sets whom it tells. */
static http_call *call_new(const sw_http_call *call, const outbound_url *url, const char *ca_file, const char *proxy)
{
    http_call *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    buf_init(&c->body, call->body_len + 1);
    buf_init(&c->answer, (call->max_answer ? call->max_answer : ANSWER_MAX) + 1);
    buf_init(&c->answer_headers, HEADERS_MAX);
    c->easy = curl_easy_init();
    if (c->easy && set_options(c, call, url, ca_file, proxy))
        return c;
    call_free(c);
    return NULL;
}

/* ---- one call: what the plugin is told of its end ---- */

/* It ended before a byte of the request could leave. */
static bool never_left(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return true;
    default:
        return false;
    }
}

static sw_http_outcome outcome_of(const http_call *c, CURLcode code, const char *stopped)
{
    if (stopped)
        return SW_HTTP_STOPPED;
    if (c->answer_headers.failed)
        return SW_HTTP_FAILED;
    if (c->answer.failed)
        return SW_HTTP_TOO_LONG;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return SW_HTTP_TIMED_OUT;
    return code != CURLE_OK ? SW_HTTP_FAILED : SW_HTTP_ANSWERED;
}

static const char *error_of(const http_call *c, CURLcode code)
{
    if (c->answer_headers.failed)
        return "the head of the answer is too long";
    return c->answer.failed ? "the answer is too long" : curl_easy_strerror(code);
}

/* The answer as the plugin gets it; its texts are the call's. With `stopped` NULL it has ended by itself, with `code`.
 */
static sw_http_answer answer_of(http_call *c, CURLcode code, const char *stopped)
{
    sw_http_answer answer = {.size = sizeof answer, .error = "", .body = "", .headers = ""};
    long status = 0;

    buf_add(&c->answer, "", 1);
    buf_add(&c->answer_headers, "", 1);
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    answer.outcome = outcome_of(c, code, stopped);
    answer.took_ms = c->turn_ms ? sw_monotonic_ms() - c->turn_ms : 0;
    if (answer.outcome == SW_HTTP_ANSWERED || answer.outcome == SW_HTTP_TOO_LONG) {
        answer.head_status = (int)status;
        answer.headers = c->answer_headers.at;
    }
    if (answer.outcome == SW_HTTP_ANSWERED) {
        answer.status = (int)status;
        answer.body = c->answer.at;
        answer.body_len = c->answer.len - 1;
    } else {
        answer.error = stopped ? stopped : error_of(c, code);
        answer.unsent = stopped ? !c->turn_ms : never_left(code);
    }
    return answer;
}
