/* The time limits of open answers: a heap, earliest first. All of it under the lock. */
#include "core/runtime/defers.h"

static int64_t due_at(const struct defers *d, uint32_t place)
{
    return d->slots[d->heap[place]].due_ms;
}

static void put(struct defers *d, uint32_t place, uint32_t index)
{
    d->heap[place] = index;
    d->slots[index].place = place;
}

static void sift_up(struct defers *d, uint32_t place)
{
    uint32_t index = d->heap[place];
    while (place > 0 && due_at(d, (place - 1) / 2) > d->slots[index].due_ms) {
        put(d, place, d->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(d, place, index);
}

static void sift_down(struct defers *d, uint32_t place)
{
    uint32_t index = d->heap[place];
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= d->heap_count)
            break;
        if (child + 1 < d->heap_count && due_at(d, child + 1) < due_at(d, child))
            child++;
        if (due_at(d, child) >= d->slots[index].due_ms)
            break;
        put(d, place, d->heap[child]);
        place = child;
    }
    put(d, place, index);
}

void defer_heap_remove(struct defers *d, uint32_t index)
{
    uint32_t place = d->slots[index].place;
    if (place == DEFER_NOWHERE)
        return;
    d->slots[index].place = DEFER_NOWHERE;
    uint32_t last = d->heap[--d->heap_count];
    if (place == d->heap_count)
        return;
    put(d, place, last);
    sift_up(d, place);
    sift_down(d, d->slots[last].place);
}

void defer_heap_add(struct defers *d, uint32_t index)
{
    put(d, d->heap_count++, index);
    sift_up(d, d->slots[index].place);
}

int64_t defer_heap_due(const struct defers *d)
{
    return d->heap_count > 0 ? due_at(d, 0) : INT64_MAX;
}
