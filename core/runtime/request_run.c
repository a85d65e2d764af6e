/* The turn of a request: its handler is called, and then what the handler asked for is done. On the thread that has the
 * request, which owns it until it hands it on. */
#include "core/runtime/request.h"

#include "core/base/log.h"
#include "core/crash/crash_scope.h"
#include "core/runtime/runtime_internal.h"
#include "core/runtime/thread.h"
#include "core/runtime/writer.h"

#include <stdlib.h>
#include <steward/host.h>
#include <string.h>

enum { TASK_ARENA = 64 * 1024 * 1024, RETRY_AFTER_S = 1, DEFAULT_REPLY_LIMIT = 32 * 1024 * 1024 };

void request_run(sw_request *req, sw_db *db)
{
    request_proceed(req, request_call(req, db));
}

sw_status request_call(sw_request *req, sw_db *db)
{
    sw_host *host = req->host;
    request_count(req);
    req->db = db;
    req->next = NEXT_DONE;
    if (db)
        db_lend(db, &req->arena, lanes_read_deadline(host->rt));
    int64_t began = now_ns();
    crash_scope before = crash_enter(host, "handler", req->work_kind, req->work_name);
    sw_status status = req->handler(req);
    crash_leave(before);
    host_count_call(host, began);
    if (db) {
        (void)db_return(db);
        if (db_interrupted(db))
            atomic_fetch_add_explicit(&host->interrupted, 1, memory_order_relaxed);
    }
    req->db = NULL;
    return request_sound(req, status);
}

sw_status request_sound(const sw_request *req, sw_status status)
{
    return req->arena.lacking ? SW_NO_MEMORY : status;
}

void request_proceed(sw_request *req, sw_status status)
{
    runtime *rt = req->host->rt;
    if (status != SW_OK) {
        request_finish(req, status);
        return;
    }
    switch (req->next) {
    case NEXT_MOVE:
        if (request_submit(rt, req, req->lane, req->handler))
            return;
        status = SW_BUSY;
        break;
    case NEXT_WRITE:
        if (rt->writer && writer_submit(rt->writer, req))
            return;
        status = SW_BUSY;
        break;
    case NEXT_DEFER:
        defer_park(req);
        return;
    case NEXT_DONE:
        status = request_check_reply(req);
        break;
    }
    request_finish(req, status);
}

static void drop_reply(sw_request *req)
{
    json_done(&req->reply);
    req->http_status = 0;
    req->content_type = NULL;
    req->headers = NULL;
    req->acked = false;
}

void request_finish(sw_request *req, sw_status status)
{
    if (req->defer_handle != 0)
        defer_forget(req);
    if (status != SW_OK) {
        drop_reply(req);
        request_fill_failure(req, status);
    }
    if (req->counted) {
        req->counted = false;
        atomic_fetch_sub_explicit(&req->host->in_flight, 1, memory_order_release);
    }
    req->finish(req, status);
}

sw_status request_check_reply(sw_request *req)
{
    if (json_failed(&req->reply))
        return SW_NO_MEMORY;
    if (req->kind != REQUEST_HTTP || req->http_status != 0)
        return SW_OK;
    log_error(req->host->name, "a handler or step ended well without a reply");
    return SW_INTERNAL;
}

size_t request_reply_limit(const sw_request *req)
{
    size_t limit = req->host->rt->reply_limit;
    return limit != 0 ? limit : DEFAULT_REPLY_LIMIT;
}

void request_done(sw_request *req)
{
    json_done(&req->reply);
    arena_done(&req->arena);
}

/* ---- whose work it is ---- */

void request_count(sw_request *req)
{
    if (req->counted)
        return;
    req->counted = true;
    atomic_fetch_add_explicit(&req->host->in_flight, 1, memory_order_relaxed);
}

void request_hand_over(sw_request *req, sw_host *host)
{
    if (req->counted) {
        atomic_fetch_add_explicit(&host->in_flight, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&req->host->in_flight, 1, memory_order_release);
    }
    req->host = host;
}

void host_count_call(sw_host *host, int64_t began_ns)
{
    atomic_fetch_add_explicit(&host->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&host->nanoseconds, (uint64_t)(now_ns() - began_ns), memory_order_relaxed);
}

/* ---- failures ---- */

