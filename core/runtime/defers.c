/* Answers that come later, and the clock: the thread that ends those that have waited too long, and starts the timers
 * and delayed tasks of plugins that are due.
 *
 * An open answer has a slot. Its handle is the index and the generation of the slot, so that an old handle names
 * nothing. Any thread completes one. A parked request belongs to whoever takes it out of its slot, under `defers.lock`,
 * which guards timers and delayed tasks as well. */
#include "core/base/log.h"
#include "core/runtime/delays.h"
#include "core/runtime/runtime_internal.h"
#include "core/runtime/thread.h"

#include <stdlib.h>
#include <steward/host.h>

enum { TIMERS_MAX = 128, DEFERS_MAX = 65536 };
enum { FIRST_SLOTS = 64, DEFAULT_TIMEOUT_MS = 30000, RETRY_MS = 1000, LEAST_MS = 10 };
static const uint32_t NOWHERE = UINT32_MAX; /* the place of a slot that is not in the heap */

/* An open answer. */
typedef struct {
    sw_request *req; /* NULL: free */
    uint32_t generation;
    uint32_t place; /* in the heap */
    uint32_t next_free;
    sw_lane lane;
    sw_handler next;
    int64_t due_ms;
    enum { DEFER_ARMED = 1, DEFER_PARKED } state; /* armed: the handler has not returned yet */
    bool completed, timed_out;                    /* while armed */
    void *data;                                   /* of sw_complete_with(), while armed */
    void (*data_free)(void *data);
} defer_slot;

/* A timer of a plugin. */
typedef struct {
    sw_host *host; /* NULL: removed */
    const sw_timer *timer;
    int64_t due_ms;
    bool running; /* its task has not finished */
} timer_entry;

struct defers {
    runtime *rt;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool stopping;
    defer_slot *slots;
    uint32_t slot_count, first_free; /* first_free: index + 1, 0: none */
    uint32_t *heap;                  /* slots by due_ms, earliest first */
    uint32_t heap_count, open;
    timer_entry timers[TIMERS_MAX];
    unsigned timer_count;
    delays delays;
};

static void *clock_run(void *arg);
static uint64_t arm(struct defers *d, sw_request *req, sw_lane lane, sw_handler next, int64_t due_ms);
static defer_slot *find(struct defers *d, uint64_t handle);
static void release(struct defers *d, defer_slot *slot);

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
    delays_forget(&d->delays, NULL);
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

/* What the completion carries becomes the request's, which frees it at its end. false: no memory. */
static bool hand_data(sw_request *req, void *data, void (*data_free)(void *data))
{
    req->completed = data;
    return !data_free || arena_defer(&req->arena, data_free, data);
}

bool sw_complete_with(sw_host *host, uint64_t handle, void *data, void (*data_free)(void *data))
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
        open = hand_data(req, data, data_free);
        if (open)
            release(d, slot);
    } else if (open) {
        slot->completed = true; /* defer_park() goes on with it */
        slot->data = data;
        slot->data_free = data_free;
    }
    pthread_mutex_unlock(&d->lock);
    if (req && open)
        resume(req, lane, next);
    return open;
}

bool sw_complete(sw_host *host, uint64_t handle)
{
    return sw_complete_with(host, handle, NULL, NULL);
}

void *sw_request_completed(const sw_request *req)
{
    return req->completed;
}

void defer_park(sw_request *req)
{
    struct defers *d = req->host->rt->defers;
    pthread_mutex_lock(&d->lock);
    defer_slot *slot = find(d, req->defer_handle), was = *slot;
    const sw_plugin *plugin = req->host->plugin;
    bool stopping = d->stopping || (d->rt->draining && !(plugin && plugin->draining));
    bool waits = !was.completed && !was.timed_out && !stopping;
    if (waits && req->waiting)
        req->waiting(req);
    if (waits)
        slot->state = DEFER_PARKED; /* from here on it is another thread's */
    else
        release(d, slot);
    pthread_mutex_unlock(&d->lock);
    if (waits)
        return;
    if (was.completed && hand_data(req, was.data, was.data_free)) {
        resume(req, was.lane, was.next);
        return;
    }
    if (was.completed)
        was.data_free(was.data);
    request_finish(req, was.completed ? SW_NO_MEMORY : was.timed_out ? SW_TIMED_OUT : SW_BUSY);
}

void defer_forget(sw_request *req)
{
    struct defers *d = req->host->rt->defers;
    defer_slot was = {.data_free = NULL};
    pthread_mutex_lock(&d->lock);
    defer_slot *slot = find(d, req->defer_handle);
    if (slot) {
        was = *slot;
        release(d, slot);
    }
    req->defer_handle = 0;
    pthread_mutex_unlock(&d->lock);
    if (was.completed && was.data_free)
        was.data_free(was.data);
}

bool defer_take(runtime *rt, uint64_t handle)
{
    struct defers *d = rt->defers;
    if (!d || handle == 0)
        return false;
    pthread_mutex_lock(&d->lock);
    defer_slot *slot = find(d, handle);
    bool waits = slot && slot->state == DEFER_PARKED;
    if (waits)
        release(d, slot);
    pthread_mutex_unlock(&d->lock);
    return waits;
}

