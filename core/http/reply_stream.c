/* Replies whose body comes in pieces.
 *
 * A plugin's threads append to `pending`, framed as chunks already, under the stream's lock; the first piece after the
 * loop has taken what was there posts a mail. The loop moves it to the bufferevent of the connection, and learns from
 * its callbacks what has left and when the client goes. `queued` counts both, and bounds them.
 *
 * A stream has references: of the table that its handle is looked up in, of the request or then of the connection, of a
 * mail under way, and of whoever is just writing. `conn` is the loop's; a stream without one has not begun or is over.
 */
#include "core/http/reply_stream.h"

#include "core/crash/crash_scope.h"
#include "core/http/conn.h"

#include <stdlib.h>
#include <string.h>

enum { QUEUE_DEFAULT = 256 * 1024, FIRST_SLOTS = 64, SLOTS_MAX = 1 << 20, CHUNK_HEAD = 20 };

struct stream {
    _Atomic unsigned refs;
    struct streams *all;
    uint64_t handle;
    sw_stream how; /* the content type lives in the request */
    sw_host *host;
    http_loop *home;
    bool chunked;
    conn *conn; /* the loop's, as the next four */
    void (*on)(conn *c);
    bool claimed;   /* it outlives its request */
    bool last_said; /* the last chunk is in the output */
    mail mail;

    pthread_mutex_t lock; /* for what follows */
    buf pending;
    size_t queued;
    bool posted; /* the mail is under way */
    bool full;   /* a write was refused, so `room` is owed */
    bool ending; /* nothing more is taken; `whole`: it ends as it should */
    bool whole, over;
};

typedef struct {
    stream *stream; /* NULL: free */
    uint32_t generation, next_free;
} stream_slot;

struct streams {
    pthread_mutex_t lock;
    stream_slot *slots;
    uint32_t count, first_free; /* first_free: index + 1, 0: none */
    unsigned open;
};

/* ---- handles ---- */

struct streams *streams_new(void)
{
    struct streams *all = calloc(1, sizeof *all);
    if (all)
        pthread_mutex_init(&all->lock, NULL);
    return all;
}

void streams_free(struct streams *all)
{
    if (!all)
        return;
    pthread_mutex_destroy(&all->lock);
    free(all->slots);
    free(all);
}

static bool more_slots(struct streams *all)
{
    uint32_t count = all->count ? all->count * 2 : FIRST_SLOTS;
    stream_slot *slots = count <= SLOTS_MAX ? realloc(all->slots, count * sizeof *slots) : NULL;
    if (!slots)
        return false;
    for (uint32_t i = count; i-- > all->count;) {
        slots[i] = (stream_slot){.generation = 1, .next_free = all->first_free};
        all->first_free = i + 1;
    }
    all->slots = slots;
    all->count = count;
    return true;
}

static bool register_stream(struct streams *all, stream *s)
{
    pthread_mutex_lock(&all->lock);
    bool room = all->first_free != 0 || more_slots(all);
    if (room) {
        uint32_t index = all->first_free - 1;
        stream_slot *slot = &all->slots[index];
        all->first_free = slot->next_free;
        slot->stream = s;
        s->handle = (uint64_t)slot->generation << 32 | (index + 1);
        all->open++;
    }
    pthread_mutex_unlock(&all->lock);
    return room;
}

