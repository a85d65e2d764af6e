#include "core/ws/dispatch.h"

#include "core/ws/answer.h"
#include "core/ws/socket.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Events of one batch; and how full the writer's queue may be before sockets wait for it. */
enum { BATCH_MAX = 64, STALL_MS = 20, EVENT_MEMORY = 8 * 1024 * 1024 };

static void on_finish(sw_request *req, sw_status status);

/* Set while a worker runs a batch: has the event that runs now gone to another lane? */
static _Thread_local bool left_lane;

ws_event *event_of(const sw_request *req)
{
    return req != NULL && req->kind == REQUEST_FRAME ? (ws_event *)(uintptr_t)req : NULL;
}

static ws_event *event_of_item(pipeline_item *item)
{
    return (ws_event *)(void *)((char *)item - offsetof(ws_event, item));
}

/* ---- making and ending ---- */

static void prepare(ws_event *ev, ws_socket *s, uint16_t type)
{
    const hub_type *t = &s->home->hub->types[type];
    ev->socket = s;
    ev->type = type;
    ev->handler = t->row.handle;
    ev->lane = t->row.lane;
    ev->req.kind = REQUEST_FRAME;
    ev->req.host = t->host != NULL ? t->host : &s->home->hub->self;
    ev->req.who = s->who;
    ev->req.generation = s->generation;
    ev->req.address = s->address;
    ev->req.id = "";
    ev->req.home = s->home->loop;
    ev->req.finish = on_finish;
    ev->req.owner = s;
    arena_init(&ev->req.arena, EVENT_MEMORY);
}

void event_clear(ws_event *ev)
{
    delivery_list_drop(&ev->sends);
    while (ev->frames != NULL) {
        sw_frame *f = ev->frames;
        ev->frames = f->next;
        frame_unref(f);
    }
    request_done(&ev->req);
}

/* A copy that outlives the input; NULL: no memory. */
static ws_event *copy_event(ws_socket *s, uint16_t type, const envelope *e, const char *text, size_t len)
{
    ws_event *ev = calloc(1, sizeof *ev + len);
    if (ev == NULL)
        return NULL;
    prepare(ev, s, type);
    memcpy(ev->bytes, text, len);
    ev->env = *e;
    envelope_rebase(&ev->env, text, ev->bytes);
    ev->item.bytes = sizeof *ev + len;
    return ev;
}

static void drop_event(ws_event *ev)
{
    event_clear(ev);
    free(ev);
}

/* ---- off the loop ---- */

/* In its turn among the effects of the writer's batch. */
static void post_sends(void *arg)
{
    ws_event *ev = arg;
    const sw_request *req = &ev->req;
    if (principal_current(req->host->rt->principals, req->who.user_id, req->generation))
        delivery_list_post(&ev->sends);
    else {
        ev->result = SW_UNAUTHENTICATED;
        delivery_list_drop(&ev->sends);
    }
}

/* Through the writer without a step; false: it has no room. */
static bool pass_writer(ws_event *ev)
{
    runtime *rt = ev->req.host->rt;
    ev->pass = (effect){.run = post_sends, .arg = ev};
    ev->passing = true;
    ev->req.next = NEXT_WRITE;
    ev->req.step = NULL;
    ev->req.effects = &ev->pass;
    return rt->writer != NULL && writer_submit(rt->writer, &ev->req);
}

/* A step whose check has sent something: that comes first. */
static sw_status step_after_sends(sw_tx *tx, void *arg)
{
    ws_event *ev = event_of(tx->req);
    if (!tx_effect(tx, post_sends, NULL, ev))
        return SW_NO_MEMORY;
    return ev->step(tx, arg);
}

/* What a worker calls for an event: the handler, which stays on this thread when it asks for the worker lane. */
static sw_status run_event(sw_request *req)
{
    ws_event *ev = event_of(req);
    if (ev->error_code != NULL)
        return sw_fail(req, SW_INVALID, ev->error_code, "%s", ev->error_text);
    if (!principal_current(req->host->rt->principals, req->who.user_id, req->generation))
        return SW_UNAUTHENTICATED;
    if (atomic_load(&req->host->status) != MODULE_ENABLED)
        return sw_fail(req, SW_INVALID, "unknown_type", "unknown frame type");
    sw_status status = ev->handler(req);
    while (status == SW_OK && req->next == NEXT_MOVE && req->lane == SW_LANE_WORKER) {
        req->next = NEXT_DONE;
        status = req->handler(req);
    }
    if (status != SW_OK)
        return status;
    if (req->next == NEXT_MOVE || req->next == NEXT_DEFER)
        ev->left_lane = left_lane = true;
    else if (req->next == NEXT_WRITE && ev->sends.first != NULL) {
        if (atomic_load(&ev->socket->running) == 1)
            delivery_list_post(&ev->sends); /* nothing is ahead of it */
        else {
            ev->step = req->step;
            req->step = step_after_sends;
        }
    }
    return SW_OK;
}

