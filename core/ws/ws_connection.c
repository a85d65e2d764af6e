/* One WebSocket as its loop drives it: opened after the handshake, then called for what has come, for room in the
 * kernel, for what falls due and for what is still to be done before the loop sleeps; at the end taken apart. What has
 * come goes from bytes to frames to ws_event_take(), within the rate that a client may send at. All on the socket's
 * loop; the bytes stay in the bufferevent's input, incomplete messages in the socket's codec. */
#include "core/ws/ws_connection.h"

#include "core/base/log.h"
#include "core/runtime/quota.h"
#include "core/ws/output.h"
#include "core/ws/recovery.h"
#include "core/ws/socket.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <steward/host.h>
#include <sys/socket.h>

/* What the kernel may hold of unsent bytes: bounded, so that ours tells who is slow; widened for a last close frame. */
enum { KERNEL_UNSENT = 512 * 1024 };
/* Reading rests at least this long when a bucket is empty; a flood that goes on after a rest is the same flood. */
enum { REST_MS = 50, SAME_FLOOD_MS = 1000 };
/* An incomplete message holds memory: not for longer than this. */
enum { MESSAGE_MS = 60000 };

static void take_stream(ws_socket *s);
static bool send_head(ws_socket *s, const char *head, size_t len);
static void input_run(ws_socket *s);
static void tick(ws_socket *s);
static void run_chores(hub_loop *hl);

/* ---- opening ---- */

bool ws_connection_open(hub_loop *hl, const ws_opening *o)
{
    struct hub *h = hl->hub;
    ws_socket *s = socket_new(hl);
    if (!s)
        return false;
    s->connection = o->connection;
    s->stream = evhttp_connection_get_bufferevent(o->connection);
    s->deflate = o->deflate;
    s->hello = o->hello || o->since >= 0;
    s->generation = o->up->generation;
    s->who = *o->up->who;
    s->who.opened_ms = sw_now_ms();
    snprintf(s->address, sizeof s->address, "%s", o->up->address ? o->up->address : "");
    s->last_in_ms = hub_now(hl);
    s->next_ping_ms = hl->now_ms + h->o.ping_ms;
    take_stream(s);
    /* Registered before the client can see the 101: what anybody sends to it from then on arrives. What comes by other
     * threads waits in the mailbox of this loop, behind the head. */
    bool registered = socket_register(s);
    if (!send_head(s, o->head, o->head_len)) {
        socket_end(s);
        return true;
    }
    if (!registered) {
        output_close(s, 1013, "try again later");
        return true;
    }
    /* After the registration: a change of credentials either is seen here, or finds the socket registered. */
    if (!principal_current(h->rt->principals, s->who.user_id, s->generation))
        output_close(s, 4003, "token revoked");
    else
        recovery_begin(s, o->since);
    bufferevent_enable(s->stream, EV_READ);
    socket_chores(s, CHORE_INPUT); /* frames glued to the head */
    socket_schedule(s);
    return true;
}

/* ---- what happens on it ---- */

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
    recovery_run(s);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    (void)stream;
    ws_socket *s = arg;
    hub_now(s->home);
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
        socket_end(s);
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

/* ---- what has come: bytes to frames to events ---- */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Takes from the token buckets. When one is empty: reads no more until it has refilled a little; after
 * ws.rate_close_after of that the socket is closed. */
static void charge(ws_socket *s, int64_t frames, int64_t bytes)
{
    const hub_options *o = &s->home->hub->o;
    int64_t now_ms = s->home->now_ms, now = now_ms * 1000, burst = o->burst_ms * 1000;
    s->frames_at_us = later(s->frames_at_us, now) + (o->rate_frames > 0 ? frames * 1000000 / o->rate_frames : 0);
    s->bytes_at_us = later(s->bytes_at_us, now) + (o->rate_bytes > 0 ? bytes * 1000000 / o->rate_bytes : 0);
    int64_t over = later(s->frames_at_us, s->bytes_at_us) - now - burst;
    if (over <= 0 || s->state != SOCKET_OPEN)
        return;
    if (now_ms - s->over_last_ms > SAME_FLOOD_MS)
        s->over_since_ms = now_ms;
    s->over_last_ms = now_ms + over / 1000 + REST_MS;
    if (now_ms - s->over_since_ms >= o->rate_close_ms) {
        output_close(s, 4029, "too many frames");
        return;
    }
    socket_pause(s, PAUSE_RATE);
    s->resume_ms = s->over_last_ms;
    socket_schedule(s);
}

