/* What leaves a socket: its send queue, the receipts of what has left, and the close frame as the last of it. On the
 * socket's loop; the module that wants a receipt is asked on a worker.
 *
 * The queue is the bufferevent's output. It is written here, at the end of a turn of the loop; what the kernel does not
 * take is left to the bufferevent until the peer makes room. The socket owns all of it. */
#include "core/ws/output.h"

#include "core/base/log.h"
#include "core/ws/recovery_task.h"
#include "core/ws/socket.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    REFERENCE_MIN = 1024,
    KERNEL_UNSENT_LAST = 1024 * 1024,
    VECTORS = 64,
    CLOSE_WAIT_MS = 5000,
    RECEIPT_RETRY_MS = 200
};

typedef struct receipt {
    struct receipt *next;
    uint64_t end; /* of the frame, in bytes ever queued */
    int64_t tag;
} receipt;

static bool is_left_out(ws_socket *s, const sw_frame *f, size_t len);
static void tell_left_out(ws_socket *s);
static bool has_room(ws_socket *s, size_t len, size_t limit);
static bool crowded(const ws_socket *s, size_t len);
static bool append(ws_socket *s, const void *bytes, size_t len, sw_frame *frame);
static void after_write(ws_socket *s);
static void write_queue(ws_socket *s);
static void write_all(ws_socket *s);
static ssize_t write_some(ws_socket *s, struct evbuffer *queue, size_t *ret_offered);
static backlog *look_through(struct evbuffer *queue);
static void drop_front(struct evbuffer *queue, size_t len);
static void block(ws_socket *s);
static void unblock(ws_socket *s);
static void count_waiting(ws_socket *s);
static void send_close(ws_socket *s, uint16_t code, const char *reason);
static void begin_closing(ws_socket *s, socket_state state);
static void close_slow(ws_socket *s);
static void cut_queue(ws_socket *s);
static void note_receipt(ws_socket *s, int64_t tag);
static void give_receipts(ws_socket *s, uint64_t gone);
static void forget_receipts(ws_socket *s);
static void give_receipt(ws_socket *s, int64_t tag);
static void on_receipt(ws_socket *s, recovery_task *t);
static void give_later(ws_socket *s, int64_t tag);

static struct evbuffer *queue_of(const ws_socket *s)
{
    return bufferevent_get_output(s->stream);
}

size_t output_length(const ws_socket *s)
{
    return s->stream ? evbuffer_get_length(queue_of(s)) : 0;
}

/* ---- queuing ---- */