/* The event's own mail: back on its loop. */
static void on_event_mail(mail *m, loop *l)
{
    ws_event *ev = (ws_event *)(void *)((char *)m - offsetof(sw_request, mail));
    ws_socket *s = ev->socket;
    hub_loop *hl = l->ws;
    hub_now(hl);
    pipeline_finished(&s->work, &ev->item, ev->left_lane);
    hl->work -= ev->item.bytes;
    answer_event(s, ev, ev->result);
    drop_event(ev);
    const hub_options *o = &hl->hub->o;
    if (s->work.count <= o->in_flight_frames / 2 && s->work.bytes <= o->in_flight_bytes / 2)
        socket_resume(s, PAUSE_WORK);
    dispatch_pump(s);
    socket_unref(s);
}

/* Any thread. What is ahead of this event at the writer must be seen first: without a write of its own it goes through
 * the writer too. Frames are posted before the count of running events falls, and before the mail that lets the loop run
 * the next one: so nothing overtakes. */
static void on_finish(sw_request *req, sw_status status)
{
    ws_event *ev = event_of(req);
    ws_socket *s = ev->socket;
    if (!ev->passing) {
        ev->result = status;
        if (req->next != NEXT_WRITE && atomic_load(&s->running) > 1 && pass_writer(ev))
            return;
    }
    if (ev->result == SW_UNAUTHENTICATED)
        delivery_list_drop(&ev->sends);
    delivery_list_post(&ev->sends);
    loop *home = s->home->loop;
    atomic_fetch_sub(&s->running, 1);
    req->mail.run = on_event_mail;
    loop_post(home, &req->mail);
}

static bool writer_is_full(runtime *rt, uint32_t limit)
{
    return rt->writer != NULL &&
           atomic_load_explicit(&writer_numbers(rt->writer)->queued, memory_order_relaxed) >= limit;
}

static void on_batch_mail(mail *m, loop *l)
{
    ws_socket *s = (ws_socket *)(void *)((char *)m - offsetof(ws_socket, batch.mail));
    hub_loop *hl = l->ws;
    hub_now(hl);
    bool stalled = s->batch.items != NULL && !s->batch.left_lane;
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
    while (item != NULL && !s->batch.left_lane && !writer_is_full(h->rt, h->o.writer_queue)) {
        ws_event *ev = event_of_item(item);
        item = item->next;
        left_lane = false;
        atomic_fetch_add(&s->running, 1);
        if (ev->error_code == NULL && (ev->lane == SW_LANE_HASH || ev->lane == SW_LANE_SLOW)) {
            ev->left_lane = left_lane = true;
            if (!request_submit(h->rt, &ev->req, ev->lane, ev->handler))
                request_finish(&ev->req, SW_BUSY);
        } else {
            ev->req.handler = run_event;
            request_run(&ev->req, worker_db(w));
        }
        s->batch.left_lane = left_lane;
    }
    s->batch.items = item;
    s->batch.mail.run = on_batch_mail;
    loop_post(s->home->loop, &s->batch.mail);
}

void dispatch_pump(ws_socket *s)
{
    pipeline_item *items = pipeline_take(&s->work, BATCH_MAX);
    if (items == NULL)
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
    for (pipeline_item *i = pipeline_clear(&s->work), *next; i != NULL; i = next) {
        next = i->next;
        s->home->work -= i->bytes;
        drop_event(event_of_item(i));
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
    prepare(ev, s, type);
    ev->on_loop = true;
    ev->object = NULL;
    ev->object_read = false;
    sw_status status = ev->handler(&ev->req);
    ws_event *moved = NULL;
    if (status == SW_OK && ev->req.next == NEXT_MOVE) {
        moved = copy_event(s, type, &ev->env, text, len);
        if (moved != NULL) {
            moved->handler = ev->req.handler;
            moved->lane = ev->req.lane;
        } else
            status = SW_NO_MEMORY;
    } else if (status == SW_OK && ev->req.next != NEXT_DONE)
        status = SW_INTERNAL; /* neither the writer nor a wait may follow on the loop's own memory */
    if (status != SW_OK && ev->req.failure.status == 0)
        request_fill_failure(&ev->req, status);
    if (moved != NULL)
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
    uint16_t type = code == NULL ? hub_type_find(h, e->type, e->type_len) : 0;
    hub_type *t = &h->types[type];
    count_in(t);
    /* Counted before the state is looked at: a module that is being disabled waits for this count. */
    if (t->host != NULL)
        atomic_fetch_add(&t->host->in_flight, 1);
    if (code == NULL &&
        (t->row.handle == NULL || atomic_load(&t->host->status) != MODULE_ENABLED)) {
        code = "unknown_type";
        error = "unknown frame type";
    } else if (code == NULL && (t->row.roles & SW_ROLE_BIT(s->who.role)) == 0) {
        code = "not_allowed";
        error = "not allowed for this role";
    }
    bool idle = pipeline_idle(&s->work);
    if (code != NULL && idle)
        answer_error(s, e, code, error);
    else if (code == NULL && idle && t->row.lane == SW_LANE_LOOP)
        run_here(s, type, text, len);
    else {
        ws_event *ev = copy_event(s, type, e, text, len);
        if (ev == NULL)
            answer_error(s, e, "overloaded", "no memory");
        else {
            ev->error_code = code;
            ev->error_text = error;
            enqueue(s, ev);
        }
    }
    if (t->host != NULL)
        atomic_fetch_sub(&t->host->in_flight, 1);
}
