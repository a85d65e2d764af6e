#include "core/ws/answer.h"

#include "core/ws/output.h"
#include "core/ws/socket.h"

#include <steward/host.h>
#include <string.h>

enum { ERROR_WINDOW_MS = 60000 };

/* The frame's code for a failure that has no code of its own. */
static const char *const CODES[] = {
    [SW_INVALID] = "invalid_frame",     [SW_FORBIDDEN] = "not_allowed",
    [SW_NOT_FOUND] = "unknown_target",  [SW_CONFLICT] = "action_conflict",
    [SW_EXPIRED] = "action_expired",    [SW_TOO_LARGE] = "payload_too_large",
    [SW_UNSUPPORTED] = "invalid_frame", [SW_RATE_LIMITED] = "overloaded",
    [SW_BUSY] = "overloaded",           [SW_UNAVAILABLE] = "storage_unavailable",
    [SW_NO_MEMORY] = "overloaded",      [SW_INTERNAL] = "storage_unavailable",
    [SW_TIMED_OUT] = "overloaded",
};

static const char *code_of(const failure *f, sw_status status)
{
    const char *by_status =
        (size_t)status < sizeof CODES / sizeof *CODES && CODES[status] ? CODES[status] : "invalid_frame";
    if (!f->code)
        return by_status;
    const char *of_http = failure_code(status); /* filled in for want of one */
    return of_http && strcmp(f->code, of_http) == 0 ? by_status : f->code;
}

/* Mistakes of the frame itself, not refusals of what it asks for. */
static bool is_clients_fault(const char *code)
{
    static const char *const FAULTS[] = {"bad_json", "invalid_frame", "unknown_type", "payload_too_large",
                                         "target_required"};
    for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++)
        if (strcmp(code, FAULTS[i]) == 0)
            return true;
    return false;
}

static void send_and_forget(ws_socket *s, sw_frame *f)
{
    if (frame_seal(f, s->home->hub))
        output_frame(s, f);
    frame_unref(f);
}

static sw_json *begin(sw_frame *f, const char *type, const envelope *e)
{
    sw_json *j = &f->json;
    sw_json_text(j, "type", type);
    if (e && e->has_local)
        sw_json_raw(j, "local_id", e->local_raw.at, e->local_raw.len);
    return j;
}

void answer_error(ws_socket *s, const envelope *e, const char *code, const char *text)
{
    struct hub *h = s->home->hub;
    if (s->state != SOCKET_OPEN)
        return;
    sw_frame *f = frame_new(h->o.frame_limit);
    sw_json *j = begin(f, "ERROR", e);
    sw_json_object_begin(j, "payload");
    sw_json_text(j, "code", code);
    sw_json_text(j, "error", !text ? code : text);
    sw_json_object_end(j);
    sw_json_time(j, "timestamp", sw_now_ms());
    send_and_forget(s, f);
    atomic_fetch_add_explicit(&h->errors, 1, memory_order_relaxed);
    if (!is_clients_fault(code))
        return;
    if (s->errors == 0 || s->home->now_ms - s->errors_since_ms >= ERROR_WINDOW_MS) {
        s->errors = 0;
        s->errors_since_ms = s->home->now_ms;
    }
    if (++s->errors >= h->o.errors_per_minute && h->o.errors_per_minute > 0)
        socket_close(s, 1008, "too many invalid frames");
}

static void answer_ack(ws_socket *s, const ws_event *ev)
{
    sw_frame *f = frame_new(s->home->hub->o.frame_limit);
    sw_json *j = begin(f, "ACK", &ev->env);
    if (ev->req.acked && ev->req.ack_id > 0)
        sw_json_int(j, "id", ev->req.ack_id);
    sw_json_time(j, "timestamp", ev->req.acked && ev->req.ack_at > 0 ? ev->req.ack_at : sw_now_ms());
    send_and_forget(s, f);
}

void answer_event(ws_socket *s, const ws_event *ev, sw_status status)
{
    if (s->state != SOCKET_OPEN)
        return;
    if (status == SW_OK) {
        if (ev->env.ack)
            answer_ack(s, ev);
    } else if (status == SW_UNAUTHENTICATED)
        socket_close(s, 4003, "token revoked");
    else
        answer_error(s, &ev->env, code_of(&ev->req.failure, status), ev->req.failure.text);
}

sw_frame *answer_shutdown(struct hub *h, int64_t restart_expected_ms)
{
    sw_frame *f = frame_new(h->o.frame_limit);
    sw_json *j = begin(f, "SHUTDOWN", NULL);
    sw_json_object_begin(j, "payload");
    sw_json_int(j, "restart_expected_ms", restart_expected_ms);
    sw_json_object_end(j);
    sw_json_time(j, "timestamp", sw_now_ms());
    frame_seal(f, h);
    return f;
}
