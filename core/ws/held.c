#include "core/ws/held.h"

#include <stdlib.h>

typedef struct {
    struct sw_frame link; /* for its place in the list, and the id */
    sw_frame *frame;
} wrapper;

void held_init(held *h)
{
    *h = (held){.bytes = 0};
    frame_list_init(&h->frames);
}

bool held_add(held *h, sw_frame *f, size_t max)
{
    if (h->bytes > 0 && h->bytes + f->wire_len > max)
        return false;
    wrapper *w = calloc(1, sizeof *w);
    if (!w)
        return false;
    w->frame = frame_ref(f);
    w->link.id = f->id;
    h->bytes += f->wire_len;
    frame_list_add(&h->frames, &w->link);
    return true;
}

sw_frame *held_take(held *h)
{
    wrapper *w = (wrapper *)(void *)frame_list_take(&h->frames);
    if (!w)
        return NULL;
    sw_frame *f = w->frame;
    h->bytes -= f->wire_len;
    free(w);
    return f;
}

bool held_empty(const held *h)
{
    return !h->frames.first;
}

bool held_has_older(const held *h, int64_t id, int64_t after)
{
    for (const sw_frame *f = h->frames.first; f; f = f->next)
        if (f->id > after && f->id > 0 && f->id < id && !held_was_told(h, f->id))
            return true;
    return false;
}

void held_drop(held *h)
{
    for (sw_frame *f; (f = held_take(h));)
        frame_unref(f);
}

bool held_was_told(const held *h, int64_t id)
{
    for (uint32_t i = 0; i < h->told_count; i++)
        if (h->told[i] == id)
            return true;
    return false;
}

void held_note_told(held *h, int64_t id)
{
    if (h->told_count == h->told_cap) {
        uint32_t cap = h->told_cap == 0 ? 16 : h->told_cap * 2;
        int64_t *told = realloc(h->told, cap * sizeof *told);
        if (!told)
            return;
        h->told = told;
        h->told_cap = cap;
    }
    h->told[h->told_count++] = id;
}

void held_done(held *h)
{
    held_drop(h);
    free(h->told);
    h->told = NULL;
    h->told_count = h->told_cap = 0;
}
