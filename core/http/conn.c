/* Connections from accept to the last byte, and what a loop does for all of its own every 100 ms, while there are any:
 * deadlines, memory, accepting again and the access log. On that loop.
 *
 * A conn is the loop's from accept to CONN_DEAD. evhttp owns the bufferevent and the evhttp_connection, and says by
 * on_closed() that it has freed them; the struct itself is kept for the next one. */
#include "core/http/conn.h"

#include "core/base/log.h"
#include "core/http/rate.h"
#include <assert.h>
#include <event2/util.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

/* A reply leaves in pieces of up to this size; libevent's own bound is 16 KiB. */
enum { WRITE_PIECE = 256 * 1024, LINGER_BYTES = 64 * 1024 * 1024 };

/* How much of its next requests a client may send while it is watched; more waits in the socket. */
enum { HELD_BYTES = 16 * 1024 };

/* Less than this is not counted against limits.memory: limits.connections bounds it. */
enum { UNCOUNTED = 4096, TURN_MS = 100 };

/* How long reading may rest for want of memory; how many ended structs are kept; by how much idle connections are cut
 * short when there is no room. */
enum { PAUSE_MAX_MS = 1000, DEAD_KEPT = 256, CROWDED_IDLE_MS = 5000 };

static void on_closed(struct evhttp_connection *evcon, void *arg);

/* ---- the beginning ---- */

static conn *conn_new(entrance *by)
{
    http_loop *l = by->home;
    conn *c = TAILQ_FIRST(&l->dead);
    if (c) {
        TAILQ_REMOVE(&l->dead, c, entry);
        l->dead_count--;
    } else if (!(c = malloc(sizeof *c))) {
        return NULL;
    }
    *c = (conn){.home = l, .by = by};
    return c;
}

struct bufferevent *conn_accept(struct event_base *base, void *entrance_)
{
    entrance *by = entrance_;
    http_loop *l = by->home;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
    conn *c = bev ? conn_new(by) : NULL;
    if (!c) {
        if (bev)
            bufferevent_free(bev);
        return NULL; /* evhttp makes one itself, or closes; conn_of() finds no conn and its requests are refused */
    }
    /* evhttp sets the descriptor and its callbacks after this returns: newborn() looks at the rest, in the same
     * turn of the loop. Should evhttp give up in between, this reference keeps the bufferevent's memory. */
    bufferevent_incref(bev);
    c->bev = bev;
    if (TAILQ_EMPTY(&l->fresh))
        event_active(l->newborn, EV_TIMEOUT, 0);
    TAILQ_INSERT_TAIL(&l->fresh, c, entry);
    if (by->door) {
        by->open++;
        return bev;
    }
    uint32_t open = atomic_fetch_add_explicit(&l->server->open, 1, memory_order_relaxed) + 1;
    if (open >= l->server->settings.connections)
        accept_pause(l, 0);
    return bev;
}

static void forget(conn *c)
{
    http_loop *l = c->home;
    if (c->by->door)
        c->by->open--;
    else
        atomic_fetch_sub_explicit(&l->server->open, 1, memory_order_relaxed);
    c->state = CONN_DEAD;
    TAILQ_INSERT_HEAD(&l->dead, c, entry);
    l->dead_count++;
    conn_timer(l);
}

/* Counts the connection against its address. false: that address has too many. */
static bool admit(conn *c)
{
    const http_settings *s = &c->home->server->settings;
    c->slot = rates_slot(c->home->server->rates, &c->peer);
    c->trusted = address_in(&c->peer, s->trusted, s->trusted_count);
    bool exempt =
        s->connections_per_address == 0 || c->trusted || (address_is_loopback(&c->peer) && !s->per_address_loopback);
    if (exempt)
        return true;
    c->counted = rates_connect(c->home->server->rates, c->slot, s->connections_per_address);
    return c->counted;
}

