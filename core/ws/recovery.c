/* HELLO, recovery and greeting of one socket, driven by its loop; recovery_task.c asks the module on workers. What is
 * sent when is decided in replay.c. The socket owns its `recovery` until it is live. */
#include "core/ws/recovery.h"

#include "core/base/log.h"
#include "core/ws/output.h"
#include "core/ws/recovery_task.h"
#include "core/ws/socket.h"

#include <stdlib.h>
#include <steward/host.h>

enum { RETRY_MS = 200, TRIES_MAX = 25, SETTLE_MS = 10, SETTLE_TRIES = 50 };

typedef struct {
    frame_list frames; /* a wrapper each: other sockets hold the same frames */
    size_t bytes;
    int64_t *told; /* in any order */
    uint32_t told_count, told_cap;
} held;

struct recovery {
    replay state;
    bool asked;     /* a task is away */
    unsigned tries; /* that failed, one after the other */
    unsigned waits; /* of the greeting, for what is being noted */
    int64_t cursor; /* of the greeting */
    held held;
};

static bool settled(ws_socket *s);
static size_t page_budget(const ws_socket *s);
static void next_step(ws_socket *s);
static void go_live(ws_socket *s);
static void on_answer(ws_socket *s, recovery_task *t);
static bool failed(ws_socket *s, const recovery_task *t);
static void try_again(ws_socket *s, const char *why);
static void take_answer(ws_socket *s, recovery_task *t);
static void on_hello(ws_socket *s, const recovery_task *t);
static void on_page(ws_socket *s, recovery_task *t);
static void send_hello(ws_socket *s, int64_t last_id, bool recovered);
static void send_greeting(ws_socket *s, frame_list *page);
static void send_held(ws_socket *s);
static void held_init(held *h);
static bool held_add(held *h, sw_frame *f, size_t max);
static sw_frame *held_take(held *h);
static bool held_empty(const held *h);
static bool held_has_older(const held *h, int64_t id, int64_t after);
static void held_drop(held *h);
static bool held_was_told(const held *h, int64_t id);
static void held_note_told(held *h, int64_t id);
static void held_done(held *h);

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
        output_close(s, 1013, "try again later");
        return;
    }
    r->state = state;
    held_init(&r->held);
    s->recovery = r;
    if (s->hello)
        socket_pause(s, PAUSE_HELLO); /* no answer to a frame comes before HELLO */
    next_step(s);
}

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
        output_close(s, 4008, "slow consumer");
}

void recovery_run(ws_socket *s)
{
    if (s->recovery && s->state == SOCKET_OPEN && !s->recovery->asked)
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

/* ---- asking ---- */

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
        try_again(s, "no memory");
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

static void go_live(ws_socket *s)
{
    recovery *r = s->recovery;
    while (!held_empty(&r->held) && s->state == SOCKET_OPEN)
        send_held(s);
    s->seen_id = r->state.last;
    recovery_done(s);
}

/* ---- answers ---- */

static void on_answer(ws_socket *s, recovery_task *t)
{
    recovery *r = s->recovery;
    if (r && s->state == SOCKET_OPEN) {
        r->asked = false;
        if (!failed(s, t))
            take_answer(s, t);
        if (t->status == SW_OK && s->state == SOCKET_OPEN)
            next_step(s);
    }
    recovery_task_free(t);
}

/* After an answer that failed: once more, a little later; in the end the client may come again. */
static bool failed(ws_socket *s, const recovery_task *t)
{
    if (t->status == SW_OK) {
        s->recovery->tries = 0;
        return false;
    }
    if (t->status == SW_UNAUTHENTICATED)
        output_close(s, 4003, "token revoked");
    else
        try_again(s, t->req.failure.text);
    return true;
}

static void try_again(ws_socket *s, const char *why)
{
    if (++s->recovery->tries <= TRIES_MAX) {
        socket_retry(s, RETRY_MS);
        return;
    }
    log_warn("ws", "recovery of user %lld failed: %s", (long long)s->who.user_id, why);
    output_close(s, 1011, "recovery failed");
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

/* ---- sending ---- */

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
    else
        output_close(s, 1013, "try again later");
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

/* ---- live frames that are held, in order; and the ids of stored ones that the socket was told meanwhile ---- */

typedef struct {
    struct sw_frame link; /* for its place in the list, and the id */
    sw_frame *frame;
} wrapper;

static void held_init(held *h)
{
    *h = (held){.bytes = 0};
    frame_list_init(&h->frames);
}

/* Returns false when more than `max` bytes would be held, or there is no memory. */
static bool held_add(held *h, sw_frame *f, size_t max)
{
    if (h->bytes > 0 && h->bytes + f->wire_len > max)
        return false;
    wrapper *w = calloc(1, sizeof *w);
    if (!w)
        return false;
    w->frame = frame_ref(f);
    w->link.id = f->id;
    h->bytes += f->wire_len;
    frame_list_add(&h->frames, &w->link);
    return true;
}

/* The oldest; NULL when none is held. The reference becomes the caller's. */
static sw_frame *held_take(held *h)
{
    wrapper *w = (wrapper *)(void *)frame_list_take(&h->frames);
    if (!w)
        return NULL;
    sw_frame *f = w->frame;
    h->bytes -= f->wire_len;
    free(w);
    return f;
}

static bool held_empty(const held *h)
{
    return !h->frames.first;
}

/* Does a stored frame older than `id`, newer than `after` and not told yet, wait? */
static bool held_has_older(const held *h, int64_t id, int64_t after)
{
    for (const sw_frame *f = h->frames.first; f; f = f->next)
        if (f->id > after && f->id > 0 && f->id < id && !held_was_told(h, f->id))
            return true;
    return false;
}

static void held_drop(held *h)
{
    for (sw_frame *f; (f = held_take(h));)
        frame_unref(f);
}

static bool held_was_told(const held *h, int64_t id)
{
    for (uint32_t i = 0; i < h->told_count; i++)
        if (h->told[i] == id)
            return true;
    return false;
}

static void held_note_told(held *h, int64_t id)
{
    if (h->told_count == h->told_cap) {
        uint32_t cap = h->told_cap == 0 ? 16 : h->told_cap * 2;
        int64_t *told = realloc(h->told, cap * sizeof *told);
        if (!told)
            return;
        h->told = told;
        h->told_cap = cap;
    }
    h->told[h->told_count++] = id;
}

static void held_done(held *h)
{
    held_drop(h);
    free(h->told);
    h->told = NULL;
    h->told_count = h->told_cap = 0;
}
