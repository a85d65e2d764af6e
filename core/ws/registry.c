/* The maps of one loop: its sockets by user and by role; and presence, which all threads see. */
#include "core/ws/deliver.h"

#include "core/base/log.h"

#include <stdlib.h>

enum { FIRST_BUCKETS = 64 };

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

bool deliver_register(ws_socket *s)
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

void deliver_unregister(ws_socket *s)
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

void deliver_each(hub_loop *hl, int64_t user_id, void (*each)(ws_socket *s, void *arg), void *arg)
{
    if (hl->bucket_count == 0)
        return;
    for (ws_socket *s = hl->buckets[bucket_of(hl, user_id)], *next; s; s = next) {
        next = s->user_next;
        if (s->who.user_id == user_id)
            each(s, arg);
    }
}