/* A connection that may not stay: told why if it listens, and closed. `head`: status line and header lines. */
static void turn_away(conn *c, const char *head, const char *why, const char *code)
{
    char text[768], unread[4096];
    size_t body = strlen("{\"error\":\"\",\"code\":\"\"}") + strlen(why) + strlen(code);
    int len = snprintf(text, sizeof text,
                       "%s\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n"
                       "{\"error\":\"%s\",\"code\":\"%s\"}",
                       head, body, why, code);
    evutil_socket_t fd = bufferevent_getfd(c->bev);
    /* What is read already does not make the close a reset. */
    (void)recv(fd, unread, sizeof unread, MSG_DONTWAIT);
    (void)send(fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
    conn_free(c);
}

static void come_in_by_door(conn *c)
{
    const http_door *door = c->by->door;
    if (door->admits && !door->admits(bufferevent_getfd(c->bev)))
        turn_away(c, "HTTP/1.1 403 Forbidden", door->refused, "forbidden");
    else if (c->by->open > door->connections)
        turn_away(c, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1", door->crowded, "unavailable");
}

static void come_in_by_port(conn *c)
{
    count(&c->home->accepted);
    if (admit(c))
        return;
    count(&c->home->refused);
    turn_away(c, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10", "too many connections from this address",
              "unavailable");
}

/* Who comes by a socket of the file system has no address, and is on this machine. */
static bool local_peer(conn *c)
{
    const struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    return getsockname(bufferevent_getfd(c->bev), (struct sockaddr *)&own, &len) == 0 && own.ss_family == AF_UNIX &&
           address_of_sockaddr((const struct sockaddr *)&loopback, &c->peer);
}

static void welcome(conn *c)
{
    bufferevent_event_cb event = NULL;
    void *arg = NULL;
    bufferevent_getcb(c->bev, &c->feed, &c->sent, &event, &arg);
    bool alive = event != NULL;
    bufferevent_decref(c->bev);
    if (!alive) {
        forget(c);
        return;
    }
    c->evcon = arg;
    evhttp_connection_set_closecb(c->evcon, on_closed, c);
    if (address_of_sockaddr(evhttp_connection_get_addr(c->evcon), &c->peer) || local_peer(c))
        address_format(&c->peer, c->peer_text);
    conn_wrap(c);
    bufferevent_set_max_single_write(c->bev, WRITE_PIECE);
    c->state = CONN_IDLE;
    conn_deadline(c, DEADLINE_HEAD); /* the first request comes soon, or never */
    if (c->by->door)
        come_in_by_door(c);
    else
        come_in_by_port(c);
}

static void newborn(evutil_socket_t fd, short what, void *http_loop_)
{
    (void)fd, (void)what;
    http_loop *l = http_loop_;
    tick(l);
    for (conn *c; (c = TAILQ_FIRST(&l->fresh));) {
        TAILQ_REMOVE(&l->fresh, c, entry);
        welcome(c);
    }
}

/* ---- callbacks of the bufferevent ---- */

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    conn *c = conn_of(bev);
    (void)arg;
    if (!c || !(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)))
        return;
    if (c->state != CONN_WORK) {
        conn_free(c);
        return;
    }
    /* While an exchange is at work nothing is read or written, unless its end is watched for. */
    c->left = c->close_after = true;
    if (c->on_left)
        c->on_left(c);
}

/* The output is empty: after a 100 Continue evhttp wants to know, so that it stops waiting for that. */
static void on_sent(struct bufferevent *bev, void *arg)
{
    conn *c = conn_of(bev);
    (void)arg;
    if (c && c->state == CONN_BODY)
        c->sent(bev, c->evcon);
}

/* evhttp calls the read callback with an argument of its own (its deferred read), so nobody here trusts the argument:
 * the bufferevent knows. */
conn *conn_of(struct bufferevent *bev)
{
    bufferevent_event_cb event = NULL;
    void *arg = NULL;
    bufferevent_getcb(bev, NULL, NULL, &event, &arg);
    return event == on_event ? arg : NULL;
}

void conn_watch(conn *c, bufferevent_data_cb readable, bufferevent_data_cb drained)
{
    bufferevent_setcb(c->bev, readable, drained, on_event, c);
}

/* What comes of the next requests stays where it is. */
static void hold(struct bufferevent *bev, void *arg)
{
    (void)bev, (void)arg;
}

