/* Answers that come later: slots with generations, so that an old handle names nothing. */
#include "core/runtime/defers.h"

#include <stdlib.h>
#include <steward/host.h>

enum { FIRST_SLOTS = 64, DEFAULT_TIMEOUT_MS = 30000 };

/* ---- slots, under the lock ---- */

static bool more_slots(struct defers *d)
{
    uint32_t count = d->slot_count == 0 ? FIRST_SLOTS : 2 * d->slot_count;
    if (count > DEFERS_MAX)
        return false;
    defer_slot *slots = realloc(d->slots, count * sizeof *slots);
    if (slots)
        d->slots = slots;
    uint32_t *heap = realloc(d->heap, count * sizeof *heap);
    if (heap)
        d->heap = heap;
    if (!slots || !heap)
        return false;
    for (uint32_t i = count; i-- > d->slot_count;) {
        d->slots[i] = (defer_slot){.generation = 1, .place = DEFER_NOWHERE, .next_free = d->first_free};
        d->first_free = i + 1;
    }
    d->slot_count = count;
    return true;
}

static uint64_t handle_of(const struct defers *d, uint32_t index)
{
    return (uint64_t)d->slots[index].generation << 32 | index;
}

static defer_slot *find(struct defers *d, uint64_t handle)
{
    uint32_t index = (uint32_t)handle;
    if (index >= d->slot_count || !d->slots[index].req || handle_of(d, index) != handle)
        return NULL;
    return &d->slots[index];
}

void defer_release(struct defers *d, defer_slot *slot)
{
    uint32_t index = (uint32_t)(slot - d->slots);
    defer_heap_remove(d, index);
    slot->req->defer_handle = 0;
    slot->req = NULL;
    slot->generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1;
    slot->next_free = d->first_free;
    d->first_free = index + 1;
    d->open--;
}

/* 0: too many are open. */
static uint64_t arm(struct defers *d, sw_request *req, sw_lane lane, sw_handler next, int64_t due_ms)
{
    if (d->stopping || (d->first_free == 0 && !more_slots(d)))
        return 0;
    uint32_t index = d->first_free - 1;
    defer_slot *slot = &d->slots[index];
    d->first_free = slot->next_free;
    *slot = (defer_slot){
        .req = req, .generation = slot->generation, .lane = lane, .next = next, .due_ms = due_ms, .state = DEFER_ARMED};
    d->open++;
    defer_heap_add(d, index);
    if (slot->place == 0)
        pthread_cond_signal(&d->wake);
    return handle_of(d, index);
}

/* ---- what handlers call ---- */

uint64_t sw_defer(sw_request *req, sw_lane lane, sw_handler next, int timeout_ms)
{
    struct defers *d = req->host->rt->defers;
    if (!d)
        return 0;
    if (req->defer_handle != 0)
        defer_forget(req);
    int64_t due = sw_monotonic_ms() + (timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS);
    pthread_mutex_lock(&d->lock);
    req->defer_handle = arm(d, req, lane, next, due);
    uint64_t handle = req->defer_handle;
    pthread_mutex_unlock(&d->lock);
    return handle;
}

sw_status sw_deferred(sw_request *req)
{
    if (req->defer_handle == 0)
        return SW_BUSY;
    req->next = NEXT_DEFER;
    return SW_OK;
}

static void resume(sw_request *req, sw_lane lane, sw_handler next)
{
    if (!request_submit(req->host->rt, req, lane, next))
        request_finish(req, SW_BUSY);
}

bool sw_complete(sw_host *host, uint64_t handle)
{
    struct defers *d = host->rt->defers;
    if (!d || handle == 0)
        return false;
    pthread_mutex_lock(&d->lock);
    defer_slot *slot = find(d, handle);
    bool open = slot && !slot->completed && !slot->timed_out;
    sw_request *req = NULL;
    sw_lane lane = 0;
    sw_handler next = NULL;
    if (open && slot->state == DEFER_PARKED) {
        req = slot->req;
        lane = slot->lane;
        next = slot->next;
        defer_release(d, slot);
    } else if (open) {
        slot->completed = true; /* defer_park() goes on with it */
    }
    pthread_mutex_unlock(&d->lock);
    if (req)
        resume(req, lane, next);
    return open;
}

void defer_park(sw_request *req)
{
    struct defers *d = req->host->rt->defers;
    pthread_mutex_lock(&d->lock);
    defer_slot *slot = find(d, req->defer_handle);
    bool completed = slot->completed, timed_out = slot->timed_out, stopping = d->stopping;
    sw_lane lane = slot->lane;
    sw_handler next = slot->next;
    if (completed || timed_out || stopping)
        defer_release(d, slot);
    else
        slot->state = DEFER_PARKED; /* from here on it is another thread's */
    pthread_mutex_unlock(&d->lock);
    if (completed)
        resume(req, lane, next);
    else if (timed_out || stopping)
        request_finish(req, timed_out ? SW_TIMED_OUT : SW_BUSY);
}

void defer_forget(sw_request *req)
{
    struct defers *d = req->host->rt->defers;
    pthread_mutex_lock(&d->lock);
    defer_slot *slot = find(d, req->defer_handle);
    if (slot)
        defer_release(d, slot);
    req->defer_handle = 0;
    pthread_mutex_unlock(&d->lock);
}

uint32_t defers_open(struct defers *d)
{
    pthread_mutex_lock(&d->lock);
    uint32_t open = d->open;
    pthread_mutex_unlock(&d->lock);
    return open;
}
