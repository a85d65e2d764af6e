/* One WebSocket on its loop: references, its place in the maps, what stops its reading, what falls due, its end. On
 * that loop alone. What is done for it (reading, writing, recovery) is in files above this one. */
#include "core/ws/socket.h"

#include "core/runtime/presence.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>

enum { FIRST_BUCKETS = 64 };

static void link_all(ws_socket *s);
static void unlink_all(ws_socket *s);

ws_socket *socket_new(hub_loop *hl)
{
    ws_socket *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->home = hl;
    s->refs = 1;
    s->state = SOCKET_OPEN;
    atomic_init(&s->running, 0);
    link_all(s);
    atomic_fetch_add(&hl->hub->open, 1);
    return s;
}

void socket_ref(ws_socket *s)
{
    s->refs++;
}

void socket_unref(ws_socket *s)
{
    if (--s->refs > 0)
        return;
    wheel_remove(&s->home->wheel, &s->timer);
    unlink_all(s);
    atomic_fetch_sub(&s->home->hub->open, 1);
    free(s);
}

void socket_end(ws_socket *s)
{
    if (s->state == SOCKET_ENDED)
        return;
    s->state = SOCKET_ENDED;
    socket_unregister(s);
    wheel_remove(&s->home->wheel, &s->timer);
    if (s->stream)
        bufferevent_disable(s->stream, EV_READ | EV_WRITE);
    socket_chores(s, CHORE_END);
}

static void link_all(ws_socket *s)
{
    hub_loop *hl = s->home;
    s->next = hl->all;
    s->at = &hl->all;
    if (s->next)
        s->next->at = &s->next;
    hl->all = s;
}

static void unlink_all(ws_socket *s)
{
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
}

/* ---- the maps: by user and by role; and presence, which all threads see ---- */

static uint32_t bucket_of(const hub_loop *hl, int64_t user_id)
{
    uint64_t x = (uint64_t)user_id * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(x >> 32) & (hl->bucket_count - 1);
}

static void link_user(hub_loop *hl, ws_socket *s)
{
    ws_socket **head = &hl->buckets[bucket_of(hl, s->who.user_id)];
    s->user_next = *head;
    s->user_at = head;
    if (s->user_next)
        s->user_next->user_at = &s->user_next;
    *head = s;
}

/* Keeps the chains short; without memory they grow longer. */
static bool grow(hub_loop *hl)
{
    if (hl->registered < hl->bucket_count)
        return true;
    uint32_t count = hl->bucket_count == 0 ? FIRST_BUCKETS : hl->bucket_count * 2;
    ws_socket **old = hl->buckets, **buckets = calloc(count, sizeof(ws_socket *));
    if (!buckets)
        return old != NULL;
    uint32_t old_count = hl->bucket_count;
    hl->buckets = buckets;
    hl->bucket_count = count;
    for (uint32_t i = 0; i < old_count; i++)
        for (ws_socket *s = old[i], *next; s; s = next) {
            next = s->user_next;
            link_user(hl, s);
        }
    free(old);
    return true;
}

static void link_role(hub_loop *hl, ws_socket *s)
{
    s->role_next = hl->by_role[s->who.role];
    s->role_at = &hl->by_role[s->who.role];
    if (s->role_next)
        s->role_next->role_at = &s->role_next;
    hl->by_role[s->who.role] = s;
}

static void tell(ws_socket *s, bool opened, bool last)
{
    struct hub *h = s->home->hub;
    if (h->on_socket)
        h->on_socket(h->rt, opened, s->who.user_id, s->who.role, last);
}

bool socket_register(ws_socket *s)
{
    hub_loop *hl = s->home;
    if ((unsigned)s->who.role >= ROLE_COUNT || !grow(hl) ||
        !presence_enter(hl->hub->presence, s->who.user_id, hl->loop->index))
        return false;
    link_user(hl, s);
    link_role(hl, s);
    hl->registered++;
    /* Sequentially consistent: a frame committed before a recovery reads, or a sender that sees this count. */
    atomic_fetch_add(&hl->role_count[s->who.role], 1);
    tell(s, true, false);
    return true;
}

static bool any_left(const hub_loop *hl, int64_t user_id)
{
    for (const ws_socket *s = hl->buckets[bucket_of(hl, user_id)]; s; s = s->user_next)
        if (s->who.user_id == user_id)
            return true;
    return false;
}

