/* What is done every 100 ms while a loop has connections: deadlines, memory, accepting again, the access log. On that
 * loop; it stands above the gate, since those who are late while they are read are refused. */
#include "core/http/conn.h"
#include "core/http/exchange.h"
#include "core/http/http_gate.h"

enum { PAUSE_MAX_MS = 1000, DEAD_KEPT = 256, CROWDED_IDLE_MS = 5000 };

/* ---- one kind of deadline each ---- */

static void late_head(conn *c)
{
    /* Who never said a word hears none. */
    if (c->state == CONN_IDLE) {
        conn_free(c);
        return;
    }
    count(&c->home->timed_out);
    refuse_read(c, 408, "invalid_request", "the head of the request took too long");
}

static void late_body(conn *c)
{
    count(&c->home->timed_out);
    refuse_read(c, 408, "invalid_request", "the body of the request took too long");
}

/* A reply must move by 1 KiB a second over the whole limit. */
static void slow_reply(conn *c)
{
    http_loop *l = c->home;
    size_t unsent = conn_unsent(c);
    size_t least = (size_t)(l->deadlines[DEADLINE_REPLY].limit_ms * 1024 / 1000);
    size_t moved = c->unsent_mark > unsent ? c->unsent_mark - unsent : 0;
    if (moved < least) {
        count(&l->stalled);
        conn_free(c);
        return;
    }
    c->unsent_mark = unsent;
    conn_charge(c, evbuffer_get_length(bufferevent_get_output(c->bev)));
    conn_deadline(c, DEADLINE_REPLY);
}

static void (*const LATE[DEADLINES])(conn *c) = {
    [DEADLINE_HEAD] = late_head,   [DEADLINE_BODY] = late_body,   [DEADLINE_IDLE] = conn_free,
    [DEADLINE_REPLY] = slow_reply, [DEADLINE_LINGER] = conn_free,
};

static void sweep_deadlines(http_loop *l)
{
    bool crowded = atomic_load_explicit(&l->server->open, memory_order_relaxed) >= l->server->settings.connections;
    for (int i = 0; i < DEADLINES; i++) {
        /* With no room left, those that wait between requests make it. */
        int64_t early = i == DEADLINE_IDLE && crowded ? l->deadlines[i].limit_ms - CROWDED_IDLE_MS : 0;
        int64_t until = l->clock.mono_ms + (early > 0 ? early : 0);
        for (conn *c; (c = TAILQ_FIRST(&l->deadlines[i].queue)) && c->deadline_ms <= until;)
            LATE[i](c);
    }
}

/* Connections that wait for memory read on when there is some, and are refused when there is none for a second. */
static void sweep_paused(http_loop *l)
{
    bool over = atomic_load_explicit(&l->server->over_memory, memory_order_relaxed);
    conn *next;
    for (conn *c = TAILQ_FIRST(&l->deadlines[DEADLINE_BODY].queue); c && l->paused > 0; c = next) {
        next = TAILQ_NEXT(c, entry);
        if (!c->paused_ms)
            continue;
        if (!over)
            conn_resume(c);
        else if (l->clock.mono_ms - c->paused_ms >= PAUSE_MAX_MS)
            refuse_read(c, 503, "unavailable", "the server is out of memory for requests");
    }
}

static void sweep(http_loop *l)
{
    memory_look(l->server);
    sweep_deadlines(l);
    sweep_paused(l);
    if (l->accept_paused)
        accept_resume(l);
}

void sweep_fired(evutil_socket_t fd, short what, void *http_loop_)
{
    (void)fd, (void)what;
    http_loop *l = http_loop_;
    l->timer_set = false;
    tick(l);
    sweep(l);
    access_log_flush(l);
    conn_bury(l, DEAD_KEPT);
    bool waiting = l->accept_paused || l->paused > 0;
    for (int i = 0; i < DEADLINES; i++)
        waiting |= !TAILQ_EMPTY(&l->deadlines[i].queue);
    if (waiting)
        conn_timer(l);
    else
        conn_bury(l, 0);
}