/* By status: what a client is told when the handler gave no text of its own. */
static const struct {
    int http;
    const char *code, *text;
} MEANING[] = {
    [SW_OK] = {200, "", ""},
    [SW_INVALID] = {400, "invalid_request", "invalid request"},
    [SW_UNAUTHENTICATED] = {401, "unauthenticated", "invalid token"},
    [SW_FORBIDDEN] = {403, "forbidden", "not allowed"},
    [SW_NOT_FOUND] = {404, "not_found", "not found"},
    [SW_CONFLICT] = {409, "conflict", "conflict with what is stored"},
    [SW_EXPIRED] = {410, "expired", "expired"},
    [SW_TOO_LARGE] = {413, "too_large", "too large"},
    [SW_UNSUPPORTED] = {415, "unsupported_media_type", "unsupported media type"},
    [SW_RATE_LIMITED] = {429, "rate_limited", "too many requests"},
    [SW_BUSY] = {503, "unavailable", "the server is busy"},
    [SW_UNAVAILABLE] = {503, "unavailable", "storage is unavailable"},
    [SW_NO_MEMORY] = {500, "internal", "internal error"},
    [SW_INTERNAL] = {500, "internal", "internal error"},
    [SW_TIMED_OUT] = {503, "unavailable", "no answer in time"},
};

static unsigned row_of(sw_status status)
{
    unsigned i = (unsigned)status;
    return i < sizeof MEANING / sizeof *MEANING ? i : SW_INTERNAL;
}

int failure_http_status(sw_status status)
{
    return MEANING[row_of(status)].http;
}

const char *failure_code(sw_status status)
{
    return MEANING[row_of(status)].code;
}

void request_fill_failure(sw_request *req, sw_status status)
{
    failure *f = &req->failure;
    if (f->status != status) { /* what was noted belongs to another outcome */
        f->code = f->text = f->detail = NULL;
        f->status = status;
    }
    if (!f->code)
        f->code = failure_code(status);
    if (!f->text)
        f->text = MEANING[row_of(status)].text;
    int http = failure_http_status(status);
    if (f->retry_after <= 0 && (http == 429 || http == 503))
        f->retry_after = RETRY_AFTER_S;
}

/* ---- tasks ---- */

static void task_finish(sw_request *req, sw_status status)
{
    if (status != SW_OK)
        log_warn(req->host->name, "a task failed: %s", req->failure.text);
    request_done(req);
    free(req);
}

sw_request *task_new(runtime *rt, sw_host *host, sw_handler handler, int64_t tag)
{
    (void)rt;
    sw_request *req = calloc(1, sizeof *req);
    if (!req)
        return NULL;
    arena_init(&req->arena, TASK_ARENA);
    req->kind = REQUEST_TASK;
    req->host = host;
    req->who.size = sizeof req->who;
    req->address = req->id = "";
    req->work_kind = "task";
    req->handler = handler;
    req->tag = tag;
    req->finish = task_finish;
    return req;
}

void task_free(sw_request *task)
{
    request_done(task);
    free(task);
}

/* false: the lane is full, and the task is still the caller's. */
static bool run_task(sw_request *task, sw_lane lane)
{
    request_count(task);
    if (request_submit(task->host->rt, task, lane, task->handler))
        return true;
    atomic_fetch_sub_explicit(&task->host->in_flight, 1, memory_order_release);
    return false;
}

bool sw_task_run(sw_host *host, sw_lane lane, sw_handler handler, int64_t tag)
{
    sw_request *task = task_new(host->rt, host, handler, tag);
    if (!task)
        return false;
    if (run_task(task, lane))
        return true;
    task_free(task);
    return false;
}

/* Of a task with a pointer, which stays the caller's when the task cannot begin. */
typedef struct {
    void (*drop)(void *arg);
    void *arg;
} task_arg;

static void drop_arg(void *task_arg_)
{
    const task_arg *t = task_arg_;
    if (t->drop)
        t->drop(t->arg);
}

bool sw_task_run_arg(sw_host *host, sw_lane lane, sw_handler handler, void *arg, void (*drop)(void *arg))
{
    sw_request *task = task_new(host->rt, host, handler, 0);
    task_arg *t = task ? arena_alloc(&task->arena, sizeof *t) : NULL;
    if (!t || !arena_defer(&task->arena, drop_arg, t)) {
        if (task)
            task_free(task);
        return false;
    }
    task->kept = arg;
    *t = (task_arg){drop, arg};
    if (run_task(task, lane))
        return true;
    t->drop = NULL;
    task_free(task);
    return false;
}
