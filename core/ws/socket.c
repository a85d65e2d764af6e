#include "core/ws/socket.h"

#include "core/base/log.h"
#include "core/ws/deliver.h"
#include "core/ws/input.h"
#include "core/ws/output.h"
#include "core/ws/recovery.h"
#include "core/ws/ws_event.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What the kernel may hold of unsent bytes: bounded, so that ours tells who is slow; widened for a last close frame. */
enum { KERNEL_UNSENT = 512 * 1024 };

static void on_read(struct bufferevent *stream, void *arg)
{
    (void)stream;
    ws_socket *s = arg;
    s->last_in_ms = hub_now(s->home);
    input_run(s);
}

static void on_write(struct bufferevent *stream, void *arg)
{
    (void)stream;
    ws_socket *s = arg;
    hub_now(s->home);
    output_went(s);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    (void)stream;
    ws_socket *s = arg;
    hub_now(s->home);
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
        socket_end(s);
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

static void take_stream(ws_socket *s)
{
    int on = 1, unsent = KERNEL_UNSENT;
    evutil_socket_t fd = bufferevent_getfd(s->stream);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    bufferevent_setcb(s->stream, on_read, on_write, on_event, s);
    bufferevent_set_timeouts(s->stream, NULL, NULL);
    bufferevent_setwatermark(s->stream, EV_READ, 0, 0);
    bufferevent_setwatermark(s->stream, EV_WRITE, SIZE_MAX, 0); /* on_write after every write */
    bufferevent_disable(s->stream, EV_WRITE);                   /* written by output.c, until that blocks */
}

/* The 101 goes out before anything else, in one piece: the connection is idle. */
static bool send_head(ws_socket *s, const char *head, size_t len)
{
    ssize_t sent = send(bufferevent_getfd(s->stream), head, len, MSG_NOSIGNAL);
    return sent == (ssize_t)len;
}

bool socket_open(hub_loop *hl, const socket_opening *o)
{
    struct hub *h = hl->hub;
    ws_socket *s = calloc(1, sizeof *s);
    if (!s)
        return false;
    s->home = hl;
    s->connection = o->connection;
    s->stream = evhttp_connection_get_bufferevent(o->connection);
    s->refs = 1;
    s->state = SOCKET_OPEN;
    s->deflate = o->deflate;
    s->hello = o->hello || o->since >= 0;
    s->generation = o->up->generation;
    s->who = *o->up->who;
    s->who.opened_ms = sw_now_ms();
    snprintf(s->address, sizeof s->address, "%s", !o->up->address ? "" : o->up->address);
    s->last_in_ms = hub_now(hl);
    s->next_ping_ms = hl->now_ms + h->o.ping_ms;
    atomic_init(&s->running, 0);
    link_all(s);
    atomic_fetch_add(&h->open, 1);
    take_stream(s);
    /* Registered before the client can see the 101: what anybody sends to it from then on arrives. What comes by other
     * threads waits in the mailbox of this loop, behind the head. */
    bool registered = deliver_register(s);
    if (!send_head(s, o->head, o->head_len)) {
        socket_end(s);
        return true;
    }
    if (!registered) {
        socket_close(s, 1013, "try again later");
        return true;
    }
    /* After the registration: a change of credentials either is seen here, or finds the socket registered. */
    if (!principal_current(h->rt->principals, s->who.user_id, s->generation))
        socket_close(s, 4003, "token revoked");
    else
        recovery_begin(s, o->since);
    bufferevent_enable(s->stream, EV_READ);
    socket_chores(s, CHORE_INPUT); /* frames glued to the head */
    socket_schedule(s);
    return true;
}

/* The close frame, once; afterwards nothing is queued. Whoever sees it is offline already. */
static void send_close(ws_socket *s, uint16_t code, const char *reason)
{
    uint8_t frame[2 + CODEC_CONTROL_MAX];
    deliver_unregister(s);
    output_last(s, frame, codec_close_frame(frame, code, reason));
}

static void begin_closing(ws_socket *s, socket_state state)
{
    if (s->state == SOCKET_ENDED)
        return; /* the close frame found the connection broken */
    s->state = state;
    s->close_by_ms = s->home->now_ms + SOCKET_CLOSE_WAIT_MS;
    socket_schedule(s);
    /* Whatever had stopped the reading: the peer's close is awaited. */
    if (s->paused != 0) {
        s->paused = 0;
        bufferevent_enable(s->stream, EV_READ);
        socket_chores(s, CHORE_INPUT);
    }
}

void socket_close(ws_socket *s, uint16_t code, const char *reason)
{
    if (s->state != SOCKET_OPEN)
        return;
    send_close(s, code, reason);
    begin_closing(s, SOCKET_CLOSING);
}

void socket_fail(ws_socket *s, uint16_t code, const char *reason)
{
    if (s->state == SOCKET_OPEN)
        send_close(s, code, reason);
    else if (s->state != SOCKET_CLOSING)
        return;
    begin_closing(s, SOCKET_DISCARD);
    if (s->state == SOCKET_DISCARD && !s->blocked)
        shutdown(bufferevent_getfd(s->stream), SHUT_WR);
}

void socket_peer_close(ws_socket *s, uint16_t code)
{
    if (s->state == SOCKET_OPEN) {
        send_close(s, code, NULL);
        begin_closing(s, SOCKET_ENDING);
    }
    if (s->state == SOCKET_CLOSING)
        s->state = SOCKET_ENDING;
    if (s->state == SOCKET_ENDING && !s->blocked)
        socket_end(s);
}

void socket_end(ws_socket *s)
{
    if (s->state == SOCKET_ENDED)
        return;
    s->state = SOCKET_ENDED;
    deliver_unregister(s);
    wheel_remove(&s->home->wheel, &s->timer);
    if (s->stream)
        bufferevent_disable(s->stream, EV_READ | EV_WRITE);
    socket_chores(s, CHORE_END);
}

/* What the peer has sent and nobody read would turn our close into a reset, which may overtake the close frame. */
static void read_rest(ws_socket *s)
{
    char waste[4096];
    for (int i = 0; i < 64; i++)
        if (recv(bufferevent_getfd(s->stream), waste, sizeof waste, MSG_DONTWAIT) <= 0)
            return;
}

static void finish_end(ws_socket *s)
{
    if (s->connection) {
        read_rest(s);
        bufferevent_setcb(s->stream, NULL, NULL, NULL, NULL);
        evhttp_connection_free(s->connection);
        s->connection = NULL;
        s->stream = NULL;
    }
    s->home->gathered -= codec_held(&s->codec);
    codec_done(&s->codec);
    output_done(s);
    recovery_done(s);
    socket_unref(s);
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

void socket_run_chores(hub_loop *hl)
{
    while (hl->chores) {
        ws_socket *s = hl->chores;
        hl->chores = s->chores_next;
        if (!hl->chores)
            hl->chores_end = &hl->chores;
        uint8_t what = s->chores;
        s->chores = 0;
        if (s->state == SOCKET_ENDED) {
            if ((what & CHORE_END) != 0)
                finish_end(s);
            continue;
        }
        if ((what & CHORE_INPUT) != 0)
            input_run(s);
        if ((what & CHORE_FLUSH) != 0)
            output_flush(s);
    }
}
