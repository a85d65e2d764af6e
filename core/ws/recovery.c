#include "core/ws/recovery.h"

#include "core/base/log.h"
#include "core/ws/held.h"
#include "core/ws/output.h"
#include "core/ws/recovery_task.h"
#include "core/ws/socket.h"

#include <stdlib.h>

enum { RETRY_MS = 200, TRIES_MAX = 25, SETTLE_MS = 10, SETTLE_TRIES = 50 };

struct recovery {
    replay state;
    bool asked;     /* a task is away */
    unsigned tries; /* that failed, one after the other */
    unsigned waits; /* of the greeting, for what is being noted */
    int64_t cursor; /* of the greeting */
    held held;
};

static void next_step(ws_socket *s);

void recovery_frame(ws_socket *s, sw_frame *f)
{
    recovery *r = s->recovery;
    switch (replay_live(&r->state, f->id)) {
    case LIVE_DROP:
        return;
    case LIVE_SEND:
        output_frame(s, f);
        return;
    case LIVE_HOLD:
        break;
    }
    if (held_add(&r->held, f, s->home->hub->o.queue / 2) || (f->flags & SW_FRAME_DROPPABLE) != 0)
        return;
    if (replay_overflow(&r->state))
        held_drop(&r->held);
    else
        socket_close(s, 4008, "slow consumer");
}

/* ---- sending ---- */

/* Sends the oldest held frame, unless it has been sent before. */
static void send_held(ws_socket *s)
{
    recovery *r = s->recovery;
    sw_frame *f = held_take(&r->held);
    if (replay_wanted(&r->state, f->id) && (f->id == 0 || !held_was_told(&r->held, f->id))) {
        output_frame(s, f);
        if (f->id > 0)
            held_note_told(&r->held, f->id);
    }
    frame_unref(f);
}

/* A page of the greeting and what is held, merged: each in its order, and nothing before a stored frame with a lower
 * id: a client that is cut goes on from the highest id that it saw. */
static void send_greeting(ws_socket *s, frame_list *page)
{
    recovery *r = s->recovery;
    for (sw_frame *f; (f = frame_list_take(page)); frame_unref(f)) {
        if (f->id > 0 && held_was_told(&r->held, f->id))
            continue;
        while (f->id > 0 && held_has_older(&r->held, f->id, r->state.last))
            send_held(s);
        output_frame(s, f);
        if (f->id > 0)
            held_note_told(&r->held, f->id);
    }
}

static void send_hello(ws_socket *s, int64_t last_id, bool recovered)
{
    struct hub *h = s->home->hub;
    sw_frame *f = frame_new(h->o.frame_limit);
    sw_json *j = &f->json;
    sw_json_text(j, "type", "HELLO");
    sw_json_object_begin(j, "payload");
    sw_json_int(j, "user_id", s->who.user_id);
    sw_json_text(j, "username", s->who.name);
    sw_json_text(j, "role", sw_role_name(s->who.role));
    sw_json_int(j, "last_id", last_id);
    sw_json_bool(j, "recovered", recovered);
    sw_json_text(j, "server", h->rt->version);
    sw_json_int(j, "heartbeat_s", (h->o.ping_ms + 999) / 1000);
    sw_json_object_end(j);
    sw_json_time(j, "timestamp", sw_now_ms());
    if (frame_seal(f, &h->types))
        output_frame(s, f);
    frame_unref(f);
}

/* ---- asking ---- */

static void go_live(ws_socket *s)
{
    recovery *r = s->recovery;
    r->asked = true; /* sending may flush, which must not come back here */
    while (!held_empty(&r->held) && s->state == SOCKET_OPEN)
        send_held(s);
    s->seen_id = r->state.last;
    recovery_done(s);
}

/* After an answer that failed: once more, a little later; in the end the client may come again. */
static bool failed(ws_socket *s, const recovery_task *t)
{
    recovery *r = s->recovery;
    if (t->status == SW_OK) {
        r->tries = 0;
        return false;
    }
    if (t->status == SW_UNAUTHENTICATED)
        socket_close(s, 4003, "token revoked");
    else if (++r->tries > TRIES_MAX) {
        log_warn("ws", "recovery of user %lld failed: %s", (long long)s->who.user_id, t->req.failure.text);
        socket_close(s, 1011, "recovery failed");
    } else
        socket_retry(s, RETRY_MS);
    return true;
}

static void on_hello(ws_socket *s, const recovery_task *t)
{
    recovery *r = s->recovery;
    send_hello(s, t->last_id, t->complete);
    replay_hello(&r->state, t->complete);
    socket_resume(s, PAUSE_HELLO);
}

static void on_page(ws_socket *s, recovery_task *t)
{
    recovery *r = s->recovery;
    bool drop = false;
    for (sw_frame *f; (f = frame_list_take(&t->out.frames)); frame_unref(f))
        if (!held_was_told(&r->held, f->id))
            output_frame(s, f);
    replay_page(&r->state, t->out.frames.last_id, t->more, &drop);
    if (drop)
        held_drop(&r->held);
}