void conn_watch_end(conn *c, bufferevent_data_cb drained, void (*left)(conn *c))
{
    c->watched = true;
    c->on_left = left;
    conn_watch(c, hold, drained);
    bufferevent_setwatermark(c->bev, EV_READ, 0, HELD_BYTES);
    bufferevent_enable(c->bev, EV_READ);
}

void conn_unwatch(conn *c)
{
    if (!c->watched)
        return;
    c->watched = false;
    c->on_left = NULL;
    bufferevent_disable(c->bev, EV_READ);
    bufferevent_setwatermark(c->bev, EV_READ, 0, 0);
    conn_wrap(c);
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    conn *c = conn_of(bev);
    (void)arg;
    if (!c)
        return;
    tick(c->home);
    c->home->server->read(c);
}

void conn_wrap(conn *c)
{
    conn_watch(c, on_readable, on_sent);
}

/* ---- deadlines ---- */

void conn_deadline(conn *c, int which)
{
    http_loop *l = c->home;
    if (c->queued)
        TAILQ_REMOVE(&l->deadlines[c->queued - 1].queue, c, entry);
    c->queued = 0;
    if (which == DEADLINES)
        return;
    c->deadline_ms = l->clock.awake_ms + l->deadlines[which].limit_ms;
    TAILQ_INSERT_TAIL(&l->deadlines[which].queue, c, entry);
    c->queued = (uint8_t)(which + 1);
    conn_timer(l);
}

size_t conn_unsent(const conn *c)
{
    int in_socket = 0;
    (void)ioctl(bufferevent_getfd(c->bev), SIOCOUTQ, &in_socket);
    return evbuffer_get_length(bufferevent_get_output(c->bev)) + (size_t)(in_socket > 0 ? in_socket : 0);
}

void conn_mark_unsent(conn *c)
{
    c->unsent_mark = conn_unsent(c);
    c->appended = 0;
    conn_deadline(c, DEADLINE_REPLY);
}

void conn_next(conn *c)
{
    conn_wrap(c);
    c->state = CONN_IDLE;
    c->fed = false;
    c->checked = 0;
    c->head = (request_head){0};
    conn_deadline(c, DEADLINE_IDLE);
    c->home->server->read(c);
}

/* ---- limits.memory: each loop counts its own, and who counts something adds them up ---- */

static void memory_look(http_server *h)
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
    c->paused_ms = c->home->clock.awake_ms;
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

/* ---- the end ---- */

static void discard(struct bufferevent *bev, void *arg)
{
    conn *c = conn_of(bev);
    struct evbuffer *input = bufferevent_get_input(bev);
    (void)arg;
    if (!c)
        return;
    c->need += evbuffer_get_length(input);
    evbuffer_drain(input, evbuffer_get_length(input));
    if (c->need > LINGER_BYTES)
        conn_free(c);
}

void conn_finish(conn *c)
{
    if (!c->linger_after) {
        conn_free(c);
        return;
    }
    c->state = CONN_LINGER;
    c->need = 0;
    conn_charge(c, 0);
    conn_deadline(c, DEADLINE_LINGER);
    struct evbuffer *input = bufferevent_get_input(c->bev);
    evbuffer_drain(input, evbuffer_get_length(input));
    shutdown(bufferevent_getfd(c->bev), SHUT_WR);
    conn_watch(c, discard, NULL);
    bufferevent_disable(c->bev, EV_WRITE);
    bufferevent_enable(c->bev, EV_READ);
}

void conn_free(conn *c)
{
    assert(c->state != CONN_WORK && c->state != CONN_DEAD);
    evhttp_connection_free(c->evcon); /* calls on_closed() first */
}

static void on_closed(struct evhttp_connection *evcon, void *arg)
{
    conn *c = arg;
    (void)evcon;
    if (c->on_closed)
        c->on_closed(c);
    conn_deadline(c, DEADLINES);
    conn_charge(c, 0);
    if (c->paused_ms)
        c->home->paused--;
    if (c->counted)
        rates_disconnect(c->home->server->rates, c->slot);
    forget(c);
}

