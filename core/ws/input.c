/* Bytes to frames to ws_event_take(), within the rate that a client may send at. On the socket's loop; the bytes stay
 * in the bufferevent's input, incomplete messages in the socket's codec. */
#include "core/ws/input.h"

#include "core/ws/output.h"
#include "core/ws/socket.h"
#include "core/ws/ws_event.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>

/* Reading rests at least this long when a bucket is empty; a flood that goes on after a rest is the same flood. */
enum { REST_MS = 50, SAME_FLOOD_MS = 1000 };
/* An incomplete message holds memory: not for longer than this. */
enum { MESSAGE_MS = 60000 };

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
            frames = 0;
            before = used;
        }
    }
    charge(s, frames, (int64_t)(used - before));
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

void input_run(ws_socket *s)
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