void defers_refuse(runtime *rt, const sw_host *host)
{
    struct defers *d = rt->defers;
    bool more = d != NULL;
    for (uint32_t i = 0; more; i++) {
        pthread_mutex_lock(&d->lock);
        more = i < d->slot_count;
        sw_request *req = more && d->slots[i].state == DEFER_PARKED ? d->slots[i].req : NULL;
        if (req && req->host != host)
            req = NULL;
        if (req)
            release(d, &d->slots[i]);
        pthread_mutex_unlock(&d->lock);
        if (req)
            request_finish(req, SW_BUSY);
    }
}

uint32_t defers_open(struct defers *d)
{
    pthread_mutex_lock(&d->lock);
    uint32_t open = d->open;
    pthread_mutex_unlock(&d->lock);
    return open;
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

/* ---- timers: tasks on the worker lane, each never twice at once ---- */

static int64_t period(const sw_timer *t)
{
    return t->every_ms < LEAST_MS ? LEAST_MS : t->every_ms;
}

static void timer_finish(sw_request *req, sw_status status)
{
    struct defers *d = req->host->rt->defers;
    timer_entry *e = req->owner;
    if (status != SW_OK)
        log_warn(req->host->name, "timer %s failed: %s", e->timer->name, req->failure.text);
    request_done(req);
    free(req);
    pthread_mutex_lock(&d->lock);
    e->running = false;
    e->due_ms = sw_monotonic_ms() + period(e->timer);
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
}

/* false: no memory, or the lane is full. The clock tries again in a second. */
static bool start(struct defers *d, timer_entry *e)
{
    sw_request *req = task_new(d->rt, e->host, e->timer->run, 0);
    if (!req)
        return false;
    req->work_kind = "timer";
    req->work_name = e->timer->name;
    req->finish = timer_finish;
    req->owner = e;
    request_count(req);
    e->running = true;
    if (request_submit(d->rt, req, SW_LANE_WORKER, e->timer->run))
        return true;
    e->running = false;
    atomic_fetch_sub_explicit(&e->host->in_flight, 1, memory_order_release);
    request_done(req);
    free(req);
    return false;
}

static bool wanted(const timer_entry *e)
{
    return e->host && !e->running;
}

/* When the next timer is due; INT64_MAX when there is none. */
static int64_t timers_next(const struct defers *d)
{
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < d->timer_count; i++)
        if (wanted(&d->timers[i]) && d->timers[i].due_ms < next)
            next = d->timers[i].due_ms;
    return next;
}

/* Starts the timers that are due. */
static void timers_run(struct defers *d, int64_t now_ms)
{
    for (unsigned i = 0; i < d->timer_count; i++) {
        timer_entry *e = &d->timers[i];
        if (!wanted(e) || e->due_ms > now_ms)
            continue;
        int status = atomic_load_explicit(&e->host->status, memory_order_acquire);
        bool enabled = status <= MODULE_ENABLED; /* 0 and LOADED: a host that is just starting */
        if (!enabled || !start(d, e))
            e->due_ms = now_ms + RETRY_MS;
    }
}

bool timer_add(runtime *rt, sw_host *host, const sw_timer *timer)
{
    struct defers *d = rt->defers;
    if (!d)
        return false;
    pthread_mutex_lock(&d->lock);
    timer_entry *e = NULL;
    for (unsigned i = 0; i < d->timer_count && !e; i++)
        if (!d->timers[i].host && !d->timers[i].running)
            e = &d->timers[i];
    if (!e && d->timer_count < TIMERS_MAX)
        e = &d->timers[d->timer_count++];
    if (e) {
        *e = (timer_entry){.host = host, .timer = timer, .due_ms = sw_monotonic_ms() + period(timer)};
        pthread_cond_signal(&d->wake);
    }
    pthread_mutex_unlock(&d->lock);
    return e != NULL;
}

void timers_remove(runtime *rt, sw_host *host)
{
    struct defers *d = rt->defers;
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < d->timer_count; i++)
        if (d->timers[i].host == host)
            d->timers[i].host = NULL;
    delays_forget(&d->delays, host);
    pthread_mutex_unlock(&d->lock);
}

/* ---- delayed tasks ---- */

bool sw_task_after(sw_host *host, sw_lane lane, sw_handler handler, int64_t tag, int64_t delay_ms)
{
    struct defers *d = host->rt->defers;
    sw_request *task = d ? task_new(host->rt, host, handler, tag) : NULL;
    if (!task)
        return false;
    pthread_mutex_lock(&d->lock);
    bool room = !d->stopping && delays_add(&d->delays, task, lane, delay_ms);
    if (room)
        pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    if (!room)
        task_free(task);
    return room;
}

void delays_hold(runtime *rt)
{
    rt->defers->delays.held = true;
}

unsigned delays_begin(runtime *rt)
{
    struct defers *d = rt->defers;
    pthread_mutex_lock(&d->lock);
    unsigned begun = delays_begin_all(&d->delays);
    pthread_mutex_unlock(&d->lock);
    return begun;
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
        delays_run(&d->delays, now);
        int64_t next = timers_next(d);
        if (delays_next(&d->delays) < next)
            next = delays_next(&d->delays);
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
