/* Start and stop of both clients, and what plugins call. Start and stop: main thread; the rest: any thread. */
#include "core/outbound/outbound.h"

#include "core/base/table.h"
#include "core/runtime/runtime.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct outbound *outbound_start(const char *ca_file, const char *proxy)
{
    struct outbound *o = calloc(1, sizeof *o);

    if (!o)
        return NULL;
    o->http = http_client_start(ca_file, proxy);
    o->ws = ws_client_start(ca_file, proxy);
    if (!o->http || !o->ws) {
        outbound_stop(o);
        return NULL;
    }
    return o;
}

void outbound_halt(struct outbound *o)
{
    if (!o)
        return;
    if (o->stub.halt)
        o->stub.halt(o->stub.self);
    ws_client_halt(o->ws);
    http_client_halt(o->http);
}

void outbound_stop(struct outbound *o)
{
    if (!o)
        return;
    ws_client_stop(o->ws);
    http_client_stop(o->http);
    free(o);
}

/* ---- what plugins call ---- */

sw_status sw_http_start(sw_host *host, const sw_http_call *call, sw_http_done done, void *arg)
{
    struct outbound *o = host->rt->outbound;

    if (o && o->stub.http)
        return o->stub.http(o->stub.self, call, done, arg);
    return o ? http_client_call(o->http, call, done, arg) : SW_BUSY;
}

void sw_http_cancel(sw_host *host, uint64_t handle)
{
    struct outbound *o = host->rt->outbound;

    if (o && !o->stub.http)
        http_client_cancel(o->http, handle);
}

sw_status sw_ws_connect(sw_host *host, const sw_ws_call *call, void *arg, uint64_t *ret_handle)
{
    struct outbound *o = host->rt->outbound;

    return o && !o->stub.http ? ws_client_connect(o->ws, call, arg, ret_handle) : SW_BUSY;
}

bool sw_ws_send(sw_host *host, uint64_t handle, bool binary, const void *data, size_t len)
{
    struct outbound *o = host->rt->outbound;

    return o && ws_client_send(o->ws, handle, binary, data, len);
}

void sw_ws_close(sw_host *host, uint64_t handle, int code)
{
    struct outbound *o = host->rt->outbound;

    if (o)
        ws_client_close(o->ws, handle, code);
}

void sw_http_header(const sw_http_answer *answer, const char *name, char *out, size_t out_size)
{
    size_t name_len = strlen(name);

    out[0] = '\0';
    for (const char *line = answer->headers; line && *line;) {
        size_t len = strcspn(line, "\r\n");
        if (len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0) {
            const char *value = line + name_len + 1;
            value += strspn(value, " \t");
            size_t value_len = (size_t)(line + len - value);
            if (value_len >= out_size)
                value_len = out_size - 1;
            memcpy(out, value, value_len);
            out[value_len] = '\0';
        }
        line += len;
        line += strspn(line, "\r\n");
    }
}

/* ---- sw_http_wait(): a handler on the slow lane sleeps until its answer is there ---- */

enum { ANSWER_FIRST = STRUCT_THROUGH(sw_http_answer, unsent) };

/* Shared by the waiting handler and the outbound thread; lives on the handler's stack until `finished`. */
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool finished;
    sw_request *req;
    sw_http_answer answer;
} waiter;

/* On the outbound thread, while the handler sleeps: so the request's memory has one user at a time. */
static void wake_up(void *arg, const sw_http_answer *answer)
{
    waiter *w = arg;
    pthread_mutex_lock(&w->lock);
    w->answer = *answer;
    w->answer.error = sw_strdup(w->req, answer->error);
    w->answer.body = sw_strndup(w->req, answer->body, answer->body_len);
    w->answer.headers = sw_strdup(w->req, answer->headers);
    if (!w->answer.error || !w->answer.body || !w->answer.headers)
        w->answer = (sw_http_answer){
            .size = sizeof *answer, .error = "out of memory", .body = "", .headers = "", .outcome = SW_HTTP_FAILED};
    w->finished = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

sw_status sw_http_wait(sw_request *req, const sw_http_call *call, sw_http_answer *ret)
{
    waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .req = req};

    if (ret->size < ANSWER_FIRST)
        return SW_INTERNAL;
    SW_TRY(sw_http_start(sw_request_host(req), call, wake_up, &w));
    pthread_mutex_lock(&w.lock);
    while (!w.finished)
        pthread_cond_wait(&w.wake, &w.lock);
    pthread_mutex_unlock(&w.lock);
    pthread_cond_destroy(&w.wake);
    pthread_mutex_destroy(&w.lock);
    return struct_give(ret, &w.answer, sizeof w.answer, ANSWER_FIRST) ? SW_OK : SW_INTERNAL;
}
