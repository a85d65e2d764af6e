/* Answers that come later, and the clock: the thread that ends those that have waited too long, and starts the timers
 * and delayed tasks that are due (timers.c).
 *
 * An open answer has a slot. Its handle is the index and the generation of the slot, so that an old handle names
 * nothing. Any thread completes one. A parked request belongs to whoever takes it out of its slot, under `defers.lock`.
 */
#include "core/runtime/defers.h"
#include "core/runtime/thread.h"

#include <stdlib.h>
#include <steward/host.h>

enum { FIRST_SLOTS = 64, DEFAULT_TIMEOUT_MS = 30000 };
static const uint32_t NOWHERE = UINT32_MAX; /* the place of a slot that is not in the heap */

static void *clock_run(void *arg);
static uint64_t arm(struct defers *d, sw_request *req, sw_lane lane, sw_handler next, int64_t due_ms);
static defer_slot *find(struct defers *d, uint64_t handle);
static void release(struct defers *d, defer_slot *slot);
static void heap_add(struct defers *d, uint32_t index);
static void heap_remove(struct defers *d, uint32_t index);
static int64_t heap_due(const struct defers *d);

struct defers *defers_start(runtime *rt)
{
    struct defers *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->rt = rt;
    if (pthread_mutex_init(&d->lock, NULL) == 0 && cond_init(&d->wake) &&
        thread_start(&d->thread, "clock", clock_run, d)) {
        rt->defers = d;
        return d;
    }
    free(d);
    return NULL;
}

void defers_halt(struct defers *d)
{
    if (!d || d->stopping)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    pthread_mutex_lock(&d->lock);
    delays_forget(d, NULL);
    pthread_mutex_unlock(&d->lock);
    /* Only this thread and sw_complete() release parked requests now. */
    for (uint32_t i = 0; i < d->slot_count; i++) {
        pthread_mutex_lock(&d->lock);
        sw_request *req = d->slots[i].req && d->slots[i].state == DEFER_PARKED ? d->slots[i].req : NULL;
        if (req)
            release(d, &d->slots[i]);
        pthread_mutex_unlock(&d->lock);
        if (req)
            request_finish(req, SW_BUSY);
    }
}

void defers_free(struct defers *d)
{
    if (!d)
        return;
    free(d->slots);
    free(d->heap);
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

void defers_stop(struct defers *d)
{
    if (!d)
        return;
    runtime *rt = d->rt;
    defers_halt(d);
    rt->defers = NULL;
    defers_free(d);
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
        release(d, slot);
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
        release(d, slot);
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
        release(d, slot);
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

/* ---- the clock ---- */

/* Ends one answer whose time is up. false: there is none. Under the lock, which it gives back meanwhile. */
static bool expire_one(struct defers *d, int64_t now)
{
    if (heap_due(d) > now)
        return false;
    defer_slot *slot = &d->slots[d->heap[0]];
    if (slot->state == DEFER_ARMED) {
        heap_remove(d, d->heap[0]);
        slot->timed_out = !slot->completed;
        return true;
    }
    sw_request *req = slot->req;
    release(d, slot);
    pthread_mutex_unlock(&d->lock);
    request_finish(req, SW_TIMED_OUT);
    pthread_mutex_lock(&d->lock);
    return true;
}

static void *clock_run(void *arg)
{
    struct defers *d = arg;
    pthread_mutex_lock(&d->lock);
    while (!d->stopping) {
        int64_t now = sw_monotonic_ms();
        while (!d->stopping && expire_one(d, now))
            continue;
        timers_run(d, now);
        delays_run(d, now);
        int64_t next = timers_next(d);
        if (delays_next(d) < next)
            next = delays_next(d);
        if (heap_due(d) < next)
            next = heap_due(d);
        if (d->stopping)
            break;
        if (next == INT64_MAX)
            pthread_cond_wait(&d->wake, &d->lock);
        else if (next > sw_monotonic_ms())
            cond_wait_until(&d->wake, &d->lock, next);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* ---- slots; under the lock ---- */

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
        d->slots[i] = (defer_slot){.generation = 1, .place = NOWHERE, .next_free = d->first_free};
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

static void release(struct defers *d, defer_slot *slot)
{
    uint32_t index = (uint32_t)(slot - d->slots);
    heap_remove(d, index);
    slot->req->defer_handle = 0;
    slot->req = NULL;
    slot->generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1;
    slot->next_free = d->first_free;
    d->first_free = index + 1;
    d->open--;
}

/* The handle of a new slot; 0 when too many are open. */
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
    heap_add(d, index);
    if (slot->place == 0)
        pthread_cond_signal(&d->wake);
    return handle_of(d, index);
}

/* ---- the time limits of open answers: a heap, earliest first; under the lock ---- */

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

static void heap_remove(struct defers *d, uint32_t index)
{
    uint32_t place = d->slots[index].place;
    if (place == NOWHERE)
        return;
    d->slots[index].place = NOWHERE;
    uint32_t last = d->heap[--d->heap_count];
    if (place == d->heap_count)
        return;
    put(d, place, last);
    sift_up(d, place);
    sift_down(d, d->slots[last].place);
}

static void heap_add(struct defers *d, uint32_t index)
{
    put(d, d->heap_count++, index);
    sift_up(d, d->slots[index].place);
}

/* When the first one is due; INT64_MAX when nothing waits. */
static int64_t heap_due(const struct defers *d)
{
    return d->heap_count > 0 ? due_at(d, 0) : INT64_MAX;
}
