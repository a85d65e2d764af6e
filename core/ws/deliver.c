/* A frame's way to its audience, from the plugin that builds it (<steward/ws.h>) to the sockets. It is built and sent
 * on any thread; the sockets are served by their own loops. A delivery is counted: one reference for whoever makes it,
 * and one for each loop that it is posted to. */
#include "core/base/log.h"
#include "core/base/table.h"
#include "core/ws/output.h"
#include "core/ws/recovery.h"
#include "core/ws/socket.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    mail mail;
    delivery *whole;
} delivery_part;

struct delivery {
    _Atomic uint32_t refs;
    delivery *next;
    struct hub *hub;
    sw_frame *frame;       /* a reference */
    ws_socket *origin;     /* that socket alone; kept alive by its event */
    sw_audience to;        /* users: behind the parts */
    delivery_part parts[]; /* one a loop */
};

static delivery *delivery_new(struct hub *h, sw_frame *f, const sw_audience *to, ws_socket *origin);
static void delivery_post(delivery *d);
static void delivery_free(delivery *d);
static void delivery_list_add(delivery_list *l, delivery *d);
static void deliver_from_loop(hub_loop *hl, sw_frame *f, const sw_audience *to);
static void deliver_to_origin(ws_socket *s, sw_frame *f);

/* ---- a plugin builds a frame ---- */

static void unref_frame(void *frame)
{
    frame_unref(frame);
}

/* `a` gives the reference back at its end. */
static sw_frame *in_arena(sw_frame *f, arena *a)
{
    if (arena_defer(a, unref_frame, f))
        return f;
    frame_unref(f);
    return frame_none();
}

static size_t frame_limit(const sw_host *host)
{
    const struct hub *h = host->rt->hub;
    return h ? h->o.frame_limit : 1;
}

sw_frame *sw_frame_new(sw_request *req)
{
    sw_frame *f = frame_new(frame_limit(req->host));
    ws_event *ev = ws_event_of(req);
    if (!ev || f->failed)
        return in_arena(f, &req->arena);
    f->next = ev->frames;
    ev->frames = f;
    return f;
}

sw_frame *sw_frame_new_tx(sw_tx *tx)
{
    return in_arena(frame_new(frame_limit(tx->host)), tx->arena);
}

/* ---- and sends it ---- */

static void post(void *arg)
{
    delivery_post(arg);
}

static void drop(void *arg)
{
    delivery_free(arg);
}

/* What is stored must be told, so a step whose frame there is no memory for fails. One that is too large is told to
 * nobody. */
static void queue_in_tx(sw_tx *tx, const sw_frame *f, delivery *d)
{
    if (!d && (!f->failed || frame_lacks_memory(f)))
        tx->out_of_memory = true;
    if (d && !tx_effect(tx, post, drop, d))
        delivery_free(d);
}

static bool read_audience(const sw_host *host, const sw_audience *given, sw_audience *ret)
{
    if (struct_read(ret, sizeof *ret, given, STRUCT_THROUGH(sw_audience, except_user)))
        return true;
    log_error(host->name, "a frame goes to nobody: the size of its sw_audience is not set");
    return false;
}

void sw_tx_send(sw_tx *tx, sw_frame *frame, const sw_audience *to)
{
    struct hub *h = tx->host->rt->hub;
    sw_audience whole;
    if (h && read_audience(tx->host, to, &whole))
        queue_in_tx(tx, frame, delivery_new(h, frame, &whole, NULL));
}

void sw_tx_send_origin(sw_tx *tx, sw_frame *frame)
{
    const ws_event *ev = ws_event_of(tx->req);
    if (ev)
        queue_in_tx(tx, frame, delivery_new(ev->socket->home->hub, frame, NULL, ev->socket));
}

void sw_send(sw_request *req, sw_frame *frame, const sw_audience *to)
{
    struct hub *h = req->host->rt->hub;
    ws_event *ev = ws_event_of(req);
    loop *here = loop_current();
    sw_audience whole;
    if (!h || !read_audience(req->host, to, &whole))
        return;
    if (ev && !ev->on_loop)
        delivery_list_add(&ev->sends, delivery_new(h, frame, &whole, NULL));
    else if (here && here->ws)
        deliver_from_loop(here->ws, frame, &whole);
    else
        delivery_post(delivery_new(h, frame, &whole, NULL));
}

sw_status sw_send_origin(sw_request *req, sw_frame *frame)
{
    ws_event *ev = ws_event_of(req);
    if (!ev)
        return SW_NOT_FOUND;
    ws_socket *s = ev->socket;
    if (ev->on_loop) {
        if (!frame_seal(frame, &s->home->hub->types))
            return SW_NO_MEMORY;
        deliver_to_origin(s, frame);
        return SW_OK;
    }
    delivery *d = delivery_new(s->home->hub, frame, NULL, s);
    if (!d)
        return SW_NO_MEMORY;
    delivery_list_add(&ev->sends, d);
    return SW_OK;
}

bool sw_user_online(const sw_host *host, int64_t user_id)
{
    const struct hub *h = host->rt->hub;
    return h && presence_loops(h->presence, user_id) != 0;
}

/* ---- to a socket ---- */

static void deliver_to(ws_socket *s, sw_frame *f)
{
    if (s->state != SOCKET_OPEN)
        return;
    if (s->recovery)
        recovery_frame(s, f);
    else if (f->id == 0 || f->id > s->seen_id)
        output_frame(s, f);
}

/* To one socket of this loop as an answer to what it sent, whatever its phase of recovery. */
static void deliver_to_origin(ws_socket *s, sw_frame *f)
{
    if (s->state == SOCKET_OPEN)
        output_frame(s, f); /* in its own right: no part of what recovery reads */
}

/* ---- on a loop ---- */