/* The same for its user, over all of his sockets, and for what his frames have had written. */
static void charge_user(ws_socket *s, int64_t frames, int64_t bytes)
{
    quotas *q = s->home->hub->rt->quotas;
    int64_t now_ms = s->home->now_ms;
    if (s->state != SOCKET_OPEN || !quota_counts(q, &s->who))
        return;
    int64_t wait = quota_charge(q, &s->who, QUOTA_FRAMES, frames, now_ms);
    wait = later(wait, quota_charge(q, &s->who, QUOTA_BYTES, bytes, now_ms));
    wait = later(wait, quota_wait(q, &s->who, QUOTA_ROWS, now_ms));
    if (wait == 0)
        return;
    socket_pause(s, PAUSE_RATE);
    s->resume_ms = later(s->resume_ms, now_ms + later(wait, REST_MS));
    socket_schedule(s);
}

static void inflate_text(ws_socket *s, const codec_event *e)
{
    uint8_t *text = NULL;
    size_t len = 0;
    switch (deflater_inflate(s->home->deflate, e->at, e->len, s->home->hub->o.message, &text, &len)) {
    case INFLATE_BAD:
        output_fail(s, 1002, "bad compressed data");
        break;
    case INFLATE_TOO_LARGE:
        output_fail(s, 1009, "message too large");
        break;
    case INFLATE_NO_MEMORY:
        output_fail(s, 1013, "try again later");
        break;
    case INFLATE_OK:
        if (!utf8_valid((const char *)text, len))
            output_fail(s, 1007, "invalid UTF-8");
        else
            ws_event_take(s, (char *)text, len);
        break;
    }
    free(text);
}

static void take_event(ws_socket *s, const codec_event *e)
{
    uint8_t frame[2 + CODEC_CONTROL_MAX];
    switch (e->kind) {
    case CODEC_TEXT:
        if (s->state == SOCKET_OPEN && e->compressed)
            inflate_text(s, e);
        else if (s->state == SOCKET_OPEN)
            ws_event_take(s, (char *)e->at, e->len);
        if (s->codec.message == e->at)
            codec_message_done(&s->codec);
        break;
    case CODEC_PING:
        if (s->state == SOCKET_OPEN)
            output_control(s, frame, codec_control(frame, OP_PONG, e->at, e->len));
        break;
    case CODEC_CLOSE:
        output_peer_close(s, e->code);
        break;
    case CODEC_FAIL:
        output_fail(s, e->code, e->reason);
        break;
    case CODEC_PONG:
    case CODEC_MORE:
        break;
    }
}

static bool readable(const ws_socket *s)
{
    return s->paused == 0 && (s->state == SOCKET_OPEN || s->state == SOCKET_CLOSING);
}

/* Feeds one piece; gives how much of it was taken. *ret_want: what is needed in one piece to go on. */
static size_t feed(ws_socket *s, uint8_t *data, size_t len, size_t *ret_want)
{
    const codec_rules rules = {s->home->hub->o.message, s->deflate};
    size_t used = 0, before = 0;
    int64_t frames = 0;
    *ret_want = 1;
    while (used < len && readable(s)) {
        codec_event e;
        size_t taken = codec_feed(&s->codec, &rules, data + used, len - used, &e, ret_want);
        used += taken;
        frames += e.frame;
        if (e.kind == CODEC_MORE && taken == 0)
            break;
        take_event(s, &e);
        if (frames >= 16) {
            charge(s, frames, (int64_t)(used - before));
            charge_user(s, frames, (int64_t)(used - before));
            frames = 0;
            before = used;
        }
    }
    charge(s, frames, (int64_t)(used - before));
    charge_user(s, frames, (int64_t)(used - before));
    return used;
}

/* The memory of incomplete messages, of this one and of all on this loop. `before`: what it held when it was counted.
 */
static void watch_message(ws_socket *s, size_t before)
{
    size_t held = codec_held(&s->codec);
    if (s->state == SOCKET_OPEN && held > before && s->home->gathered + held - before > s->home->hub->o.share)
        output_fail(s, 1013, "try again later");
    if (s->state == SOCKET_DISCARD) {
        codec_done(&s->codec); /* nothing will be made of it */
        held = 0;
    }
    s->home->gathered += held - before;
    if (s->state != SOCKET_OPEN)
        return;
    if (held == 0)
        s->message_by_ms = 0;
    else if (s->message_by_ms == 0) {
        s->message_by_ms = s->home->now_ms + MESSAGE_MS;
        socket_schedule(s);
    }
}

