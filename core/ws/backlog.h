/* Where the frames of a send queue begin and end: kept only while a queue waits for its peer. So a slow socket's queue
 * can be cut at a frame's end, and its close frame still follows. */
#ifndef CORE_WS_BACKLOG_H
#define CORE_WS_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evbuffer;

/* Sizes of the frames that wait in a queue that did not go out at once. */
typedef struct {
    uint32_t *sizes;
    uint32_t first, count, cap;
    size_t front_left; /* bytes of sizes[first] that are still in the queue */
    size_t left;       /* bytes of all that are */
} backlog;

/* Looks through a queue that begins with the start of a frame. Returns NULL when there is no memory, or when these are
 * not whole frames. */
backlog *backlog_of(struct evbuffer *queue);
/* A frame was queued. Returns false when there is no memory. */
bool backlog_add(backlog *b, size_t len);
/* That many bytes have left. */
void backlog_take(backlog *b, size_t len);
/* Bytes that are left of the frame that has been sent in part; 0 when there is no such frame. */
size_t backlog_open(const backlog *b);
void backlog_free(backlog *b);

#endif
