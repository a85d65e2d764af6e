/* The turn of an event: a client's message is checked, runs at once or in its order, and is answered with ACK or ERROR.
 *
 * What one socket sends takes effect in the order in which it came, whatever lanes its messages take:
 *
 *  1. When nothing of the socket is in flight and the handler is for the loop, it runs at once, on the frame where it
 *     lies (run_here).
 *  2. Otherwise a copy waits in the socket's pipeline. A worker runs one batch of a socket at a time, event by event
 *     (ws_event_pump, run_batch). An event that leaves for another lane, or defers, ends the batch, and nothing of the
 *     socket runs before it is back.
 *  3. Write steps keep their order in the writer's queue; the worker does not wait for them. So an event without a step
 *     that follows one with a step goes through the writer too, and so do its sends (on_finish, pass_writer).
 *  4. What the check of an event sends comes before what its step sends (sends_before_step).
 *  5. An event that has finished comes home by mail, behind the frames that it sent: neither its ACK nor a later frame
 *     overtakes them (on_finish, come_home).
 *
 * Threads: the socket's loop but for "on a worker", for on_finish, which runs on the thread that ends the request, and
 * for what a plugin reads of the frame (sw_frame_…), on the thread of its handler. */
#include "core/crash/crash_scope.h"
#include "core/runtime/fair.h"
#include "core/ws/output.h"
#include "core/ws/socket.h"

#include <stddef.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>

/* Events of one batch; how long a socket waits when there is no room for one. */
enum { BATCH_MAX = 64, STALL_MS = 20, EVENT_MEMORY = 8 * 1024 * 1024, ERROR_WINDOW_MS = 60000 };

static void run_here(ws_socket *s, uint16_t type, const char *text, size_t len);
static void enqueue(ws_socket *s, ws_event *ev);
static void run_batch(job *j, worker *w);
static bool run_event(ws_event *ev, sw_db *db);
static sw_status call(ws_event *ev, sw_db *db);
static void sends_before_step(ws_event *ev);
static void on_finish(sw_request *req, sw_status status);
static bool pass_writer(ws_event *ev);
static void come_home(mail *m, loop *l);
static ws_event *copy_event(ws_socket *s, uint16_t type, const envelope *e, const char *text, size_t len);
static void prepare(ws_event *ev, ws_socket *s, uint16_t type);
static void clear(ws_event *ev);
static void drop(ws_event *ev);
static void answer(ws_socket *s, const ws_event *ev, sw_status status);
static void answer_ack(ws_socket *s, const ws_event *ev);
static void answer_error(ws_socket *s, const envelope *e, const char *code, const char *text);

/* Does this socket's role have a taker for it? A type that nobody lists is not "not allowed" but unknown. */
static bool known(const ws_socket *s, const frame_type *t, uint16_t type, const envelope *e)
{
    if (!frame_type_taken(t) || atomic_load(&t->host->status) != MODULE_ENABLED)
        return false;
    return type != 0 || ((t->row.roles & SW_ROLE_BIT(s->who.role)) != 0 && frame_type_formed(e->type, e->type_len));
}

static ws_event *of_item(pipeline_item *item)
{
    return (ws_event *)(void *)((char *)item - offsetof(ws_event, item));
}

/* ---- a message has come ---- */