static bool chosen(ws_socket *s, uint32_t stamp, int64_t except)
{
    if (s->stamp == stamp || s->who.user_id == except)
        return false;
    s->stamp = stamp;
    return true;
}

typedef struct {
    sw_frame *frame;
    uint32_t stamp;
    int64_t except;
} user_delivery;

static void deliver_to_user(ws_socket *s, void *arg)
{
    const user_delivery *d = arg;
    if (chosen(s, d->stamp, d->except))
        deliver_to(s, d->frame);
}

/* Every socket of the union once. */
static void deliver_here(hub_loop *hl, sw_frame *f, const sw_audience *to)
{
    user_delivery each = {f, ++hl->stamp, to->except_user};
    for (unsigned role = 1; role < ROLE_COUNT; role++) {
        if ((to->roles & SW_ROLE_BIT(role)) == 0)
            continue;
        for (ws_socket *s = hl->by_role[role], *next; s; s = next) {
            next = s->role_next;
            deliver_to_user(s, &each);
        }
    }
    for (uint32_t i = 0; i < to->user_count; i++)
        socket_each_of_user(hl, to->users[i], deliver_to_user, &each);
}

/* ---- between threads ---- */

static void unref(delivery *d)
{
    if (atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) == 1)
        delivery_free(d);
}

static void on_part(mail *m, loop *l)
{
    delivery_part *part = (delivery_part *)m;
    delivery *d = part->whole;
    hub_loop *hl = l->ws;
    hub_now(hl);
    if (!d->origin)
        deliver_here(hl, d->frame, &d->to);
    else
        deliver_to_origin(d->origin, d->frame);
    unref(d);
}

/* The loops that may hold somebody of the audience. */
static bool holds(struct hub *h, unsigned i, const sw_audience *to, uint64_t user_loops)
{
    if ((user_loops >> (i % 64) & 1) != 0)
        return true;
    for (unsigned role = 1; role < ROLE_COUNT; role++)
        if ((to->roles & SW_ROLE_BIT(role)) != 0 && atomic_load(&h->loops[i].role_count[role]) > 0)
            return true;
    return false;
}

static uint64_t loops_of_users(struct hub *h, const sw_audience *to)
{
    uint64_t loops = 0;
    for (uint32_t i = 0; i < to->user_count; i++)
        if (to->users[i] != to->except_user)
            loops |= presence_loops(h->presence, to->users[i]);
    return loops;
}

/* Seals the frame, copies the audience. With `origin` it goes to that socket alone, which the caller keeps alive, and
 * `to` is not looked at. Returns NULL when there is no memory, or the frame has failed. */
static delivery *delivery_new(struct hub *h, sw_frame *f, const sw_audience *to, ws_socket *origin)
{
    if (!frame_seal(f, &h->types))
        return NULL;
    size_t parts = sizeof(delivery_part) * (origin ? 1 : h->loop_count);
    size_t users = origin ? 0 : sizeof(int64_t) * to->user_count;
    delivery *d = malloc(sizeof *d + parts + users);
    if (!d)
        return NULL;
    atomic_init(&d->refs, 1);
    d->next = NULL;
    d->hub = h;
    d->frame = frame_ref(f);
    d->origin = origin;
    d->to = (sw_audience){.size = sizeof d->to};
    if (!origin) {
        int64_t *copy = (int64_t *)(void *)((char *)d->parts + parts);
        if (users > 0)
            memcpy(copy, to->users, users);
        d->to = (sw_audience){sizeof d->to, copy, to->user_count, to->roles, to->except_user};
    }
    return d;
}

static void delivery_free(delivery *d)
{
    if (!d)
        return;
    frame_unref(d->frame);
    free(d);
}

static void post_part(delivery *d, unsigned part, loop *l)
{
    atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    d->parts[part] = (delivery_part){.mail = {.run = on_part}, .whole = d};
    loop_post(l, &d->parts[part].mail);
}

static void post_except(delivery *d, const hub_loop *here)
{
    struct hub *h = d->hub;
    if (d->origin)
        post_part(d, 0, d->origin->home->loop);
    else {
        uint64_t user_loops = loops_of_users(h, &d->to);
        for (unsigned i = 0; i < h->loop_count; i++)
            if (&h->loops[i] != here && holds(h, i, &d->to, user_loops))
                post_part(d, i, h->loops[i].loop);
    }
    unref(d);
}

/* Any thread: posts to each loop that may hold a receiver. Owns `d`. */
static void delivery_post(delivery *d)
{
    if (d)
        post_except(d, NULL);
}

/* From a loop: its own sockets at once, the others by post. */
static void deliver_from_loop(hub_loop *hl, sw_frame *f, const sw_audience *to)
{
    struct hub *h = hl->hub;
    if (!frame_seal(f, &h->types))
        return;
    uint64_t user_loops = loops_of_users(h, to);
    for (unsigned i = 0; i < h->loop_count; i++)
        if (&h->loops[i] != hl && holds(h, i, to, user_loops)) {
            delivery *d = delivery_new(h, f, to, NULL);
            if (d)
                post_except(d, hl);
            break;
        }
    deliver_here(hl, f, to);
}

/* ---- lists ---- */

static void delivery_list_add(delivery_list *l, delivery *d)
{
    if (!d)
        return;
    if (!l->first)
        l->last = &l->first;
    d->next = NULL;
    *l->last = d;
    l->last = &d->next;
}

static delivery *take_first(delivery_list *l)
{
    delivery *d = l->first;
    l->first = d->next;
    return d;
}

void delivery_list_post(delivery_list *l)
{
    while (l->first)
        delivery_post(take_first(l));
}

void delivery_list_drop(delivery_list *l)
{
    while (l->first)
        delivery_free(take_first(l));
}
