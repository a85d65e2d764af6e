#include "core/ws/dispatch.h"

#include "core/runtime/crash.h"
#include "core/ws/answer.h"
#include "core/ws/socket.h"

#include <stddef.h>
#include <string.h>

/* Events of one batch; how long a socket waits when there is no room for one. */
enum { BATCH_MAX = 64, STALL_MS = 20 };

static bool writer_is_full(runtime *rt, uint32_t limit)
{
    return rt->writer && atomic_load_explicit(&writer_read_metrics(rt->writer)->queued, memory_order_relaxed) >= limit;
}

static void on_batch_mail(mail *m, loop *l)
{
    ws_socket *s = (ws_socket *)(void *)((char *)m - offsetof(ws_socket, batch.mail));
    hub_loop *hl = l->ws;
    hub_now(hl);
    bool stalled = s->batch.items && !s->batch.left_lane;
    pipeline_batch_done(&s->work, s->batch.items, s->batch.left_lane);
    if (stalled)
        socket_retry(s, STALL_MS); /* the writer is behind */
    else
        dispatch_pump(s);
    socket_unref(s);
}

/* On a worker: the events one after the other, until one leaves for another lane or the writer is full. */
static void run_batch(job *j, worker *w)
{
    ws_socket *s = (ws_socket *)(void *)((char *)j - offsetof(ws_socket, batch.job));
    struct hub *h = s->home->hub;
    pipeline_item *item = s->batch.items;
    s->batch.left_lane = false;
    while (item && !s->batch.left_lane && !writer_is_full(h->rt, h->o.writer_queue)) {
        ws_event *ev = event_of_item(item);
        item = item->next;
        s->batch.left_lane = event_run(ev, w);
    }
    s->batch.items = item;
    s->batch.mail.run = on_batch_mail;
    loop_post(s->home->loop, &s->batch.mail);
}

void dispatch_pump(ws_socket *s)
{
    pipeline_item *items = pipeline_take(&s->work, BATCH_MAX);
    if (!items)
        return;
    s->batch.items = items;
    s->batch.job.run = run_batch;
    socket_ref(s);
    if (lane_submit(s->home->hub->rt, SW_LANE_WORKER, &s->batch.job))
        return;
    pipeline_batch_done(&s->work, items, false);
    socket_retry(s, STALL_MS);
    socket_unref(s);
}

void dispatch_drop(ws_socket *s)
{
    for (pipeline_item *i = pipeline_clear(&s->work), *next; i; i = next) {
        next = i->next;
        s->home->work -= i->bytes;
        event_drop(event_of_item(i));
        socket_unref(s);
    }
}

static void enqueue(ws_socket *s, ws_event *ev)
{
    const hub_options *o = &s->home->hub->o;
    socket_ref(s);
    pipeline_push(&s->work, &ev->item);
    s->home->work += ev->item.bytes;
    if (s->work.count >= o->in_flight_frames || s->work.bytes >= o->in_flight_bytes || s->home->work > o->share)
        socket_pause(s, PAUSE_WORK);
    dispatch_pump(s);
}

/* ---- on the loop ---- */

/* Runs the handler at once, with the frame where it lies in the input. */
static void run_here(ws_socket *s, uint16_t type, const char *text, size_t len)
{
    ws_event *ev = s->home->spare;
    memset(&ev->req, 0, sizeof ev->req);
    event_prepare(ev, s, type);
    ev->on_loop = true;
    ev->object = NULL;
    ev->object_read = false;
    crash_scope before = crash_enter(ev->req.host, "handler", ev->req.work_kind, ev->req.work_name);
    sw_status status = ev->handler(&ev->req);
    crash_leave(before);
    ws_event *moved = NULL;
    if (status == SW_OK && ev->req.next == NEXT_MOVE) {
        moved = event_copy(s, type, &ev->env, text, len);
        if (moved) {
            moved->handler = ev->req.handler;
            moved->lane = ev->req.lane;
        } else
            status = SW_NO_MEMORY;
    } else if (status == SW_OK && ev->req.next != NEXT_DONE)
        status = SW_INTERNAL; /* neither the writer nor a wait may follow on the loop's own memory */
    if (status != SW_OK && ev->req.failure.status == 0)
        request_fill_failure(&ev->req, status);
    if (moved)
        enqueue(s, moved);
    else
        answer_event(s, ev, status);
    event_clear(ev);
}

static void count_in(hub_type *t)
{
    atomic_fetch_add_explicit(&t->in, 1, memory_order_relaxed);
}

void dispatch_text(ws_socket *s, const char *text, size_t len)
{
    struct hub *h = s->home->hub;
    envelope *e = &s->home->spare->env;
    const char *error = NULL;
    if (!principal_current(h->rt->principals, s->who.user_id, s->generation)) {
        socket_close(s, 4003, "token revoked");
        return;
    }
    const char *code = envelope_read(e, text, len, h->o.payload, &error);
    uint16_t type = !code ? hub_type_find(h, e->type, e->type_len) : 0;
    hub_type *t = &h->types[type];
    count_in(t);
    /* Counted before the state is looked at: a module that is being disabled waits for this count. */
    if (t->host)
        atomic_fetch_add(&t->host->in_flight, 1);
    if (!code && (!t->row.handle || atomic_load(&t->host->status) != MODULE_ENABLED)) {
        code = "unknown_type";
        error = "unknown frame type";
    } else if (!code && (t->row.roles & SW_ROLE_BIT(s->who.role)) == 0) {
        code = "not_allowed";
        error = "not allowed for this role";
    }
    bool idle = pipeline_idle(&s->work);
    if (code && idle)
        answer_error(s, e, code, error);
    else if (!code && idle && t->row.lane == SW_LANE_LOOP)
        run_here(s, type, text, len);
    else {
        ws_event *ev = event_copy(s, type, e, text, len);
        if (!ev)
            answer_error(s, e, "overloaded", "no memory");
        else {
            ev->error_code = code;
            ev->error_text = error;
            enqueue(s, ev);
        }
    }
    if (t->host)
        atomic_fetch_sub(&t->host->in_flight, 1);
}