/* Goes through what the bufferevent has read, until it is done or the socket is paused. */
static void input_run(ws_socket *s)
{
    if (s->state == SOCKET_ENDED)
        return;
    struct evbuffer *in = bufferevent_get_input(s->stream);
    size_t want = 1;
    while (readable(s)) {
        size_t have = evbuffer_get_length(in), piece = evbuffer_get_contiguous_space(in);
        if (have < want || have == 0)
            return;
        if (piece < want)
            piece = want;
        uint8_t *data = evbuffer_pullup(in, (ev_ssize_t)piece);
        if (!data) {
            socket_end(s);
            return;
        }
        size_t held = codec_held(&s->codec);
        size_t used = feed(s, data, piece, &want);
        watch_message(s, held);
        evbuffer_drain(in, used);
        if (used == piece)
            want = 1;
    }
    if (s->state == SOCKET_DISCARD || s->state == SOCKET_ENDING)
        evbuffer_drain(in, evbuffer_get_length(in));
}

/* ---- what falls due ---- */

static void tick_open(ws_socket *s)
{
    hub_loop *hl = s->home;
    int64_t now = hl->now_ms;
    if (s->who.expires_ms > 0 && sw_now_ms() >= s->who.expires_ms) {
        output_close(s, 4001, "token expired");
        return;
    }
    if (s->paused == 0 && now - s->last_in_ms >= hl->hub->o.dead_ms) {
        log_debug("ws", "dead: user %lld, %s", (long long)s->who.user_id, s->address);
        socket_end(s);
        return;
    }
    if (s->resume_ms != 0 && now >= s->resume_ms) {
        s->resume_ms = 0;
        socket_resume(s, PAUSE_RATE);
    }
    if (s->message_by_ms != 0 && now >= s->message_by_ms) {
        output_close(s, 1008, "message took too long");
        return;
    }
    if (now >= s->next_ping_ms) {
        uint8_t frame[2 + CODEC_CONTROL_MAX];
        s->next_ping_ms = now + hl->hub->o.ping_ms;
        output_control(s, frame, codec_control(frame, OP_PING, NULL, 0));
    }
}

static void tick(ws_socket *s)
{
    if (s->retry_ms != 0 && s->home->now_ms >= s->retry_ms) {
        s->retry_ms = 0;
        ws_event_pump(s); /* of an ended socket too: frames that came before its end */
        if (s->state != SOCKET_ENDED) {
            output_receipts(s);
            recovery_run(s);
        }
    }
    switch (s->state) {
    case SOCKET_OPEN:
        tick_open(s);
        break;
    case SOCKET_ENDED:
        return;
    default:
        if (s->home->now_ms >= s->close_by_ms)
            socket_end(s);
    }
    socket_schedule(s);
}

/* ---- before the loop sleeps ---- */

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

static void run_chores(hub_loop *hl)
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
        if ((what & CHORE_FLUSH) != 0) {
            output_flush(s);
            recovery_run(s);
        }
    }
}

/* ---- all of them on one loop ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    hub_loop *hl = arg;
    hl->timer_ms = 0;
    hub_now(hl);
    for (wheel_node *n; (n = wheel_expire(&hl->wheel, hl->now_ms));)
        tick((ws_socket *)(void *)((char *)n - offsetof(ws_socket, timer)));
    int64_t next = wheel_next(&hl->wheel);
    if (next >= 0)
        socket_arm_timer(hl, next);
}

static void on_chores(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    hub_now(arg);
    run_chores(arg);
}

bool ws_connection_loop_open(struct hub *h, hub_loop *hl, loop *l)
{
    hl->hub = h;
    hl->loop = l;
    hl->chores_end = &hl->chores;
    wheel_init(&hl->wheel, hub_now(hl));
    hl->timer = event_new(l->base, -1, 0, on_timer, hl);
    hl->chores_event = event_new(l->base, -1, 0, on_chores, hl);
    hl->spare = calloc(1, sizeof *hl->spare);
    hl->deflate = h->o.compression ? deflater_new() : NULL;
    l->ws = hl;
    return hl->timer && hl->chores_event && hl->spare;
}

void ws_connection_loop_close(hub_loop *hl)
{
    if (hl->chores_event)
        event_free(hl->chores_event);
    if (hl->timer)
        event_free(hl->timer);
    hl->chores_event = hl->timer = NULL;
    for (ws_socket *s = hl->all, *next; s; s = next) {
        next = s->next;
        socket_ref(s);
        ws_event_drop_waiting(s);
        socket_end(s);
        socket_unref(s);
    }
    run_chores(hl);
    free(hl->buckets);
    free(hl->spare);
    deflater_free(hl->deflate);
    if (hl->loop)
        hl->loop->ws = NULL;
}