static void bury(http_loop *l, unsigned keep)
{
    while (l->dead_count > keep) {
        conn *c = TAILQ_FIRST(&l->dead);
        TAILQ_REMOVE(&l->dead, c, entry);
        l->dead_count--;
        free(c);
    }
}

/* ---- what is asked of a loop ---- */

void conn_timer(http_loop *l)
{
    if (l->timer_set)
        return;
    static const struct timeval TURN = {0, TURN_MS * 1000};
    l->timer_set = event_add(l->timer, &TURN) == 0;
}

void accept_pause(http_loop *l, int64_t ms)
{
    if (l->port.listener)
        evconnlistener_disable(l->port.listener);
    l->accept_paused = true;
    l->accept_after_ms = l->clock.awake_ms + ms;
    conn_timer(l);
}

static void accept_resume(http_loop *l)
{
    uint32_t open = atomic_load_explicit(&l->server->open, memory_order_relaxed);
    if (l->clock.awake_ms < l->accept_after_ms)
        return;
    for (entrance *by = l->server->doors; by; by = by->next)
        if (by->home == l)
            evconnlistener_enable(by->listener);
    if (l->port.listener && open >= l->server->settings.connections)
        return;
    l->accept_paused = false;
    if (l->port.listener)
        evconnlistener_enable(l->port.listener);
}

void conn_flush_log(http_loop *l)
{
    if (l->log_len > 0)
        log_raw(l->log, l->log_len);
    l->log_len = 0;
}

/* ---- what is done every 100 ms: one kind of deadline each ---- */

static void late_head(conn *c)
{
    /* Who never said a word hears none. */
    if (c->state == CONN_IDLE) {
        conn_free(c);
        return;
    }
    count(&c->home->timed_out);
    c->home->server->refuse(c, 408, "invalid_request", "the head of the request took too long");
}

static void late_body(conn *c)
{
    count(&c->home->timed_out);
    c->home->server->refuse(c, 408, "invalid_request", "the body of the request took too long");
}

/* A reply must move by 1 KiB a second over the whole limit, or all that there was of it. */
static void slow_reply(conn *c)
{
    http_loop *l = c->home;
    size_t unsent = conn_unsent(c), all = c->unsent_mark + c->appended;
    size_t least = (size_t)(l->deadlines[DEADLINE_REPLY].limit_ms * 1024 / 1000);
    size_t moved = all > unsent ? all - unsent : 0;
    if (moved < least && moved < c->unsent_mark) {
        count(&l->stalled);
        conn_free(c);
        return;
    }
    conn_charge(c, evbuffer_get_length(bufferevent_get_output(c->bev)));
    conn_mark_unsent(c);
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
        int64_t until = l->clock.awake_ms + (early > 0 ? early : 0);
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
        else if (l->clock.awake_ms - c->paused_ms >= PAUSE_MAX_MS)
            c->home->server->refuse(c, 503, "unavailable", "the server is out of memory for requests");
    }
}

static void look_after(http_loop *l)
{
    memory_look(l->server);
    sweep_deadlines(l);
    sweep_paused(l);
    if (l->accept_paused)
        accept_resume(l);
}

static void sweep_fired(evutil_socket_t fd, short what, void *http_loop_)
{
    (void)fd, (void)what;
    http_loop *l = http_loop_;
    l->timer_set = false;
    tick(l);
    look_after(l);
    conn_flush_log(l);
    bury(l, DEAD_KEPT);
    bool waiting = l->accept_paused || l->paused > 0;
    for (int i = 0; i < DEADLINES; i++)
        waiting |= !TAILQ_EMPTY(&l->deadlines[i].queue);
    if (waiting)
        conn_timer(l);
    else
        bury(l, 0);
}

bool conn_loop_open(http_loop *l)
{
    l->newborn = event_new(l->loop->base, -1, 0, newborn, l);
    l->timer = evtimer_new(l->loop->base, sweep_fired, l);
    return l->newborn && l->timer;
}

void conn_loop_close(http_loop *l)
{
    conn_flush_log(l);
    bury(l, 0);
    if (l->newborn)
        event_free(l->newborn);
    if (l->timer)
        event_free(l->timer);
}