static void release(stream *s)
{
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    buf_done(&s->pending);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void unregister_stream(stream *s)
{
    struct streams *all = s->all;
    uint32_t index = (uint32_t)s->handle - 1;
    pthread_mutex_lock(&all->lock);
    stream_slot *slot = &all->slots[index];
    *slot = (stream_slot){.generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1,
                          .next_free = all->first_free};
    all->first_free = index + 1;
    all->open--;
    pthread_mutex_unlock(&all->lock);
    release(s);
}

/* With a reference more. NULL: it is over. */
static stream *find(struct streams *all, uint64_t handle)
{
    uint32_t index = (uint32_t)handle - 1;
    stream *s = NULL;
    if (!all)
        return NULL;
    pthread_mutex_lock(&all->lock);
    if (index < all->count && all->slots[index].stream && all->slots[index].generation == handle >> 32) {
        s = all->slots[index].stream;
        atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&all->lock);
    return s;
}

unsigned streams_open(struct streams *all)
{
    pthread_mutex_lock(&all->lock);
    unsigned open = all->open;
    pthread_mutex_unlock(&all->lock);
    return open;
}

/* ---- its end: `ended` is called once ---- */

static void end(stream *s, bool complete)
{
    pthread_mutex_lock(&s->lock);
    bool again = s->over;
    s->over = s->ending = true;
    s->full = false;
    buf_done(&s->pending);
    s->queued = 0;
    pthread_mutex_unlock(&s->lock);
    if (again)
        return;
    unregister_stream(s); /* others have references still: the caller's is one */
    if (!s->how.ended)
        return;
    crash_scope before = crash_enter(s->host, "stream", "ended", NULL);
    s->how.ended(s->how.arg, complete);
    crash_leave(before);
}

void stream_request_ended(void *stream_)
{
    stream *s = stream_;
    if (!s->claimed)
        end(s, false);
    release(s);
}

/* conn.on_closed: the client has gone, or is cut off. */
static void connection_closed(conn *c)
{
    stream *s = c->stream;
    c->stream = NULL;
    c->on_closed = NULL;
    s->conn = NULL;
    end(s, false);
    release(s);
}

/* Everything has left. */
static void finish(stream *s, bool whole)
{
    conn *c = s->conn;
    void (*on)(conn * c) = s->on;
    c->stream = NULL;
    c->on_closed = NULL;
    s->conn = NULL;
    conn_deadline(c, DEADLINES);
    conn_unwatch(c);
    end(s, whole);
    release(s);
    c->close_after |= !whole;
    on(c);
}

/* ---- on the loop ---- */

/* Moves what is pending to the output. false: no memory, the connection is gone. */
static bool take(stream *s, bool *ret_last, bool *ret_whole)
{
    struct evbuffer *out = bufferevent_get_output(s->conn->bev);
    size_t len = 0;
    pthread_mutex_lock(&s->lock);
    bool failed = s->pending.failed;
    char *bytes = s->pending.len ? buf_take(&s->pending, &len) : NULL;
    *ret_last = s->ending;
    *ret_whole = s->whole;
    pthread_mutex_unlock(&s->lock);
    failed |= bytes && evbuffer_add(out, bytes, len) != 0;
    free(bytes);
    if (!failed && *ret_last && *ret_whole && s->chunked && !s->last_said) {
        s->last_said = true;
        failed = evbuffer_add(out, "0\r\n\r\n", 5) != 0;
        len += 5;
    }
    s->conn->appended += len;
    if (failed)
        conn_free(s->conn);
    return !failed;
}

/* What is still to leave, as the writers see it; and tells them when there is room again. */
static void note_queue(stream *s, size_t unsent)
{
    pthread_mutex_lock(&s->lock);
    s->queued = s->pending.len + unsent;
    bool room = s->full && s->queued <= s->how.max_queue / 2;
    if (room)
        s->full = false;
    pthread_mutex_unlock(&s->lock);
    if (!room || !s->how.room)
        return;
    crash_scope before = crash_enter(s->host, "stream", "room", NULL);
    s->how.room(s->how.arg);
    crash_leave(before);
}

static void flush(stream *s)
{
    bool last, whole;
    conn *c = s->conn;
    if (!c || !take(s, &last, &whole))
        return;
    size_t unsent = evbuffer_get_length(bufferevent_get_output(c->bev));
    conn_charge(c, unsent);
    if (unsent == 0 && last) {
        finish(s, whole);
        return;
    }
    if (unsent == 0) {
        conn_deadline(c, DEADLINES);
    } else {
        if (!c->queued)
            conn_mark_unsent(c);
        bufferevent_enable(c->bev, EV_WRITE);
    }
    note_queue(s, unsent);
}

static void on_drained(struct bufferevent *bev, void *arg)
{
    conn *c = conn_of(bev);
    (void)arg;
    if (!c || !c->stream)
        return;
    tick(c->home);
    flush(c->stream);
}

static void come_in(mail *m, loop *l)
{
    stream *s = (stream *)((char *)m - offsetof(stream, mail));
    (void)l;
    pthread_mutex_lock(&s->lock);
    s->posted = false; /* only now may the mail be sent again */
    pthread_mutex_unlock(&s->lock);
    tick(s->home);
    flush(s);
    release(s);
}

void stream_claim(stream *s)
{
    s->claimed = true;
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed); /* the connection's */
}

/* Nothing of it is sent. */
static void leave_out_body(stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->ending = s->whole = s->last_said = true;
    buf_done(&s->pending);
    pthread_mutex_unlock(&s->lock);
}

