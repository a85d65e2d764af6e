/* The send queue's way into the kernel: at the end of a turn of the loop, and later as the peer makes room. */
#include "core/ws/output_write.h"

#include "core/base/log.h"
#include "core/ws/backlog.h"
#include "core/ws/output.h"
#include "core/ws/recovery.h"
#include "core/ws/socket.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { VECTORS = 64, RECEIPT_RETRY_MS = 200 };

/* Front bytes leave the queue (the bufferevent keeps it frozen against others). */
static void drop_front(struct evbuffer *queue, size_t len)
{
    evbuffer_unfreeze(queue, 1);
    evbuffer_drain(queue, len);
    evbuffer_freeze(queue, 1);
}

/* One call to the kernel: how much it took, -1: the connection is broken. */
static ssize_t write_some(ws_socket *s, struct evbuffer *queue, size_t *ret_offered)
{
    struct evbuffer_iovec vectors[VECTORS];
    int count = evbuffer_peek(queue, -1, NULL, vectors, VECTORS);
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)(count < VECTORS ? count : VECTORS)};
    *ret_offered = 0;
    for (size_t i = 0; i < message.msg_iovlen; i++)
        *ret_offered += vectors[i].iov_len;
    for (;;) {
        ssize_t sent = sendmsg(bufferevent_getfd(s->stream), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0)
            return sent;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        if (errno != EINTR)
            return -1;
    }
}

void output_count_waiting(ws_socket *s)
{
    size_t now = s->blocked ? output_length(s) : 0;
    s->home->waiting += now - s->waiting;
    s->waiting = now;
}

/* From now on the bufferevent writes, when the peer has room. */
static void block(ws_socket *s)
{
    output_count_waiting(s);
    if (s->blocked)
        return;
    s->blocked = true;
    output_count_waiting(s);
    bufferevent_enable(s->stream, EV_WRITE);
}

static void unblock(ws_socket *s)
{
    backlog_free(s->backlog);
    s->backlog = NULL;
    if (!s->blocked)
        return;
    s->blocked = false;
    output_count_waiting(s);
    bufferevent_disable(s->stream, EV_WRITE);
}

static backlog *look_through(struct evbuffer *queue)
{
    evbuffer_unfreeze(queue, 1);
    backlog *b = backlog_of(queue);
    evbuffer_freeze(queue, 1);
    return b;
}

static void write_all(ws_socket *s)
{
    struct evbuffer *queue = bufferevent_get_output(s->stream);
    while (evbuffer_get_length(queue) > 0) {
        size_t offered;
        ssize_t sent = write_some(s, queue, &offered);
        if (sent < 0) {
            socket_end(s);
            return;
        }
        if ((size_t)sent < offered && !s->backlog && !(s->backlog = look_through(queue))) {
            log_error("ws", "a send queue could not be read: the socket of user %lld ends", (long long)s->who.user_id);
            socket_end(s);
            return;
        }
        if (s->backlog)
            backlog_take(s->backlog, (size_t)sent);
        drop_front(queue, (size_t)sent);
        if ((size_t)sent < offered) {
            block(s);
            return;
        }
    }
    unblock(s);
}

/* A peer may read, leave and come back before this returns: its greeting waits. */
void output_write_queue(ws_socket *s)
{
    struct hub *h = s->home->hub;
    if (!s->receipts) {
        write_all(s);
        return;
    }
    atomic_fetch_add(&h->unsettled, 1);
    write_all(s);
    output_receipts(s);
    atomic_fetch_sub(&h->unsettled, 1);
}

/* Receipts of frames whose bytes have left. */
void output_receipts(ws_socket *s)
{
    uint64_t gone = s->queued_total - output_length(s);
    receipt *due = NULL, **end = &due;
    while (s->receipts && s->receipts->end <= gone) {
        *end = s->receipts;
        s->receipts = s->receipts->next;
        (*end)->next = NULL;
        end = &(*end)->next;
    }
    while (due) {
        receipt *r = due;
        due = r->next;
        recovery_receipt(s, r->tag);
        free(r);
    }
}

void output_receipt_again(ws_socket *s, int64_t tag)
{
    receipt *r = calloc(1, sizeof *r);
    if (!r || s->state == SOCKET_ENDED) {
        free(r);
        return; /* not noted: it will be delivered once more */
    }
    *r = (receipt){.next = s->receipts, .end = 0, .tag = tag};
    s->receipts = r;
    socket_retry(s, RECEIPT_RETRY_MS);
}

static void after_write(ws_socket *s)
{
    if (s->state == SOCKET_ENDED)
        return;
    if (!s->blocked && s->state == SOCKET_ENDING)
        socket_end(s);
    else if (!s->blocked && s->state == SOCKET_DISCARD)
        shutdown(bufferevent_getfd(s->stream), SHUT_WR);
    if (s->recovery && s->state == SOCKET_OPEN)
        recovery_run(s);
}

void output_flush(ws_socket *s)
{
    if (s->blocked || s->state == SOCKET_ENDED || output_length(s) == 0)
        return;
    output_write_queue(s);
    after_write(s);
}

void output_went(ws_socket *s)
{
    if (s->state == SOCKET_ENDED)
        return;
    if (s->backlog)
        backlog_take(s->backlog, s->backlog->left - output_length(s));
    output_write_queue(s);
    after_write(s);
}