void ws_event_take(ws_socket *s, char *text, size_t len)
{
    struct hub *h = s->home->hub;
    envelope *e = &s->home->spare->env;
    const char *error = NULL;
    if (!principal_current(h->rt->principals, s->who.user_id, s->generation)) {
        output_close(s, 4003, "token revoked");
        return;
    }
    const char *code = envelope_read(e, text, len, h->o.payload, &error);
    uint16_t type = code ? 0 : frame_types_find(&h->types, e->type, e->type_len);
    frame_type *t = &h->types.all[type];
    atomic_fetch_add_explicit(&t->in, 1, memory_order_relaxed);
    /* Counted before the state is looked at: a module that is being disabled waits for this count. */
    if (t->host)
        atomic_fetch_add(&t->host->in_flight, 1);
    if (!code && !known(s, t, type, e)) {
        code = "unknown_type";
        error = "unknown frame type";
    } else if (!code && (t->row.roles & SW_ROLE_BIT(s->who.role)) == 0) {
        code = "not_allowed";
        error = "not allowed for this role";
    } else if (!code && (t->row.flags & SW_WORK_BULK) != 0 &&
               atomic_load_explicit(&h->rt->disk_low, memory_order_relaxed)) {
        code = "storage_unavailable";
        error = DISK_LOW_TEXT;
    }
    bool idle = pipeline_idle(&s->work);
    if (code && idle)
        answer_error(s, e, code, error);
    else if (!code && idle && t->row.lane == SW_LANE_LOOP)
        run_here(s, type, text, len);
    else {
        ws_event *ev = copy_event(s, type, e, text, len);
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

/* Runs the handler at once, with the frame where it lies in the input. When it moves to a lane, a copy goes on there.
 */
static void run_here(ws_socket *s, uint16_t type, const char *text, size_t len)
{
    ws_event *ev = s->home->spare;
    memset(&ev->req, 0, sizeof ev->req);
    prepare(ev, s, type);
    ev->on_loop = true;
    ev->object = NULL;
    ev->object_read = false;
    crash_scope before = crash_enter(ev->req.host, "handler", ev->req.work_kind, ev->req.work_name);
    sw_status status = request_sound(&ev->req, ev->handler(&ev->req));
    crash_leave(before);
    ws_event *moved = NULL;
    if (status == SW_OK && ev->req.next == NEXT_MOVE) {
        moved = copy_event(s, type, &ev->env, text, len);
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
        answer(s, ev, status);
    clear(ev);
}

/* ---- waiting for its turn ---- */

static void enqueue(ws_socket *s, ws_event *ev)
{
    const hub_options *o = &s->home->hub->o;
    socket_ref(s);
    pipeline_push(&s->work, &ev->item);
    s->home->work += ev->item.bytes;
    if (s->work.count >= o->in_flight_frames || s->work.bytes >= o->in_flight_bytes || s->home->work > o->share)
        socket_pause(s, PAUSE_WORK);
    ws_event_pump(s);
}

/* How many of the waiting events, from the first one on, are as urgent as that. */
static unsigned alike(const ws_socket *s, bool urgent)
{
    unsigned n = 0;
    for (pipeline_item *i = s->work.first; i && n < BATCH_MAX && of_item(i)->req.urgent == urgent; i = i->next)
        n++;
    return n;
}

/* What is urgent is a batch of its own, for the workers that are kept for it. It may not overtake what the socket has
 * at the writer: while there is something, it is as all others are. */
void ws_event_pump(ws_socket *s)
{
    bool urgent = s->work.first && of_item(s->work.first)->req.urgent;
    unsigned count = alike(s, urgent);
    urgent = urgent && atomic_load(&s->running) == 0;
    pipeline_item *items = pipeline_take(&s->work, count);
    if (!items)
        return;
    for (pipeline_item *i = items; i; i = i->next)
        of_item(i)->req.urgent = urgent;
    s->batch.items = items;
    s->batch.job.run = run_batch;
    s->batch.job.party = party_of_user(s->who.user_id);
    s->batch.job.urgent = urgent;
    socket_ref(s);
    if (lane_submit(s->home->hub->rt, urgent ? (sw_lane)LANE_URGENT : SW_LANE_WORKER, &s->batch.job))
        return;
    pipeline_batch_done(&s->work, items, false);
    socket_retry(s, STALL_MS);
    socket_unref(s);
}

void ws_event_drop_waiting(ws_socket *s)
{
    for (pipeline_item *i = pipeline_clear(&s->work), *next; i; i = next) {
        next = i->next;
        s->home->work -= i->bytes;
        drop(of_item(i));
        socket_unref(s);
    }
}

/* ---- its turn, on a worker ---- */

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
        ws_event_pump(s);
    socket_unref(s);
}

static bool writer_is_full(const runtime *rt, const job *j)
{
    return rt->writer && writer_crowded(rt->writer, j->party, j->urgent);
}

/* The events one after the other, until one leaves for another lane or the writer is full. */
static void run_batch(job *j, worker *w)
{
    ws_socket *s = (ws_socket *)(void *)((char *)j - offsetof(ws_socket, batch.job));
    pipeline_item *item = s->batch.items;
    bool left = false;
    while (item && !left && !writer_is_full(s->home->hub->rt, j)) {
        ws_event *ev = of_item(item);
        item = item->next;
        left = run_event(ev, worker_db(w));
    }
    s->batch.left_lane = left;
    s->batch.items = item;
    s->batch.mail.run = on_batch_mail;
    loop_post(s->home->loop, &s->batch.mail);
}

/* Returns true when the event has left for another lane, or waits for its answer: nothing of its socket may run before
 * it is back. The event may be gone. */
static bool run_event(ws_event *ev, sw_db *db)
{
    sw_request *req = &ev->req;
    sw_status status = SW_OK;
    atomic_fetch_add(&ev->socket->running, 1);
    req->handler = ev->handler;
    if (!ev->error_code && (ev->lane == SW_LANE_HASH || ev->lane == SW_LANE_SLOW)) {
        req->next = NEXT_MOVE;
        req->lane = ev->lane;
    } else
        status = call(ev, db);
    bool leaves = status == SW_OK && (req->next == NEXT_MOVE || req->next == NEXT_DEFER);
    ev->left_lane = leaves;
    if (status == SW_OK && req->next == NEXT_WRITE)
        sends_before_step(ev);
    request_proceed(req, status);
    return leaves;
}

/* The handler, and the next one for as long as it asks for the lane that it is on. */
static sw_status call(ws_event *ev, sw_db *db)
{
    sw_request *req = &ev->req;
    request_count(req); /* first: a module that is being disabled waits for it, or is seen here */
    if (ev->error_code)
        return sw_fail(req, SW_INVALID, ev->error_code, "%s", ev->error_text);
    if (!principal_current(req->host->rt->principals, req->who.user_id, req->generation))
        return SW_UNAUTHENTICATED;
    if (atomic_load(&req->host->status) != MODULE_ENABLED)
        return sw_fail(req, SW_INVALID, "unknown_type", "unknown frame type");
    sw_status status;
    do {
        status = request_call(req, db);
    } while (status == SW_OK && req->next == NEXT_MOVE && req->lane == SW_LANE_WORKER);
    return status;
}

/* ---- its sends, and the writer ---- */

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

static sw_status step_after_sends(sw_tx *tx, void *arg)
{
    ws_event *ev = ws_event_of(tx->req);
    if (!tx_effect(tx, post_sends, NULL, ev))
        return SW_NO_MEMORY;
    return ev->step(tx, arg);
}

/* A step follows, and the check has sent something: that comes first. */
static void sends_before_step(ws_event *ev)
{
    if (!ev->sends.first)
        return;
    if (atomic_load(&ev->socket->running) == 1) {
        delivery_list_post(&ev->sends); /* nothing is ahead of it */
        return;
    }
    ev->step = ev->req.step;
    ev->req.step = step_after_sends;
}

/* sw_request.finish, on any thread. What is ahead of this event at the writer must be seen first: without a write of
 * its own it goes through the writer too. Frames are posted before the count of running events falls, and before the
 * mail that lets the loop answer this one and run the next; and that mail has its place when the count falls. So
 * nothing overtakes, not even an ACK. */
static void on_finish(sw_request *req, sw_status status)
{
    ws_event *ev = ws_event_of(req);
    ws_socket *s = ev->socket;
    if (!ev->passing) {
        ev->result = status;
        if (req->next != NEXT_WRITE && atomic_load(&s->running) > 1 && pass_writer(ev))
            return;
    }
    if (ev->result == SW_UNAUTHENTICATED)
        delivery_list_drop(&ev->sends);
    delivery_list_post(&ev->sends);
    req->mail.run = come_home;
    loop_post_last(s->home->loop, &req->mail, &s->running);
}

/* Through the writer without a step. Returns false when the writer has no room. */
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

/* ---- back on its loop ---- */

static void come_home(mail *m, loop *l)
{
    ws_event *ev = (ws_event *)(void *)((char *)m - offsetof(sw_request, mail));
    ws_socket *s = ev->socket;
    hub_loop *hl = l->ws;
    hub_now(hl);
    pipeline_finished(&s->work, &ev->item, ev->left_lane);
    hl->work -= ev->item.bytes;
    answer(s, ev, ev->result);
    drop(ev);
    const hub_options *o = &hl->hub->o;
    if (s->work.count <= o->in_flight_frames / 2 && s->work.bytes <= o->in_flight_bytes / 2)
        socket_resume(s, PAUSE_WORK);
    ws_event_pump(s);
    socket_unref(s);
}

/* ---- making and freeing one ---- */

static ws_event *copy_event(ws_socket *s, uint16_t type, const envelope *e, const char *text, size_t len)
{
    ws_event *ev = calloc(1, sizeof *ev + len);
    if (!ev)
        return NULL;
    prepare(ev, s, type);
    memcpy(ev->bytes, text, len);
    ev->env = *e;
    envelope_rebase(&ev->env, text, ev->bytes);
    ev->item.bytes = sizeof *ev + len;
    if (type == s->home->hub->ack_type)
        atomic_fetch_add(&s->home->hub->unsettled, 1);
    return ev;
}

/* Fills in what a handler may ask for; the envelope is there already, or comes by the caller. */
static void prepare(ws_event *ev, ws_socket *s, uint16_t type)
{
    const frame_type *t = &s->home->hub->types.all[type];
    ev->socket = s;
    ev->type = type;
    ev->handler = t->row.handle;
    ev->lane = t->row.lane;
    ev->req.kind = REQUEST_FRAME;
    ev->req.urgent = (t->row.flags & SW_WORK_URGENT) != 0;
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

/* Its frames, memory and sends. Not the struct. */
static void clear(ws_event *ev)
{
    delivery_list_drop(&ev->sends);
    while (ev->frames) {
        sw_frame *f = ev->frames;
        ev->frames = f->next;
        frame_unref(f);
    }
    request_done(&ev->req);
}

/* The end of a copy. */
static void drop(ws_event *ev)
{
    struct hub *h = ev->socket->home->hub;
    if (ev->type == h->ack_type)
        atomic_fetch_sub(&h->unsettled, 1);
    clear(ev);
    free(ev);
}

/* ---- what its client is told ---- */

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

/* SW_UNAUTHENTICATED closes the socket with 4003. */
static void answer(ws_socket *s, const ws_event *ev, sw_status status)
{
    if (s->state != SOCKET_OPEN)
        return;
    if (status == SW_OK) {
        if (ev->env.ack)
            answer_ack(s, ev);
    } else if (status == SW_UNAUTHENTICATED)
        output_close(s, 4003, "token revoked");
    else
        answer_error(s, &ev->env, code_of(&ev->req.failure, status), ev->req.failure.text);
}

/* Somebody waits for it: when there is no memory for it, the socket closes, so that they ask again. */
static void send_and_forget(ws_socket *s, sw_frame *f)
{
    if (frame_seal(f, &s->home->hub->types))
        output_frame(s, f);
    else if (frame_lacks_memory(f))
        output_close(s, 1013, "try again later");
    frame_unref(f);
}

static sw_json *begin(sw_frame *f, const char *type, const envelope *e)
{
    sw_json *j = &f->json;
    sw_json_text(j, "type", type);
    if (e->has_local)
        sw_json_raw(j, "local_id", e->local_raw.at, e->local_raw.len);
    return j;
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

/* Is the frame itself malformed? A well-formed one that is refused does not count. */
static bool malformed(const char *code)
{
    return strcmp(code, "bad_json") == 0 || strcmp(code, "invalid_frame") == 0;
}

/* An ERROR. Too many mistakes that only a broken client makes close the socket with 1008. */
static void answer_error(ws_socket *s, const envelope *e, const char *code, const char *text)
{
    struct hub *h = s->home->hub;
    if (s->state != SOCKET_OPEN)
        return;
    sw_frame *f = frame_new(h->o.frame_limit);
    sw_json *j = begin(f, "ERROR", e);
    sw_json_object_begin(j, "payload");
    sw_json_text(j, "code", code);
    sw_json_text(j, "error", text ? text : code);
    sw_json_object_end(j);
    sw_json_time(j, "timestamp", sw_now_ms());
    send_and_forget(s, f);
    atomic_fetch_add_explicit(&h->errors, 1, memory_order_relaxed);
    if (!malformed(code))
        return;
    if (s->errors == 0 || s->home->now_ms - s->errors_since_ms >= ERROR_WINDOW_MS) {
        s->errors = 0;
        s->errors_since_ms = s->home->now_ms;
    }
    if (++s->errors >= h->o.errors_per_minute && h->o.errors_per_minute > 0)
        output_close(s, 1008, "too many invalid frames");
}

/* ---- what a plugin reads of it: <steward/ws.h> ---- */

sw_str sw_frame_type(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev ? (sw_str){ev->env.type, ev->env.type_len} : (sw_str){NULL, 0};
}

sw_str sw_frame_local_id(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev && ev->env.has_local ? (sw_str){ev->env.local, ev->env.local_len} : (sw_str){NULL, 0};
}

sw_str sw_frame_stream_id(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev ? ev->env.stream : (sw_str){NULL, 0};
}

int64_t sw_frame_target(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev ? ev->env.target : 0;
}

int64_t sw_frame_conversation(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev ? ev->env.conversation : 0;
}

sw_str sw_frame_payload(const sw_request *req)
{
    const ws_event *ev = ws_event_of(req);
    return ev ? ev->env.payload : (sw_str){NULL, 0};
}

static const sw_value *read_object(sw_request *req, sw_str text)
{
    const sw_value *v = sw_json_parse(req, text.at, text.len);
    if (sw_value_type(v) == SW_JSON_TEXT) {
        size_t len = 0;
        const char *inner = sw_value_text(v, &len);
        v = sw_json_parse(req, inner, len);
    }
    return sw_value_type(v) == SW_JSON_OBJECT ? v : NULL;
}

const sw_value *sw_frame_payload_object(sw_request *req)
{
    ws_event *ev = ws_event_of(req);
    if (!ev || !ev->env.payload.at)
        return NULL;
    if (!ev->object_read) {
        ev->object_read = true;
        ev->object = read_object(req, ev->env.payload);
    }
    return ev->object;
}
