/* sw_http_wait(): a handler on the slow lane waits for its answer. */
#include "core/base/table.h"
#include "core/outbound/outbound.h"
#include <pthread.h>
#include <string.h>

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
    const char *empty = "";

    pthread_mutex_lock(&w->lock);
    w->answer = *answer;
    w->answer.error = sw_strdup(w->req, answer->error);
    w->answer.body = sw_strndup(w->req, answer->body, answer->body_len);
    w->answer.headers = sw_strdup(w->req, answer->headers);
    if (!w->answer.error || !w->answer.body || !w->answer.headers)
        w->answer = (sw_http_answer){.size = sizeof *answer,
                                     .error = "out of memory",
                                     .body = empty,
                                     .headers = empty,
                                     .outcome = SW_HTTP_FAILED};
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
