/* What happened in a host, for the test to look at: events at their commit, outbound calls when they are answered, and
 * what the host says, which is its log and the text of its latest failure.
 *
 * Events and calls are kept in lists that one thread adds to while the test's reads: the writer, and the thread that
 * stands for the network, where the test answers the calls one at a time. */
#include "core/base/table.h"
#include "core/outbound/outbound_url.h"
#include "core/plugin/event_copy.h"
#include "core/plugin/registry.h"
#include "core/runtime/writer.h"
#include "core/testhost/testhost.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CALLS_WAITING_MAX = 1024 };
#define ANSWER_MAX ((size_t)4 << 20) /* where the call names no other, as with the network */

/* ---- the lists ---- */

static bool record_add(record_list *list, const char *name, void *data)
{
    size_t len = strlen(name) + 1;
    record *r = malloc(sizeof *r + len);
    if (!r)
        return false;
    char *own = (char *)(r + 1);
    memcpy(own, name, len);
    r->name = own;
    r->data = data;
    atomic_init(&r->next, NULL);
    if (list->last)
        atomic_store_explicit(&list->last->next, r, memory_order_release);
    else
        atomic_store_explicit(&list->first, r, memory_order_release);
    list->last = r;
    return true;
}

static record *record_at(const record_list *list, const char *name, size_t index)
{
    record *r = atomic_load_explicit(&list->first, memory_order_acquire);
    for (; r; r = atomic_load_explicit(&r->next, memory_order_acquire))
        if ((!name || strcmp(r->name, name) == 0) && index-- == 0)
            break;
    return r;
}

static void list_free(record_list *list, void (*free_data)(void *data))
{
    for (record *r = list->first, *next; r; r = next) {
        next = r->next;
        free_data(r->data);
        free(r);
    }
    list->first = NULL;
    list->last = NULL;
}

/* ---- events ---- */

/* One that becomes a record at the commit. */
typedef struct {
    sw_test *t;
    const char *event;
    event_copy *copy;
} published;

static void keep(void *arg)
{
    published *p = arg;
    if (!record_add(&p->t->events, p->event, p->copy))
        event_copy_unref(p->copy);
}

static void drop(void *arg)
{
    event_copy_unref(((published *)arg)->copy);
}

sw_status record_publish(sw_tx *tx, const char *event, const void *data, size_t len)
{
    published *p = arena_alloc(tx->arena, sizeof *p);
    event_copy *copy = p ? event_copy_new(event, data, len) : NULL;
    if (!copy)
        return SW_NO_MEMORY;
    *p = (published){.t = (sw_test *)(void *)tx->host->rt, .event = event, .copy = copy};
    if (!tx_effect(tx, keep, drop, p)) {
        event_copy_unref(copy);
        return SW_NO_MEMORY;
    }
    return events_publish(tx, event, data, len);
}

const void *sw_test_published(sw_test *t, const char *event, size_t index)
{
    const record *r = record_at(&t->events, event, index);
    return r ? event_copy_data(r->data) : NULL;
}

/* ---- the network's place ---- */

/* One call: queued, then a record. Owned by the pool until it was answered. */
typedef struct {
    job job;
    sw_test *t;
    sw_http_call call; /* texts in `memory` */
    sw_http_done done;
    void (*head)(void *arg, int status, const char *headers);
    void (*piece)(void *arg, const void *data, size_t len);
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
    if (r->head && answer.status)
        r->head(r->arg, answer.status, answer.headers);
    if (r->piece && answer.status) { /* all of it in one */
        if (answer.body_len)
            r->piece(r->arg, answer.body, answer.body_len);
        answer.body = "";
        answer.body_len = 0;
    }
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
    bool allowed = call.flags & SW_HTTP_PLAIN_PRIVATE ? outbound_url_read(call.url, "https", "http", &url)
                                                      : outbound_url_parse(call.url, "https", "http", &url);
    if (!allowed)
        return SW_INVALID;
    outbound_record *r = calloc(1, sizeof *r);
    if (!r)
        return SW_NO_MEMORY;
    r->job.run = run;
    r->t = t;
    r->done = done;
    r->arg = arg;
    r->head = call.head;
    r->piece = call.piece;
    if (call.ret_handle)
        *call.ret_handle = t->outbound_total + 1;
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
    return (pool_open(&t->outbound, &t->s.rt, "http-out", 1, CALLS_WAITING_MAX, 100, false) &&
            pool_start(&t->outbound)) ||
           host_fail(t, "the outbound thread cannot be started");
}

void stub_close(sw_test *t)
{
    pool_done(&t->outbound);
}

const sw_http_call *sw_test_outbound_call(sw_test *t, size_t index)
{
    const record *r = record_at(&t->calls, NULL, index);
    return r ? &((const outbound_record *)r->data)->call : NULL;
}

void records_free(sw_test *t)
{
    list_free(&t->events, event_copy_unref);
    list_free(&t->calls, outbound_free);
}

/* ---- what it says ---- */

bool host_fail(sw_test *t, const char *format, ...)
{
    va_list args;
    char text[HOST_ERROR_MAX];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    memcpy(t->error, text, len + 1);
    return false;
}

const char *sw_test_error(const sw_test *t)
{
    return t->error;
}

const char *sw_test_log(sw_test *t)
{
    struct stat st;
    int fd = t->folder_fd >= 0 ? openat(t->folder_fd, "log", O_RDONLY | O_CLOEXEC) : -1;
    size_t size = fd >= 0 && fstat(fd, &st) == 0 ? (size_t)st.st_size : 0, len = 0;
    char *text = malloc(size + 1);
    while (text && fd >= 0 && len < size) {
        ssize_t n = read(fd, text + len, size - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    if (!text)
        return "";
    text[len] = '\0';
    free(t->log);
    t->log = text;
    return text;
}

size_t sw_test_logged(sw_test *t, const char *text)
{
    size_t count = 0;
    for (const char *line = sw_test_log(t); *line;) {
        size_t len = strcspn(line, "\n");
        const char *found = strstr(line, text);
        count += found && (size_t)(found - line) < len;
        line += len + (line[len] == '\n');
    }
    return count;
}