void stream_begin(stream *s, conn *c, bool without_body, void (*on)(conn *c))
{
    s->conn = c;
    s->on = on;
    c->stream = s;
    c->appended = 0;
    c->on_closed = connection_closed;
    c->state = CONN_STREAM;
    conn_watch_end(c, on_drained, NULL);
    if (without_body)
        leave_out_body(s);
    flush(s);
}

void stream_lost(stream *s)
{
    end(s, false);
    release(s);
}

/* ---- what is written ---- */

stream *stream_new(const sw_stream *how, sw_host *host, http_loop *home, bool chunked, uint64_t *ret_handle)
{
    stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    *s = (stream){.refs = 2, /* of the table, and of the request */
                  .all = host->rt->streams,
                  .how = *how,
                  .host = host,
                  .home = home,
                  .chunked = chunked};
    if (s->how.max_queue == 0)
        s->how.max_queue = QUEUE_DEFAULT;
    pthread_mutex_init(&s->lock, NULL);
    buf_init(&s->pending, 0);
    if (register_stream(s->all, s)) {
        *ret_handle = s->handle;
        return s;
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

void stream_undo(stream *s)
{
    s->how.ended = NULL;
    stream_request_ended(s);
}

/* Under the lock. */
static void post(stream *s)
{
    if (s->posted)
        return;
    s->posted = true;
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    s->mail.run = come_in;
    loop_post(s->home->loop, &s->mail);
}

/* Under the lock. */
static sw_status append(stream *s, const void *data, size_t len)
{
    size_t before = s->pending.len;
    if (s->ending)
        return SW_NOT_FOUND;
    if (len > s->how.max_queue)
        return SW_TOO_LARGE;
    if (s->queued > 0 && (s->queued + len > s->how.max_queue || memory_over(s->home->server))) {
        s->full = true;
        return SW_BUSY;
    }
    if (!buf_reserve(&s->pending, len + CHUNK_HEAD)) {
        s->pending.failed = false;
        return SW_NO_MEMORY;
    }
    if (s->chunked)
        buf_printf(&s->pending, "%zx\r\n", len);
    buf_add(&s->pending, data, len);
    if (s->chunked)
        buf_add(&s->pending, "\r\n", 2);
    s->queued += s->pending.len - before;
    post(s);
    return SW_OK;
}

sw_status sw_stream_write(sw_host *host, uint64_t handle, const void *data, size_t len)
{
    stream *s = find(host->rt->streams, handle);
    if (!s)
        return SW_NOT_FOUND;
    sw_status status = SW_OK;
    if (len > 0) { /* an empty chunk would be the end */
        pthread_mutex_lock(&s->lock);
        status = append(s, data, len);
        pthread_mutex_unlock(&s->lock);
    }
    release(s);
    return status;
}

static void begin_end(stream *s, bool whole)
{
    pthread_mutex_lock(&s->lock);
    if (!s->ending) {
        s->ending = true;
        s->whole = whole;
        post(s);
    }
    pthread_mutex_unlock(&s->lock);
}

void sw_stream_end(sw_host *host, uint64_t handle)
{
    stream *s = find(host->rt->streams, handle);
    if (!s)
        return;
    begin_end(s, true);
    release(s);
}

/* ---- the end of all ---- */

/* Calls what for each of that module. */
static void each(struct streams *all, const sw_host *module, void (*what)(stream *s))
{
    for (uint32_t i = 0;; i++) {
        pthread_mutex_lock(&all->lock);
        bool more = i < all->count;
        stream *s = more ? all->slots[i].stream : NULL;
        if (s && module && s->host != module)
            s = NULL;
        if (s)
            atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
        pthread_mutex_unlock(&all->lock);
        if (!more)
            return;
        if (!s)
            continue;
        what(s);
        release(s);
    }
}

static void cut(stream *s)
{
    begin_end(s, false);
}

void streams_cut(struct streams *all, const sw_host *module)
{
    each(all, module, cut);
}

static void end_now(stream *s)
{
    end(s, false);
    pthread_mutex_lock(&s->lock);
    bool unread = s->posted; /* no loop will read that mail */
    s->posted = false;
    pthread_mutex_unlock(&s->lock);
    if (unread)
        release(s);
}

void streams_end(struct streams *all)
{
    each(all, NULL, end_now);
}
