/* A list of frame lengths beside a send queue. On the loop of the socket that owns it. */
#include "core/ws/backlog.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 16 };

static bool more_room(backlog *b)
{
    if (b->first > 0 && b->first >= b->count / 2) {
        memmove(b->sizes, b->sizes + b->first, (b->count - b->first) * sizeof *b->sizes);
        b->count -= b->first;
        b->first = 0;
        return true;
    }
    uint32_t cap = b->cap == 0 ? FIRST_CAP : b->cap * 2;
    uint32_t *sizes = realloc(b->sizes, cap * sizeof *sizes);
    if (!sizes)
        return false;
    b->sizes = sizes;
    b->cap = cap;
    return true;
}

bool backlog_add(backlog *b, size_t len)
{
    if (b->count == b->cap && !more_room(b))
        return false;
    if (b->first == b->count)
        b->front_left = len;
    b->sizes[b->count++] = (uint32_t)len;
    b->left += len;
    return true;
}

/* The length of the server frame that begins at `at`; 0 when it is not whole. */
static size_t frame_length(struct evbuffer *queue, const struct evbuffer_ptr *at)
{
    uint8_t head[10];
    ev_ssize_t have = evbuffer_copyout_from(queue, at, head, sizeof head);
    if (have < 2)
        return 0;
    unsigned len = head[1] & 0x7F;
    if (len < 126)
        return 2 + len;
    size_t more = len == 126 ? 2 : 8, size = 0;
    if ((size_t)have < 2 + more)
        return 0;
    for (size_t i = 0; i < more; i++)
        size = size << 8 | head[2 + i];
    return 2 + more + size;
}

backlog *backlog_of(struct evbuffer *queue)
{
    backlog *b = calloc(1, sizeof *b);
    struct evbuffer_ptr at;
    size_t left = evbuffer_get_length(queue);
    if (!b || evbuffer_ptr_set(queue, &at, 0, EVBUFFER_PTR_SET) != 0)
        goto fail;
    while (left > 0) {
        size_t len = frame_length(queue, &at);
        if (len == 0 || len > left || !backlog_add(b, len))
            goto fail;
        left -= len;
        if (left > 0 && evbuffer_ptr_set(queue, &at, len, EVBUFFER_PTR_ADD) != 0)
            goto fail;
    }
    return b;
fail:
    backlog_free(b);
    return NULL;
}

void backlog_take(backlog *b, size_t len)
{
    b->left -= len < b->left ? len : b->left;
    while (len > 0 && b->first < b->count) {
        if (len < b->front_left) {
            b->front_left -= len;
            return;
        }
        len -= b->front_left;
        b->first++;
        b->front_left = b->first < b->count ? b->sizes[b->first] : 0;
    }
}

size_t backlog_open(const backlog *b)
{
    return b->first < b->count && b->front_left < b->sizes[b->first] ? b->front_left : 0;
}

void backlog_free(backlog *b)
{
    if (!b)
        return;
    free(b->sizes);
    free(b);
}
