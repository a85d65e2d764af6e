/* Live frames that wait for a socket to catch up, in order; and the ids of stored ones that it was told meanwhile. */
#ifndef CORE_WS_HELD_H
#define CORE_WS_HELD_H

#include "core/ws/recovery_task.h"

typedef struct {
    frame_list frames; /* a wrapper each: other sockets hold the same frames */
    size_t bytes;
    int64_t *told; /* in any order */
    uint32_t told_count, told_cap;
} held;

void held_init(held *h);
/* false: more than `max` bytes would be held, or no memory. */
bool held_add(held *h, sw_frame *f, size_t max);
/* The oldest; NULL: none. The reference becomes the caller's. */
sw_frame *held_take(held *h);
bool held_empty(const held *h);
/* Does a stored frame older than `id`, newer than `after` and not told yet, wait? */
bool held_has_older(const held *h, int64_t id, int64_t after);
void held_drop(held *h);
bool held_was_told(const held *h, int64_t id);
void held_note_told(held *h, int64_t id);
void held_done(held *h);

#endif
