/* What falls due on a socket: pings, death, expiry, the end of a pause. One place in the loop's wheel for all of it. */
#include "core/base/log.h"
#include "core/ws/output.h"
#include "core/ws/recovery.h"
#include "core/ws/socket.h"
#include "core/ws/ws_event.h"

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
    hub_arm(hl, due);
}

static void tick_open(ws_socket *s)
{
    hub_loop *hl = s->home;
    int64_t now = hl->now_ms;
    if (s->who.expires_ms > 0 && sw_now_ms() >= s->who.expires_ms) {
        socket_close(s, 4001, "token expired");
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
        socket_close(s, 1008, "message took too long");
        return;
    }
    if (now >= s->next_ping_ms) {
        uint8_t frame[2 + CODEC_CONTROL_MAX];
        s->next_ping_ms = now + hl->hub->o.ping_ms;
        output_control(s, frame, codec_control(frame, OP_PING, NULL, 0));
    }
}

void socket_tick(ws_socket *s)
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

void socket_retry(ws_socket *s, int64_t after_ms)
{
    hub_loop *hl = s->home;
    s->retry_ms = hl->now_ms + after_ms;
    if (s->state != SOCKET_ENDED) {
        socket_schedule(s);
        return;
    }
    wheel_set(&hl->wheel, &s->timer, s->retry_ms);
    hub_arm(hl, s->retry_ms);
}
