/* HTTP requests to other machines: libcurl's multi interface on a thread of its own. One of them is http_call.c's. */
#include "core/base/table.h"
#include "core/outbound/http_call.h"
#include "core/runtime/thread.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS_MAX = 64, CALLS_WAITING_MAX = 1024, POLL_MS = 60000 };

struct http_client {
    pthread_t thread;
    pthread_mutex_t lock;
    CURLM *multi;
    char *ca_file, *proxy;
    http_call *waiting, **waiting_last; /* under the lock */
    unsigned waiting_count;             /* under the lock */
    unsigned open;                      /* under the lock: not told its outcome yet */
    bool stopping;                      /* under the lock */
    http_call *running;                 /* the thread's */
    bool halted;                        /* the thread has ended; main thread */
};

/* Tells the outcome and frees the call. On the client's thread. */
static void call_end(http_client *client, http_call *c, CURLcode code, const char *stopped)
{
    sw_http_answer answer = http_call_answer(c, code, stopped);
    crash_scope before = crash_enter(c->asked_by.owner, "answer", c->asked_by.kind, c->asked_by.name);

    c->done(c->arg, &answer);
    crash_leave(before);
    http_call_free(c);
    pthread_mutex_lock(&client->lock);
    client->open--;
    pthread_mutex_unlock(&client->lock);
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
    http_call *c = http_call_new(call, &url, client->ca_file, client->proxy);
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
        http_call_free(c);
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

http_client *http_client_start(const char *ca_file, const char *proxy)
{
    http_client *client = calloc(1, sizeof *client);

    if (!client)
        return NULL;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    pthread_mutex_init(&client->lock, NULL);
    client->waiting_last = &client->waiting;
    client->ca_file = strdup(ca_file);
    client->proxy = strdup(proxy);
    client->multi = curl_multi_init();
    if (client->ca_file && client->proxy && client->multi &&
        thread_start(&client->thread, "http-out", client_main, client))
        return client;
    if (client->multi)
        curl_multi_cleanup(client->multi);
    free(client->ca_file);
    free(client->proxy);
    free(client);
    return NULL;
}

void http_client_halt(http_client *client)
{
    if (!client || client->halted)
        return;
    pthread_mutex_lock(&client->lock);
    client->stopping = true;
    pthread_mutex_unlock(&client->lock);
    curl_multi_wakeup(client->multi);
    pthread_join(client->thread, NULL);
    client->halted = true;
}

void http_client_stop(http_client *client)
{
    if (!client)
        return;
    http_client_halt(client);
    curl_multi_cleanup(client->multi);
    pthread_mutex_destroy(&client->lock);
    free(client->ca_file);
    free(client->proxy);
    free(client);
}
