#include "core/ws/event.h"

#include "core/ws/answer.h"
#include "core/ws/dispatch.h"
#include "core/ws/socket.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_MEMORY = 8 * 1024 * 1024 };

static void on_finish(sw_request *req, sw_status status);

/* Set while a worker runs a batch: has the event that runs now gone to another lane? */
static _Thread_local bool left_lane;

ws_event *event_of(const sw_request *req)
{
    return req && req->kind == REQUEST_FRAME ? (ws_event *)(uintptr_t)req : NULL;
}

ws_event *event_of_item(pipeline_item *item)
{
    return (ws_event *)(void *)((char *)item - offsetof(ws_event, item));
}

void event_prepare(ws_event *ev, ws_socket *s, uint16_t type)
{
    const hub_type *t = &s->home->hub->types[type];
    ev->socket = s;
    ev->type = type;
    ev->handler = t->row.handle;
    ev->lane = t->row.lane;
    ev->req.kind = REQUEST_FRAME;
    ev->req.work_kind = "frame";
    ev->req.work_name = t->row.type;
    ev->req.host = t->host ? t->host : &s->home->hub->self;
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
    while (ev->frames) {
        sw_frame *f = ev->frames;
        ev->frames = f->next;
        frame_unref(f);
    }
    request_done(&ev->req);
}

ws_event *event_copy(ws_socket *s, uint16_t type, const envelope *e, const char *text, size_t len)
{
    ws_event *ev = calloc(1, sizeof *ev + len);
    if (!ev)
        return NULL;
    event_prepare(ev, s, type);
    memcpy(ev->bytes, text, len);
    ev->env = *e;
    envelope_rebase(&ev->env, text, ev->bytes);
    ev->item.bytes = sizeof *ev + len;
    if (type == s->home->hub->ack_type)
        atomic_fetch_add(&s->home->hub->unsettled, 1);
    return ev;
}

void event_drop(ws_event *ev)
{
    const struct hub *h = ev->socket->home->hub;
    if (ev->type == h->ack_type)
        atomic_fetch_sub(&ev->socket->home->hub->unsettled, 1);
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
    return rt->writer && writer_submit(rt->writer, &ev->req);
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
    if (ev->error_code)
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
    else if (req->next == NEXT_WRITE && ev->sends.first) {
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
    event_drop(ev);
    const hub_options *o = &hl->hub->o;
    if (s->work.count <= o->in_flight_frames / 2 && s->work.bytes <= o->in_flight_bytes / 2)
        socket_resume(s, PAUSE_WORK);
    dispatch_pump(s);
    socket_unref(s);
}

/* Any thread. What is ahead of this event at the writer must be seen first: without a write of its own it goes through
 * the writer too. Frames are posted before the count of running events falls, and before the mail that lets the loop
 * answer this one and run the next; and that mail has its place when the count falls. So nothing overtakes, an ACK
 * neither. */
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
    req->mail.run = on_event_mail;
    loop_post_last(s->home->loop, &req->mail, &s->running);
}

bool event_run(ws_event *ev, worker *w)
{
    left_lane = false;
    atomic_fetch_add(&ev->socket->running, 1);
    if (!ev->error_code && (ev->lane == SW_LANE_HASH || ev->lane == SW_LANE_SLOW)) {
        ev->left_lane = left_lane = true;
        if (!request_submit(ev->req.host->rt, &ev->req, ev->lane, ev->handler))
            request_finish(&ev->req, SW_BUSY);
    } else {
        ev->req.handler = run_event;
        request_run(&ev->req, worker_db(w));
    }
    return left_lane;
}
