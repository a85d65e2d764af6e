/* The timer wheel of a loop. Nodes belong to whoever files them. */
#include "core/ws/wheel.h"

#include <stddef.h>
#include <string.h>

/* The tick in which a node comes out: never before its time. */
static int64_t tick_of(int64_t due_ms)
{
    return (due_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;
}

static void link_to(wheel_node **head, wheel_node *n)
{
    n->next = *head;
    n->at = head;
    if (n->next)
        n->next->at = &n->next;
    *head = n;
}

static void unlink_node(wheel_node *n)
{
    *n->at = n->next;
    if (n->next)
        n->next->at = n->at;
    n->next = NULL;
    n->at = NULL;
}

/* A time beyond one turn waits in the last slot of this turn, and is filed anew there. */
static void file(wheel *w, wheel_node *n)
{
    int64_t tick = tick_of(n->due_ms);
    if (tick < w->tick)
        tick = w->tick;
    if (tick > w->tick + WHEEL_SLOTS - 1)
        tick = w->tick + WHEEL_SLOTS - 1;
    unsigned slot = (unsigned)(tick % WHEEL_SLOTS);
    link_to(&w->slots[slot], n);
    w->used[slot / 64] |= UINT64_C(1) << (slot % 64);
}

void wheel_init(wheel *w, int64_t now_ms)
{
    memset(w, 0, sizeof *w);
    w->tick = now_ms / WHEEL_TICK_MS;
}

void wheel_set(wheel *w, wheel_node *n, int64_t due_ms)
{
    wheel_remove(w, n);
    n->due_ms = due_ms < 0 ? 0 : due_ms;
    file(w, n);
}

void wheel_remove(wheel *w, wheel_node *n)
{
    if (!n->at)
        return;
    wheel_node **head = n->at;
    unlink_node(n);
    uintptr_t slot = ((uintptr_t)head - (uintptr_t)w->slots) / sizeof *head;
    if (!*head && slot < WHEEL_SLOTS) {
        w->used[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
    }
}

/* Moves what is due in this slot to the ready list, files the rest anew. */
static void sweep(wheel *w, unsigned slot, int64_t now_ms)
{
    wheel_node *rest = w->slots[slot];
    w->slots[slot] = NULL;
    w->used[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
    while (rest) {
        wheel_node *n = rest;
        rest = n->next;
        if (n->due_ms <= now_ms)
            link_to(&w->ready, n);
        else
            file(w, n);
    }
}

wheel_node *wheel_expire(wheel *w, int64_t now_ms)
{
    int64_t now = now_ms / WHEEL_TICK_MS;
    if (!w->ready && now - w->tick >= WHEEL_SLOTS) {
        /* Longer asleep than one turn: every slot once (some twice: what is filed anew lands in them). */
        w->tick = now + 1;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            sweep(w, slot, now_ms);
    }
    while (!w->ready && w->tick <= now) {
        int64_t tick = w->tick++;
        sweep(w, (unsigned)(tick % WHEEL_SLOTS), now_ms);
    }
    wheel_node *n = w->ready;
    if (n)
        unlink_node(n);
    return n;
}

int64_t wheel_next(const wheel *w)
{
    if (w->ready)
        return w->tick * WHEEL_TICK_MS;
    for (int64_t t = w->tick; t < w->tick + WHEEL_SLOTS; t++) {
        unsigned slot = (unsigned)(t % WHEEL_SLOTS);
        if (w->used[slot / 64] == 0) {
            t |= 63; /* slots and ticks have the same low bits; this word is empty */
            continue;
        }
        if ((w->used[slot / 64] >> (slot % 64) & 1) != 0)
            return t * WHEEL_TICK_MS;
    }
    return -1;
}
