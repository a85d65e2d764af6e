/* The network's place: outbound calls are kept, and answered by the test, one at a time on a thread of their own. */
#include "core/base/table.h"
#include "core/outbound/outbound_url.h"
#include "core/testhost/testhost.h"

#include <stdlib.h>
#include <string.h>

enum { CALLS_WAITING_MAX = 1024 };
#define ANSWER_MAX ((size_t)4 << 20) /* where the call names no other, as with the network */

/* One call: queued, then a record. Owned by the pool until it was answered. */
typedef struct {
    job job;
    sw_test *t;
    sw_http_call call; /* texts in `memory` */
    sw_http_done done;
    void *arg;
    arena memory;
} outbound_record;

static void outbound_free(void *data)
{
    outbound_record *r = data;
    arena_done(&r->memory);
    free(r);
}

static bool headers_copy(outbound_record *r, const char *const *headers)
{
    size_t count = 0;
    while (headers && headers[count])
        count++;
    const char **own = arena_alloc(&r->memory, (count + 1) * sizeof *own);
    for (size_t i = 0; own && i < count; i++)
        if (!(own[i] = arena_strndup(&r->memory, headers[i], strlen(headers[i]))))
            return false;
    r->call.headers = own;
    return own != NULL;
}

static bool call_copy(outbound_record *r, const sw_http_call *call)
{
    const char *method = call->method ? call->method : "GET";
    r->call = *call;
    r->call.method = arena_strndup(&r->memory, method, strlen(method));
    r->call.url = arena_strndup(&r->memory, call->url, strlen(call->url));
    r->call.body = arena_strndup(&r->memory, call->body ? call->body : "", call->body_len);
    return r->call.method && r->call.url && r->call.body && headers_copy(r, call->headers);
}

/* A body that is longer than the caller takes is a failure, as with the network. The outcome is what the rest says,
 * unless no answer came and the test says why. */
static void complete(const outbound_record *r, sw_http_answer *answer)
{
    size_t max = r->call.max_answer ? r->call.max_answer : ANSWER_MAX;
    if (answer->status && answer->body_len == 0)
        answer->body_len = strlen(answer->body);
    answer->size = sizeof *answer; /* a test of older headers has another */
    answer->head_status = answer->status;
    if (answer->body_len > max)
        *answer = (sw_http_answer){.size = sizeof *answer,
                                   .error = "the answer is too long",
                                   .body = "",
                                   .headers = answer->headers,
                                   .took_ms = answer->took_ms,
                                   .outcome = SW_HTTP_TOO_LONG,
                                   .head_status = answer->status};
    else if (answer->status)
        answer->outcome = SW_HTTP_ANSWERED;
    else if (answer->outcome == 0 || answer->outcome == SW_HTTP_ANSWERED)
        answer->outcome = SW_HTTP_FAILED;
}

static void run(job *j, worker *w)
{
    outbound_record *r = (outbound_record *)(void *)j;
    sw_test *t = r->t;
    sw_http_answer answer = {
        .size = sizeof answer, .status = 200, .error = "", .body = "", .headers = "", .outcome = SW_HTTP_ANSWERED};
    (void)w;
    if (t->answer)
        t->answer(t->answer_arg, &r->call, &answer);
    else
        answer = (sw_http_answer){
            .size = sizeof answer, .error = "no network in a test", .body = "", .headers = "", .unsent = true};
    complete(r, &answer);
    sw_http_done done = r->done;
    void *arg = r->arg;
    if (!record_add(&t->calls, "", r))
        outbound_free(r);
    done(arg, &answer);
    t->outbound_open--;
}

/* Refuses what the network's own code refuses. */
static sw_status start(void *self, const sw_http_call *given, sw_http_done done, void *arg)
{
    sw_test *t = self;
    outbound_url url;
    sw_http_call call;
    if (!struct_read(&call, sizeof call, given, STRUCT_THROUGH(sw_http_call, max_answer)))
        return SW_INTERNAL;
    if (!outbound_url_parse(call.url, "https", "http", &url))
        return SW_INVALID;
    outbound_record *r = calloc(1, sizeof *r);
    if (!r)
        return SW_NO_MEMORY;
    r->job.run = run;
    r->t = t;
    r->done = done;
    r->arg = arg;
    if (!call_copy(r, &call)) {
        outbound_free(r);
        return SW_NO_MEMORY;
    }
    t->outbound_open++;
    t->outbound_total++;
    if (pool_submit(&t->outbound, &r->job))
        return SW_OK;
    t->outbound_open--;
    outbound_free(r);
    return SW_BUSY;
}

static void halt(void *self)
{
    pool_halt(&((sw_test *)self)->outbound);
}

bool stub_open(sw_test *t)
{
    t->stub = (outbound_stub){.http = start, .halt = halt, .self = t};
    return (pool_open(&t->outbound, &t->s.rt, "http-out", 1, CALLS_WAITING_MAX, false) && pool_start(&t->outbound)) ||
           host_fail(t, "the outbound thread cannot be started");
}

void stub_close(sw_test *t)
{
    pool_done(&t->outbound);
}

void stub_calls_free(sw_test *t)
{
    records_free(&t->calls, outbound_free);
}

const sw_http_call *sw_test_outbound_call(sw_test *t, size_t index)
{
    const record *r = record_at(&t->calls, NULL, index);
    return r ? &((const outbound_record *)r->data)->call : NULL;
}