void output_frame(ws_socket *s, sw_frame *f)
{
    struct hub *h = s->home->hub;
    if (s->state != SOCKET_OPEN || !f->wire)
        return;
    const frame_image *packed = s->deflate ? frame_packed(f, s->home->deflate) : NULL;
    const void *bytes = packed ? packed->bytes : f->wire;
    size_t len = packed ? packed->len : f->wire_len;
    if ((f->flags & SW_FRAME_DROPPABLE) != 0 && is_left_out(s, f, len))
        return;
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
    atomic_fetch_add_explicit(&h->types.all[f->type].out, 1, memory_order_relaxed);
    if ((f->flags & SW_FRAME_RECEIPT) != 0 && !s->hello)
        note_receipt(s, f->tag);
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

/* ---- what a slow client is not sent ---- */

/* The last eighth of the queue is for frames that may not be dropped. Of a type whose client is told how many he
 * missed, none is sent then before half of the queue is free again: so he sees pieces of the whole, each with its
 * count. */
static bool is_left_out(ws_socket *s, const sw_frame *f, size_t len)
{
    struct hub *h = s->home->hub;
    bool told = h->types.all[f->type].row.left_out != NULL, missing = told && s->left_out > 0;
    size_t limit = missing ? h->o.queue / 2 : h->o.queue - h->o.queue / 8;
    if (has_room(s, len, limit) && !crowded(s, len)) {
        if (missing)
            tell_left_out(s);
        return s->state != SOCKET_OPEN;
    }
    atomic_fetch_add_explicit(&h->dropped, 1, memory_order_relaxed);
    if (told) {
        s->left_out++;
        s->left_out_type = f->type;
    }
    return true;
}

/* A frame of the type's own module says how many. */
static void tell_left_out(ws_socket *s)
{
    struct hub *h = s->home->hub;
    uint64_t count = s->left_out;
    s->left_out = 0;
    if (s->state != SOCKET_OPEN)
        return;
    sw_frame *f = frame_new(h->o.frame_limit);
    h->types.all[s->left_out_type].row.left_out(&f->json, count);
    if (frame_seal(f, &h->types))
        output_frame(s, f);
    frame_unref(f);
}

/* ---- room ---- */

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

static void release(const void *bytes, size_t len, void *frame)
{
    (void)bytes;
    (void)len;
    frame_unref(frame);
}

/* `frame` is the frame that has these bytes; NULL when they must be copied. */
static bool append(ws_socket *s, const void *bytes, size_t len, sw_frame *frame)
{
    struct evbuffer *queue = queue_of(s);
    if (s->backlog && !backlog_add(s->backlog, len))
        return false;
    if (frame && len >= REFERENCE_MIN) {
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
        socket_chores(s, CHORE_FLUSH);
    return true;
}

/* ---- writing ---- */

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
    if (s->backlog)
        backlog_take(s->backlog, s->backlog->left - output_length(s));
    write_queue(s);
    after_write(s);
}

static void after_write(ws_socket *s)
{
    if (s->state == SOCKET_ENDED)
        return;
    if (!s->blocked && s->left_out > 0)
        tell_left_out(s);
    if (!s->blocked && s->state == SOCKET_ENDING)
        socket_end(s);
    else if (!s->blocked && s->state == SOCKET_DISCARD)
        shutdown(bufferevent_getfd(s->stream), SHUT_WR);
}

void output_receipts(ws_socket *s)
{
    give_receipts(s, s->queued_total - output_length(s));
}

/* A peer may read, leave and come back before this returns: its greeting waits. */
static void write_queue(ws_socket *s)
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

/* One call to the kernel. Returns how much it took, or -1 when the connection is broken. */
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

static backlog *look_through(struct evbuffer *queue)
{
    evbuffer_unfreeze(queue, 1);
    backlog *b = backlog_of(queue);
    evbuffer_freeze(queue, 1);
    return b;
}

/* Front bytes leave the queue (the bufferevent keeps it frozen against others). */
static void drop_front(struct evbuffer *queue, size_t len)
{
    evbuffer_unfreeze(queue, 1);
    evbuffer_drain(queue, len);
    evbuffer_freeze(queue, 1);
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

static void count_waiting(ws_socket *s)
{
    size_t now = s->blocked ? output_length(s) : 0;
    s->home->waiting += now - s->waiting;
    s->waiting = now;
}

/* ---- the end ---- */

void output_close(ws_socket *s, uint16_t code, const char *reason)
{
    if (s->state != SOCKET_OPEN)
        return;
    send_close(s, code, reason);
    begin_closing(s, SOCKET_CLOSING);
}

void output_fail(ws_socket *s, uint16_t code, const char *reason)
{
    if (s->state == SOCKET_OPEN)
        send_close(s, code, reason);
    else if (s->state != SOCKET_CLOSING)
        return;
    begin_closing(s, SOCKET_DISCARD);
    if (s->state == SOCKET_DISCARD && !s->blocked)
        shutdown(bufferevent_getfd(s->stream), SHUT_WR);
}

void output_peer_close(ws_socket *s, uint16_t code)
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

/* The close frame, once; afterwards nothing is queued. Whoever sees it is offline already. */
static void send_close(ws_socket *s, uint16_t code, const char *reason)
{
    uint8_t frame[2 + CODEC_CONTROL_MAX];
    socket_unregister(s);
    if (append(s, frame, codec_close_frame(frame, code, reason), NULL))
        write_queue(s); /* whatever the queue holds */
    else
        socket_end(s);
}

static void begin_closing(ws_socket *s, socket_state state)
{
    if (s->state == SOCKET_ENDED)
        return; /* the close frame found the connection broken */
    s->state = state;
    s->close_by_ms = s->home->now_ms + CLOSE_WAIT_MS;
    socket_schedule(s);
    /* Whatever had stopped the reading: the peer's close is awaited. */
    if (s->paused != 0) {
        s->paused = 0;
        bufferevent_enable(s->stream, EV_READ);
        socket_chores(s, CHORE_INPUT);
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
    int room = KERNEL_UNSENT_LAST;
    setsockopt(bufferevent_getfd(s->stream), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &room, sizeof room);
    output_close(s, 4008, "slow consumer");
}

/* Throws away every frame that has not been begun, so that the close frame is the next. */
static void cut_queue(ws_socket *s)
{
    struct evbuffer *queue = queue_of(s);
    size_t keep = s->backlog ? backlog_open(s->backlog) : 0, len = evbuffer_get_length(queue);
    struct evbuffer *kept = keep == 0 ? NULL : evbuffer_new();
    evbuffer_unfreeze(queue, 1);
    if (kept)
        evbuffer_remove_buffer(queue, kept, keep);
    evbuffer_drain(queue, evbuffer_get_length(queue));
    if (kept) {
        evbuffer_add_buffer(queue, kept);
        evbuffer_free(kept);
    }
    evbuffer_freeze(queue, 1);
    s->queued_total -= len - evbuffer_get_length(queue);
    backlog_free(s->backlog);
    s->backlog = NULL;
    if (keep > 0 && (s->backlog = calloc(1, sizeof *s->backlog)))
        backlog_add(s->backlog, keep);
    count_waiting(s);
}

void output_done(ws_socket *s)
{
    backlog_free(s->backlog);
    s->backlog = NULL;
    s->blocked = false;
    count_waiting(s);
    forget_receipts(s);
}

/* ---- receipts: frames with SW_FRAME_RECEIPT, whose module is told when their bytes have left ---- */

/* The frame that was queued last wants one. */
static void note_receipt(ws_socket *s, int64_t tag)
{
    receipt *r = calloc(1, sizeof *r), **end = &s->receipts;
    if (!r)
        return; /* it will be delivered again: at least once */
    r->end = s->queued_total;
    r->tag = tag;
    while (*end)
        end = &(*end)->next;
    *end = r;
}

/* Tells the module of the frames whose bytes are among the first `gone` ever queued. What cannot be told now is tried
 * again a little later. */
static void give_receipts(ws_socket *s, uint64_t gone)
{
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
        give_receipt(s, r->tag);
        free(r);
    }
}

/* The frames that wait will not be delivered. */
static void forget_receipts(ws_socket *s)
{
    while (s->receipts) {
        receipt *r = s->receipts;
        s->receipts = r->next;
        free(r);
    }
}

static void give_receipt(ws_socket *s, int64_t tag)
{
    if (!s->home->hub->recovery.receipt)
        return;
    recovery_task *t = recovery_task_new(s, TASK_RECEIPT, on_receipt, 0);
    if (!t)
        return;
    t->req.tag = tag;
    atomic_fetch_add(&s->home->hub->unsettled, 1);
    if (recovery_task_start(t))
        return;
    atomic_fetch_sub(&s->home->hub->unsettled, 1);
    recovery_task_free(t);
    give_later(s, tag);
}

static void on_receipt(ws_socket *s, recovery_task *t)
{
    atomic_fetch_sub(&s->home->hub->unsettled, 1);
    if (t->status != SW_OK && s->state != SOCKET_ENDED)
        give_later(s, t->req.tag);
    recovery_task_free(t);
}

/* A receipt that could not be given: later once more. */
static void give_later(ws_socket *s, int64_t tag)
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
