#include "core/http/http_reply.h"

#include "core/http/access_log.h"
#include "core/http/conn.h"
#include "core/http/http_gate.h"
#include "core/http/reply_head.h"
#include "core/http/route_metrics.h"
#include "core/http/tick.h"
#include "core/runtime/thread.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Everything has left: the connection ends, or waits for its next request. */
static void sent(conn *c)
{
    struct evhttp_request *ev = c->request;
    c->request = NULL;
    conn_charge(c, 0);
    if (c->close_after || !ev) {
        conn_finish(c);
        return;
    }
    /* The output is empty, so evhttp ends the request here and now and gets ready for the next one. The request was
     * not chunked (those close), so this writes nothing. */
    evhttp_send_reply_end(ev);
    if (c->state == CONN_DEAD)
        return; /* out of memory */
    conn_wrap(c);
    conn_idle(c);
    gate_run(c);
}

static void on_drained(struct bufferevent *bev, void *arg)
{
    conn *c = conn_of(bev);
    (void)arg;
    if (!c || c->state != CONN_REPLY)
        return;
    tick(c->home);
    sent(c);
}

static void release(const void *data, size_t len, void *owned)
{
    (void)data, (void)len;
    free(owned);
}

/* What the socket did not take at once waits in the bufferevent. */
static void queue_rest(conn *c, const char *head, size_t head_len, const reply *r, size_t body_len, size_t gone)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    int failed = 0;
    if (gone < head_len) {
        failed = evbuffer_add(out, head + gone, head_len - gone);
        gone = head_len;
    }
    size_t left = body_len - (gone - head_len);
    if (left == 0)
        free(r->owned);
    else if (r->owned && !failed)
        failed = evbuffer_add_reference(out, r->body + (body_len - left), left, release, r->owned);
    else
        failed |= evbuffer_add(out, r->body + (body_len - left), left);
    if (failed) {
        if (left > 0)
            free(r->owned);
        conn_free(c);
        return;
    }
    c->unsent_mark = conn_unsent(c);
    conn_charge(c, evbuffer_get_length(out));
    conn_deadline(c, DEADLINE_REPLY);
    conn_watch(c, NULL, on_drained);
    bufferevent_disable(c->bev, EV_READ);
    bufferevent_enable(c->bev, EV_WRITE);
}

/* Directly to the socket, when nothing waits before it. Gives what it took; -1: the client is gone. */
static ssize_t send_now(conn *c, const char *head, size_t head_len, const char *body, size_t body_len)
{
    if (evbuffer_get_length(bufferevent_get_output(c->bev)) > 0)
        return 0;
    struct iovec pieces[2] = {{(void *)(uintptr_t)head, head_len}, {(void *)(uintptr_t)body, body_len}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = body_len ? 2 : 1};
    ssize_t n = sendmsg(bufferevent_getfd(c->bev), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

static void transmit(conn *c, const char *head, size_t head_len, const reply *r, size_t body_len)
{
    ssize_t n = send_now(c, head, head_len, r->body, body_len);
    if (n < 0) {
        free(r->owned);
        conn_free(c);
    } else if ((size_t)n == head_len + body_len) {
        free(r->owned);
        sent(c);
    } else {
        queue_rest(c, head, head_len, r, body_len, (size_t)n);
    }
}

void reply_send(exchange *x, reply *r)
{
    conn *c = x->conn;
    http_loop *l = x->home;
    size_t body_len = x->method == HEAD_HEAD || r->status == 204 || r->status == 304 ? 0 : r->len;
    int64_t took = now_ns() - x->started_ns;
    numbers_add(x, r->status, took);
    access_log_add(x, r->status, body_len, took);

    size_t bound = reply_head_bound(x, r);
    char *head = bound <= sizeof l->scratch ? l->scratch : malloc(bound);
    c->close_after |= l->draining;
    size_t head_len = head ? reply_head_write(x, r, c->close_after, c->head.http10, head) : 0;
    exchange_free(x);
    c->work = NULL;
    c->state = CONN_REPLY;
    if (head)
        transmit(c, head, head_len, r, body_len);
    else {
        free(r->owned);
        conn_free(c);
    }
    if (head != l->scratch)
        free(head);
}
