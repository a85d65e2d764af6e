#include "core/ws/output.h"

#include "core/base/log.h"
#include "core/ws/backlog.h"
#include "core/ws/recovery.h"
#include "core/ws/socket.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { VECTORS = 64, REFERENCE_MIN = 1024, KERNEL_QUEUE_LAST = 208 * 1024, RECEIPT_RETRY_MS = 200 };

static struct evbuffer *queue_of(const ws_socket *s)
{
    return bufferevent_get_output(s->stream);
}

size_t output_length(const ws_socket *s)
{
    return s->stream == NULL ? 0 : evbuffer_get_length(queue_of(s));
}

/* Front bytes leave the queue (the bufferevent keeps it frozen against others). */
static void drop_front(struct evbuffer *queue, size_t len)
{
    evbuffer_unfreeze(queue, 1);
    evbuffer_drain(queue, len);
    evbuffer_freeze(queue, 1);
}

/* ---- writing ---- */

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

/* Keeps the sum of what waits for slow peers. */
static void count_waiting(ws_socket *s)
{
    size_t now = s->blocked ? output_length(s) : 0;
    s->home->waiting += now - s->waiting;
    s->waiting = now;
}

/* From now on the bufferevent writes, when the peer has room. */
static void block(ws_socket *s)
{
    count_waiting(s);
    if (s->blocked)
        return;
    s->blocked = true;
    count_waiting(s);
    bufferevent_enable(s->stream, EV_WRITE);
}

static void unblock(ws_socket *s)
{
    backlog_free(s->backlog);
    s->backlog = NULL;
    if (!s->blocked)
        return;
    s->blocked = false;
    count_waiting(s);
    bufferevent_disable(s->stream, EV_WRITE);
}

static backlog *look_through(struct evbuffer *queue)
{
    evbuffer_unfreeze(queue, 1);
    backlog *b = backlog_of(queue);
    evbuffer_freeze(queue, 1);
    return b;
}

static void write_queue(ws_socket *s)
{
    struct evbuffer *queue = queue_of(s);
    while (evbuffer_get_length(queue) > 0) {
        size_t offered;
        ssize_t sent = write_some(s, queue, &offered);
        if (sent < 0) {
            socket_end(s);
            return;
        }
        if ((size_t)sent < offered && s->backlog == NULL && (s->backlog = look_through(queue)) == NULL) {
            log_error("ws", "a send queue could not be read: the socket of user %lld ends", (long long)s->who.user_id);
            socket_end(s);
            return;
        }
        if (s->backlog != NULL)
            backlog_take(s->backlog, (size_t)sent);
        drop_front(queue, (size_t)sent);
        if ((size_t)sent < offered) {
            block(s);
            return;
        }
    }
    unblock(s);
}

/* Receipts of frames whose bytes have left. */
void output_receipts(ws_socket *s)
{
    uint64_t gone = s->queued_total - output_length(s);
    receipt *due = NULL, **end = &due;
    while (s->receipts != NULL && s->receipts->end <= gone) {
        *end = s->receipts;
        s->receipts = s->receipts->next;
        (*end)->next = NULL;
        end = &(*end)->next;
    }
    while (due != NULL) {
        receipt *r = due;
        due = r->next;
        recovery_receipt(s, r->tag);
        free(r);
    }
}