void socket_unregister(ws_socket *s)
{
    hub_loop *hl = s->home;
    if (!s->user_at)
        return;
    *s->user_at = s->user_next;
    if (s->user_next)
        s->user_next->user_at = s->user_at;
    *s->role_at = s->role_next;
    if (s->role_next)
        s->role_next->role_at = s->role_at;
    /* Its own next pointers stay: whoever goes along the list past it still can. */
    s->user_at = s->role_at = NULL;
    hl->registered--;
    atomic_fetch_sub(&hl->role_count[s->who.role], 1);
    uint32_t left = presence_leave(hl->hub->presence, s->who.user_id, hl->loop->index, !any_left(hl, s->who.user_id));
    tell(s, false, left == 0);
}

void socket_each_of_user(hub_loop *hl, int64_t user_id, void (*each)(ws_socket *s, void *arg), void *arg)
{
    if (hl->bucket_count == 0)
        return;
    for (ws_socket *s = hl->buckets[bucket_of(hl, user_id)], *next; s; s = next) {
        next = s->user_next;
        if (s->who.user_id == user_id)
            each(s, arg);
    }
}

/* ---- reading, chores ---- */

void socket_pause(ws_socket *s, uint8_t reason)
{
    if (s->state != SOCKET_OPEN)
        return;
    if (s->paused == 0)
        bufferevent_disable(s->stream, EV_READ);
    s->paused |= reason;
}

void socket_resume(ws_socket *s, uint8_t reason)
{
    if ((s->paused & reason) == 0)
        return;
    s->paused &= (uint8_t)~reason;
    if (s->paused != 0 || s->state == SOCKET_ENDED)
        return;
    s->last_in_ms = s->home->now_ms; /* it was not its fault */
    bufferevent_enable(s->stream, EV_READ);
    socket_chores(s, CHORE_INPUT);
    socket_schedule(s);
}

void socket_chores(ws_socket *s, uint8_t what)
{
    hub_loop *hl = s->home;
    s->chores |= what;
    if ((s->chores & CHORE_LISTED) != 0)
        return;
    s->chores |= CHORE_LISTED;
    s->chores_next = NULL;
    if (!hl->chores && hl->chores_event)
        event_active(hl->chores_event, EV_TIMEOUT, 1);
    *hl->chores_end = s;
    hl->chores_end = &s->chores_next;
}

/* ---- what falls due: one place in the wheel of the loop for all of it ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return b > 0 && b < a ? b : a;
}

void socket_schedule(ws_socket *s)
{
    hub_loop *hl = s->home;
    if (s->state == SOCKET_ENDED)
        return;
    int64_t due = earlier(s->close_by_ms, s->retry_ms);
    if (s->state == SOCKET_OPEN) {
        due = earlier(s->next_ping_ms, s->retry_ms);
        if (s->paused == 0)
            due = earlier(due, s->last_in_ms + hl->hub->o.dead_ms);
        due = earlier(due, s->resume_ms);
        due = earlier(due, s->message_by_ms);
        if (s->who.expires_ms > 0) {
            int64_t left = s->who.expires_ms - sw_now_ms();
            due = earlier(due, hl->now_ms + (left < 1 ? 1 : left));
        }
    }
    if (due <= hl->now_ms)
        due = hl->now_ms + 1;
    wheel_set(&hl->wheel, &s->timer, due);
    socket_arm_timer(hl, due);
}

void socket_retry(ws_socket *s, int64_t after_ms)
{
    hub_loop *hl = s->home;
    s->retry_ms = hl->now_ms + after_ms;
    if (s->state != SOCKET_ENDED) {
        socket_schedule(s);
        return;
    }
    wheel_set(&hl->wheel, &s->timer, s->retry_ms);
    socket_arm_timer(hl, s->retry_ms);
}

void socket_arm_timer(hub_loop *hl, int64_t due_ms)
{
    if (!hl->timer || (hl->timer_ms != 0 && hl->timer_ms <= due_ms))
        return;
    int64_t in = due_ms > hl->now_ms ? due_ms - hl->now_ms : 0;
    struct timeval wait = {.tv_sec = (time_t)(in / 1000), .tv_usec = (suseconds_t)(in % 1000 * 1000)};
    hl->timer_ms = due_ms;
    event_add(hl->timer, &wait);
}
