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
#include <sys/socket.h>

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
    void (*head)(void *arg, int status, const char *headers);
    void (*piece)(void *arg, const void *data, size_t len);
    bool head_told;
    size_t received, max_answer; /* of pieces */
    int64_t heard_ms, idle_ms;   /* when something came last, or its turn; how long it may be silent, 0: for ever */
    uint64_t handle;
    bool cancelled;      /* under the lock */
    uint32_t flags;      /* SW_HTTP_* */
    bool tls, direct;    /* direct: to the machine of the URL, by no proxy */
    const char *refused; /* why the address was not called */
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
    http_call *running;                 /* the thread's, but linked under the lock */
    uint64_t next_handle;               /* under the lock */
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
    bool allowed = call->flags & SW_HTTP_PLAIN_PRIVATE ? outbound_url_read(call->url, "https", "http", &url)
                                                       : outbound_url_parse(call->url, "https", "http", &url);
    if (!allowed)
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
        c->handle = ++client->next_handle;
        if (call->ret_handle)
            *call->ret_handle = c->handle;
    }
    pthread_mutex_unlock(&client->lock);
    if (status != SW_OK)
        call_free(c);
    else
        curl_multi_wakeup(client->multi);
    return status;
}

void http_client_cancel(http_client *client, uint64_t handle)
{
    pthread_mutex_lock(&client->lock);
    http_call *const lists[] = {client->waiting, client->running};
    for (unsigned i = 0; i < 2; i++)
        for (http_call *c = lists[i]; c; c = c->next)
            if (c->handle == handle)
                c->cancelled = true;
    pthread_mutex_unlock(&client->lock);
    curl_multi_wakeup(client->multi);
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
        c->turn_ms = c->heard_ms = sw_monotonic_ms();
        client->running = c;
        curl_multi_add_handle(client->multi, c->easy);
        (*running)++;
    }
    pthread_mutex_unlock(&client->lock);
    return !stopping;
}

static void forget_running(http_client *client, http_call *gone)
{
    pthread_mutex_lock(&client->lock);
    for (http_call **at = &client->running; *at; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            break;
        }
    pthread_mutex_unlock(&client->lock);
}

/* One that was cancelled, or is silent for too long; NULL: none. *ret_next_ms: how long none will be. */
static http_call *find_late(http_client *client, int *ret_next_ms)
{
    int64_t now = sw_monotonic_ms(), next = POLL_MS;
    http_call *late = NULL;
    pthread_mutex_lock(&client->lock);
    for (http_call *c = client->running; c && !late; c = c->next) {
        int64_t left = c->idle_ms ? c->heard_ms + c->idle_ms - now : POLL_MS;
        if (c->cancelled || left <= 0)
            late = c;
        else if (left < next)
            next = left;
    }
    pthread_mutex_unlock(&client->lock);
    *ret_next_ms = (int)next;
    return late;
}

/* Ends those. Returns how long to sleep at most. */
static int end_late(http_client *client, unsigned *running)
{
    int next_ms;
    for (http_call *c; (c = find_late(client, &next_ms));) {
        curl_multi_remove_handle(client->multi, c->easy);
        forget_running(client, c);
        (*running)--;
        call_end(client, c, c->cancelled ? CURLE_ABORTED_BY_CALLBACK : CURLE_OPERATION_TIMEDOUT, NULL);
    }
    return next_ms;
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
        (void)end_late(client, &running); /* some were cancelled before their turn */
        curl_multi_perform(client->multi, &active);
        bool finished = finish_done(client, &running);
        int sleep_ms = end_late(client, &running);
        if (!finished)
            curl_multi_poll(client->multi, NULL, 0, sleep_ms, NULL);
    }
    end_all(client, client->running, true);
    end_all(client, client->waiting, false);
    client->running = client->waiting = NULL;
    return NULL;
}

/* ---- one call: what libcurl is told of it ---- */