void output_receipt_again(ws_socket *s, int64_t tag)
{
    receipt *r = calloc(1, sizeof *r);
    if (r == NULL || s->state == SOCKET_ENDED) {
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
    if (s->receipts != NULL)
        output_receipts(s);
    if (!s->blocked && s->state == SOCKET_ENDING)
        socket_end(s);
    else if (!s->blocked && s->state == SOCKET_DISCARD)
        shutdown(bufferevent_getfd(s->stream), SHUT_WR);
    if (s->recovery != NULL && s->state == SOCKET_OPEN)
        recovery_run(s);
}

void output_flush(ws_socket *s)
{
    if (s->blocked || s->state == SOCKET_ENDED || output_length(s) == 0)
        return;
    write_queue(s);
    after_write(s);
}

void output_went(ws_socket *s)
{
    if (s->state == SOCKET_ENDED)
        return;
    if (s->backlog != NULL)
        backlog_take(s->backlog, s->backlog->left - output_length(s));
    write_queue(s);
    after_write(s);
}

/* ---- queueing ---- */

static void release(const void *bytes, size_t len, void *frame)
{
    (void)bytes;
    (void)len;
    frame_unref(frame);
}

/* `frame`: whose bytes these are, NULL: copy them. */
static bool append(ws_socket *s, const void *bytes, size_t len, sw_frame *frame)
{
    struct evbuffer *queue = queue_of(s);
    if (s->backlog != NULL && !backlog_add(s->backlog, len))
        return false;
    if (frame != NULL && len >= REFERENCE_MIN) {
        if (evbuffer_add_reference(queue, bytes, len, release, frame_ref(frame)) != 0) {
            frame_unref(frame);
            return false;
        }
    } else if (evbuffer_add(queue, bytes, len) != 0)
        return false;
    s->queued_total += len;
    if (s->blocked)
        count_waiting(s);
    else
        socket_todo(s, TODO_FLUSH);
    return true;
}

/* Throws away every frame that has not been begun, so that the close frame is the next. */
static void cut_queue(ws_socket *s)
{
    struct evbuffer *queue = queue_of(s);
    size_t keep = s->backlog == NULL ? 0 : backlog_open(s->backlog), len = evbuffer_get_length(queue);
    struct evbuffer *kept = keep == 0 ? NULL : evbuffer_new();
    evbuffer_unfreeze(queue, 1);
    if (kept != NULL)
        evbuffer_remove_buffer(queue, kept, keep);
    evbuffer_drain(queue, evbuffer_get_length(queue));
    if (kept != NULL) {
        evbuffer_add_buffer(queue, kept);
        evbuffer_free(kept);
    }
    evbuffer_freeze(queue, 1);
    s->queued_total -= len - evbuffer_get_length(queue);
    backlog_free(s->backlog);
    s->backlog = NULL;
    if (keep > 0 && (s->backlog = calloc(1, sizeof *s->backlog)) != NULL)
        backlog_add(s->backlog, keep);
    count_waiting(s);
}

static void forget_receipts(ws_socket *s)
{
    while (s->receipts != NULL) {
        receipt *r = s->receipts;
        s->receipts = r->next;
        free(r);
    }
}

/* The peer reads too slowly: everybody else goes on. */
static void close_slow(ws_socket *s)
{
    log_info("ws", "closed 4008 slow consumer: user %lld, %s, %zu bytes queued", (long long)s->who.user_id, s->address,
             output_length(s));
    atomic_fetch_add_explicit(&s->home->hub->slow_closed, 1, memory_order_relaxed);
    forget_receipts(s); /* frames that are thrown away were not delivered */
    cut_queue(s);
    /* A little more room in the kernel: the close frame is there when the peer comes to read. */
    int room = KERNEL_QUEUE_LAST;
    setsockopt(bufferevent_getfd(s->stream), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    socket_close(s, 4008, "slow consumer");
}

/* Is there room for `len` more? An empty queue takes anything; what the kernel would take is written first. */
static bool has_room(ws_socket *s, size_t len, size_t limit)
{
    size_t queued = output_length(s);
    if (queued == 0 || queued + len <= limit)
        return true;
    if (!s->blocked)
        output_flush(s);
    if (s->state == SOCKET_ENDED)
        return false;
    queued = output_length(s);
    return queued == 0 || queued + len <= limit;
}

/* Many peers may be slow at once: together they get a share of the memory too. */
static bool crowded(const ws_socket *s, size_t len)
{
    return s->blocked && s->home->waiting + len > s->home->hub->o.share;
}

static void note_receipt(ws_socket *s, const sw_frame *f)
{
    receipt *r = calloc(1, sizeof *r), **end = &s->receipts;
    if (r == NULL)
        return; /* it will be delivered again: at least once */
    r->end = s->queued_total;
    r->tag = f->tag;
    while (*end != NULL)
        end = &(*end)->next;
    *end = r;
}

void output_frame(ws_socket *s, sw_frame *f)
{
    struct hub *h = s->home->hub;
    if (s->state != SOCKET_OPEN || f->wire == NULL)
        return;
    const frame_image *packed = s->deflate ? frame_packed(f, s->home->deflate) : NULL;
    const void *bytes = packed == NULL ? f->wire : packed->bytes;
    size_t len = packed == NULL ? f->wire_len : packed->len;
    /* The last eighth is for frames that may not be dropped. */
    if ((f->flags & SW_FRAME_DROPPABLE) != 0 && !has_room(s, len, h->o.queue - h->o.queue / 8)) {
        atomic_fetch_add_explicit(&h->dropped, 1, memory_order_relaxed);
        return;
    }
    if (!has_room(s, len, h->o.queue) || crowded(s, len)) {
        if (s->state == SOCKET_OPEN)
            close_slow(s);
        return;
    }
    if (s->state != SOCKET_OPEN)
        return;
    if (!append(s, bytes, len, f)) {
        socket_end(s);
        return;
    }
    atomic_fetch_add_explicit(&h->types[f->type].out, 1, memory_order_relaxed);
    if ((f->flags & SW_FRAME_RECEIPT) != 0 && !s->hello)
        note_receipt(s, f);
}

void output_control(ws_socket *s, const void *bytes, size_t len)
{
    if (s->state != SOCKET_OPEN)
        return;
    if (!has_room(s, len, s->home->hub->o.queue + 4096)) {
        if (s->state == SOCKET_OPEN)
            close_slow(s);
        return;
    }
    if (!append(s, bytes, len, NULL))
        socket_end(s);
}

void output_last(ws_socket *s, const void *bytes, size_t len)
{
    if (!append(s, bytes, len, NULL)) {
        socket_end(s);
        return;
    }
    write_queue(s);
    if (s->state != SOCKET_ENDED && s->receipts != NULL)
        output_receipts(s);
}

void output_done(ws_socket *s)
{
    backlog_free(s->backlog);
    s->backlog = NULL;
    s->blocked = false;
    count_waiting(s);
    forget_receipts(s);
}
