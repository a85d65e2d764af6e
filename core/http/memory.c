/* Bytes of unfinished requests and unsent replies, against limits.memory: each loop counts its own, and whoever counts
 * something adds them up. Small requests cost nothing: below 4 KiB they are not counted, limits.connections bounds
 * them. */
#include "core/http/memory.h"
#include "core/http/conn.h"

enum { UNCOUNTED = 4096 };

void memory_look(http_server *h)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < h->loop_count; i++)
        sum += atomic_load_explicit(&h->loops[i]->memory, memory_order_relaxed);
    bool over = atomic_load_explicit(&h->over_memory, memory_order_relaxed);
    /* Once over, it must fall by a tenth. */
    bool now = sum > (over ? h->settings.memory / 10 * 9 : h->settings.memory);
    if (now != over)
        atomic_store_explicit(&h->over_memory, now, memory_order_relaxed);
}

bool memory_over(const http_server *h)
{
    return atomic_load_explicit(&h->over_memory, memory_order_relaxed);
}

void conn_charge(conn *c, size_t bytes)
{
    if (bytes < UNCOUNTED)
        bytes = 0;
    if (bytes == c->charged)
        return;
    counter *sum = &c->home->memory;
    atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + bytes - c->charged,
                          memory_order_relaxed);
    c->charged = bytes;
    memory_look(c->home->server);
}

void conn_pause(conn *c)
{
    if (c->paused_ms)
        return;
    c->paused_ms = c->home->clock.mono_ms;
    c->home->paused++;
    bufferevent_disable(c->bev, EV_READ);
}

void conn_resume(conn *c)
{
    if (!c->paused_ms)
        return;
    c->paused_ms = 0;
    c->home->paused--;
    bufferevent_enable(c->bev, EV_READ);
}