/* Returns `len`, or 0, which ends the request. */
static size_t collect(http_call *c, buf *to, const char *bytes, size_t len)
{
    c->heard_ms = sw_monotonic_ms();
    buf_add(to, bytes, len);
    return to->failed ? 0 : len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *http_call_)
{
    http_call *c = http_call_;
    size_t len = size * count;
    if (!c->piece)
        return collect(c, &c->answer, bytes, len);
    c->heard_ms = sw_monotonic_ms();
    c->received += len;
    if (c->received > c->max_answer) {
        c->answer.failed = true;
        return 0;
    }
    crash_scope before = crash_enter(c->asked_by.owner, "piece", c->asked_by.kind, c->asked_by.name);
    c->piece(c->arg, bytes, len);
    crash_leave(before);
    return len;
}

/* The empty line behind a head that is no "100 Continue" and the like: the plugin may hear of it. */
static void tell_head(http_call *c)
{
    long status = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    const char *headers = status >= 200 && !c->head_told && c->head ? buf_text(&c->answer_headers) : NULL;
    if (!headers)
        return;
    c->head_told = true;
    crash_scope before = crash_enter(c->asked_by.owner, "head", c->asked_by.kind, c->asked_by.name);
    c->head(c->arg, (int)status, headers);
    crash_leave(before);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *http_call_)
{
    http_call *c = http_call_;
    size_t taken = collect(c, &c->answer_headers, bytes, size * count);
    if (taken == 2 && memcmp(bytes, "\r\n", 2) == 0)
        tell_head(c);
    return taken;
}

/* NULL when that machine may be called. */
static const char *refusal_of(const http_call *c, const struct sockaddr *address)
{
    outbound_network network = outbound_network_of(address);
    if (!c->direct)
        return NULL;
    bool plain_private = c->flags & SW_HTTP_PLAIN_PRIVATE && network == NETWORK_PRIVATE;
    if (!c->tls && network != NETWORK_LOOPBACK && !plain_private)
        return c->flags & SW_HTTP_PLAIN_PRIVATE ? "http is for private networks alone"
                                                : "http is for this machine alone";
    if (c->tls && c->flags & SW_HTTP_PUBLIC_ONLY && network != NETWORK_PUBLIC)
        return "its address is not public";
    return NULL;
}

static curl_socket_t on_socket(void *http_call_, curlsocktype purpose, struct curl_sockaddr *address)
{
    http_call *c = http_call_;
    (void)purpose;
    c->refused = refusal_of(c, &address->addr);
    if (c->refused) {
        log_warn("outbound", "a request was not sent: %s", c->refused);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
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
    bool loopback = outbound_is_loopback(url->host), by_proxy = url->tls && !loopback && *proxy;
    long limit_ms = call->timeout_ms > 0 ? call->timeout_ms : call->piece ? 0 : TIMEOUT_MS;

    c->tls = url->tls;
    c->direct = !by_proxy;

    bool ok = curl_easy_setopt(e, CURLOPT_URL, call->url) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, url->tls ? "https" : "http") == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, limit_ms) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_WRITEDATA, c) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_HEADERDATA, c) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, c) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_PRIVATE, c) == CURLE_OK;
    if (ok && *ca_file)
        ok = curl_easy_setopt(e, CURLOPT_CAINFO, ca_file) == CURLE_OK;
    if (ok && by_proxy)
        ok = curl_easy_setopt(e, CURLOPT_PROXY, proxy) == CURLE_OK;
    else if (ok && (loopback || !url->tls))
        ok = curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK;
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
    c->head = call->head;
    c->piece = call->piece;
    c->idle_ms = call->idle_timeout_ms > 0 ? call->idle_timeout_ms : 0;
    c->max_answer = call->max_answer ? call->max_answer : ANSWER_MAX;
    c->flags = call->flags;
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
    if (c->cancelled)
        return SW_HTTP_CANCELLED;
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
    if (c->cancelled)
        return "cancelled";
    if (c->refused)
        return c->refused;
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
