/* <steward/request.h>: what a handler may ask of its request. On the thread that runs it. */
#include "core/runtime/runtime.h"

#include <string.h>

const sw_principal *sw_request_principal(const sw_request *req)
{
    return &req->who;
}

void *sw_request_state(const sw_request *req)
{
    return req->host->state;
}

sw_host *sw_request_host(const sw_request *req)
{
    return req->host;
}

sw_db *sw_request_db(sw_request *req)
{
    return req->db;
}

const char *sw_request_address(const sw_request *req)
{
    return req->address ? req->address : "";
}

const char *sw_request_id(const sw_request *req)
{
    return req->id ? req->id : "";
}

int64_t sw_request_tag(const sw_request *req)
{
    return req->tag;
}

void sw_request_keep(sw_request *req, void *kept)
{
    req->kept = kept;
}

void *sw_request_kept(const sw_request *req)
{
    return req->kept;
}

bool sw_request_on_end(sw_request *req, void (*fn)(void *arg), void *arg)
{
    return arena_defer(&req->arena, fn, arg);
}

void *sw_alloc(sw_request *req, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(&req->arena, total);
}

char *sw_strdup(sw_request *req, const char *text)
{
    return text ? arena_strndup(&req->arena, text, strlen(text)) : NULL;
}

char *sw_strndup(sw_request *req, const char *text, size_t len)
{
    return text ? arena_strndup(&req->arena, text, len) : NULL;
}

char *sw_printf(sw_request *req, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(&req->arena, format, args);
    va_end(args);
    return text;
}

/* ---- what comes next: done by request_proceed() when the handler has returned, so that no other thread gets the
 * request while the handler still uses it ---- */

sw_status sw_move(sw_request *req, sw_lane lane, sw_handler next)
{
    req->next = NEXT_MOVE;
    req->lane = lane;
    req->handler = next;
    return SW_OK;
}

sw_status sw_write(sw_request *req, sw_step step, void *arg)
{
    req->next = NEXT_WRITE;
    req->step = step;
    req->arg = arg;
    return SW_OK;
}

/* ---- failures ---- */

sw_status sw_fail(sw_request *req, sw_status status, const char *code, const char *format, ...)
{
    failure *f = &req->failure;
    f->status = status;
    f->code = code;
    f->detail = NULL;
    f->text = NULL; /* the status's own */
    if (format) {
        va_list args;
        va_start(args, format);
        f->text = arena_vprintf(&req->arena, format, args);
        va_end(args);
    }
    return status;
}

void sw_fail_detail(sw_request *req, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    req->failure.detail = arena_vprintf(&req->arena, format, args);
    va_end(args);
}

void sw_fail_retry_after(sw_request *req, int seconds)
{
    req->failure.retry_after = seconds;
}

void sw_invalid(sw_request *req, const char *code, const char *format, ...)
{
    if (req->sticky.status != SW_OK)
        return; /* the first one counts */
    va_list args;
    va_start(args, format);
    req->sticky = (failure){.status = SW_INVALID, .code = code, .text = arena_vprintf(&req->arena, format, args)};
    va_end(args);
}

sw_status sw_check(sw_request *req)
{
    if (req->sticky.status == SW_OK)
        return SW_OK;
    req->failure = req->sticky;
    return req->sticky.status;
}