static void take_answer(ws_socket *s, recovery_task *t)
{
    recovery *r = s->recovery;
    switch (t->kind) {
    case TASK_HELLO:
        on_hello(s, t);
        break;
    case TASK_PAGE:
        on_page(s, t);
        break;
    default:
        send_greeting(s, &t->out.frames);
        r->cursor = t->cursor;
        replay_greeted(&r->state, t->more);
    }
}

static void on_answer(ws_socket *s, recovery_task *t)
{
    recovery *r = s->recovery;
    if (r && s->state == SOCKET_OPEN) {
        if (!failed(s, t))
            take_answer(s, t);
        r->asked = false; /* not before: sending may flush, which looks for the next step */
        if (t->status == SW_OK && s->state == SOCKET_OPEN)
            next_step(s);
    }
    recovery_task_free(t);
}

/* Never more than half of the queue for pages, and room for the frame that overshoots. Where the queue is too small for
 * that: one frame into an empty queue, which takes anything. */
static size_t page_budget(const ws_socket *s)
{
    const hub_options *o = &s->home->hub->o;
    size_t half = o->queue / 2, queued = output_length(s);
    size_t room = o->queue > o->frame_limit ? o->queue - o->frame_limit : 0;
    if (queued > half / 2 || (queued > 0 && queued >= room))
        return 0;
    if (queued >= room)
        return 1;
    size_t budget = (half - queued) / 2;
    return budget < room - queued ? budget : room - queued;
}

/* A decision that is being noted as delivered, from another socket of the same user, must not be told again. For half a
 * second: then rather twice than late. */
static bool settled(ws_socket *s)
{
    recovery *r = s->recovery;
    const struct hub *h = s->home->hub;
    if ((h->recovery.greet_roles & SW_ROLE_BIT(s->who.role)) == 0 || atomic_load(&h->unsettled) == 0 ||
        r->waits == SETTLE_TRIES)
        return true;
    r->waits++;
    socket_retry(s, SETTLE_MS);
    return false;
}

static void next_step(ws_socket *s)
{
    static const recovery_kind KINDS[] = {
        [REPLAY_OPENING] = TASK_HELLO, [REPLAY_ROWS] = TASK_PAGE, [REPLAY_GREET] = TASK_GREET};
    recovery *r = s->recovery;
    if (r->state.phase == REPLAY_LIVE) {
        go_live(s);
        return;
    }
    size_t budget = page_budget(s);
    if (r->asked || s->retry_ms != 0 || budget == 0)
        return; /* recovery_run() comes back when the queue has drained */
    if (r->state.phase == REPLAY_GREET && !settled(s))
        return;
    recovery_task *t = recovery_task_new(s, KINDS[r->state.phase], on_answer, budget);
    if (!t) {
        socket_retry(s, RETRY_MS);
        return;
    }
    t->hello = s->hello;
    t->since = r->state.phase == REPLAY_ROWS ? r->state.last : r->state.since;
    t->cursor = r->cursor;
    r->asked = true;
    if (r->state.phase == REPLAY_ROWS)
        replay_page_begin(&r->state);
    if (recovery_task_start(t))
        return;
    r->asked = false;
    recovery_task_free(t);
    socket_retry(s, RETRY_MS);
}

void recovery_run(ws_socket *s)
{
    if (s->recovery && s->state == SOCKET_OPEN && !s->recovery->asked)
        next_step(s);
}

void recovery_begin(ws_socket *s, int64_t since)
{
    const struct hub *h = s->home->hub;
    uint32_t bit = SW_ROLE_BIT(s->who.role);
    bool greet = h->recovery_host && h->recovery.greet &&
                 ((h->recovery.greet_roles & bit) != 0 || (s->hello && (h->recovery.greet_hello_roles & bit) != 0));
    replay state;
    if (replay_begin(&state, s->hello, since, greet) == REPLAY_LIVE)
        return;
    recovery *r = calloc(1, sizeof *r);
    if (!r) {
        socket_close(s, 1013, "try again later");
        return;
    }
    r->state = state;
    held_init(&r->held);
    s->recovery = r;
    if (s->hello)
        socket_pause(s, PAUSE_HELLO); /* no answer to a frame comes before HELLO */
    next_step(s);
}

void recovery_done(ws_socket *s)
{
    recovery *r = s->recovery;
    if (!r)
        return;
    s->recovery = NULL;
    held_done(&r->held);
    free(r);
}

/* ---- receipts ---- */

static void on_receipt(ws_socket *s, recovery_task *t)
{
    atomic_fetch_sub(&s->home->hub->unsettled, 1);
    if (t->status != SW_OK && s->state != SOCKET_ENDED)
        output_receipt_again(s, t->req.tag);
    recovery_task_free(t);
}

void recovery_receipt(ws_socket *s, int64_t tag)
{
    if (!s->home->hub->recovery.receipt)
        return;
    recovery_task *t = recovery_task_new(s, TASK_RECEIPT, on_receipt, 0);
    if (!t)
        return;
    t->req.tag = tag;
    atomic_fetch_add(&s->home->hub->unsettled, 1);
    if (recovery_task_start(t))
        return;
    atomic_fetch_sub(&s->home->hub->unsettled, 1);
    recovery_task_free(t);
    output_receipt_again(s, tag);
}
