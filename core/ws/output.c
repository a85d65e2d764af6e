#include "core/ws/output.h"

#include "core/base/log.h"
#include "core/ws/backlog.h"
#include "core/ws/output_write.h"
#include "core/ws/socket.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { REFERENCE_MIN = 1024, KERNEL_UNSENT_LAST = 1024 * 1024 };

static struct evbuffer *queue_of(const ws_socket *s)
{
    return bufferevent_get_output(s->stream);
}

size_t output_length(const ws_socket *s)
{
    return !s->stream ? 0 : evbuffer_get_length(queue_of(s));
}

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
        output_count_waiting(s);
    else
        socket_chores(s, CHORE_FLUSH);
    return true;
}

/* Throws away every frame that has not been begun, so that the close frame is the next. */
static void cut_queue(ws_socket *s)
{
    struct evbuffer *queue = queue_of(s);
    size_t keep = !s->backlog ? 0 : backlog_open(s->backlog), len = evbuffer_get_length(queue);
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
    output_count_waiting(s);
}

static void forget_receipts(ws_socket *s)
{
    while (s->receipts) {
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
    int room = KERNEL_UNSENT_LAST;
    setsockopt(bufferevent_getfd(s->stream), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &room, sizeof room);
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
    if (!r)
        return; /* it will be delivered again: at least once */
    r->end = s->queued_total;
    r->tag = f->tag;
    while (*end)
        end = &(*end)->next;
    *end = r;
}

void output_frame(ws_socket *s, sw_frame *f)
{
    struct hub *h = s->home->hub;
    if (s->state != SOCKET_OPEN || !f->wire)
        return;
    const frame_image *packed = s->deflate ? frame_packed(f, s->home->deflate) : NULL;
    const void *bytes = !packed ? f->wire : packed->bytes;
    size_t len = !packed ? f->wire_len : packed->len;
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
    atomic_fetch_add_explicit(&h->types.all[f->type].out, 1, memory_order_relaxed);
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
    output_write_queue(s);
}

void output_done(ws_socket *s)
{
    backlog_free(s->backlog);
    s->backlog = NULL;
    s->blocked = false;
    output_count_waiting(s);
    forget_receipts(s);
}
