/* Publishing: in_tx subscribers inside the publisher's savepoint, `after` subscribers by a queue each.
 *
 * Threads: events_publish on the writer, events_socket on a loop. The table of subscribers is fixed before either. */
#include "core/crash/crash_scope.h"
#include "core/plugin/event_copy.h"
#include "core/plugin/plugin_internal.h"
#include "core/plugin/registry.h"
#include "core/runtime/thread.h"
#include "core/runtime/writer.h"

#include <stdlib.h>
#include <string.h>

enum { EVENT_QUEUE_MAX = 65536 };

/* One event for one `after` subscriber: becomes a task at the commit. */
typedef struct {
    subscriber *to;
    sw_request *task;
} delivery;

bool events_prepare(registry *r)
{
    unsigned count = 0;
    for (unsigned i = 0; i < r->order_count; i++)
        count += r->order[i]->plugin.subscriptions.count;
    if (count == 0)
        return true;
    r->subscribers = calloc(count, sizeof *r->subscribers);
    if (!r->subscribers)
        return false;
    for (unsigned i = 0; i < r->order_count; i++) {
        module *m = r->order[i];
        const sw_subscription *rows = m->plugin.subscriptions.rows;
        for (uint32_t k = 0; k < m->plugin.subscriptions.count; k++) {
            r->subscribers[r->subscriber_count++] = (subscriber){.module = m, .row = &rows[k]};
            if (rows[k].after && !m->events && !(m->events = serial_new(r->rt, m->host.name, EVENT_QUEUE_MAX)))
                return false;
        }
    }
    return true;
}

/* The rest of the queues is lost: `after` is at most once. */
void events_drop(registry *r)
{
    for (unsigned i = 0; i < r->order_count; i++) {
        serial_free(r->order[i]->events);
        r->order[i]->events = NULL;
    }
    free(r->subscribers);
    r->subscribers = NULL;
    r->subscriber_count = 0;
}

/* While it starts a plugin hears its own events only. */
static bool listens(const subscriber *s, const char *event)
{
    if (strcmp(s->row->event, event) != 0 || !s->module->callable)
        return false;
    int status = s->module->host.status;
    return status == MODULE_ENABLED || status == MODULE_LOADED;
}

static sw_status call_in_tx(sw_tx *tx, subscriber *s, const void *data)
{
    sw_host *publisher = tx->host;
    int64_t began = now_ns();
    tx->host = &s->module->host;
    crash_scope before = crash_enter(tx->host, "subscriber", "event", s->row->event);
    sw_status status = s->row->in_tx(tx, data);
    crash_leave(before);
    tx->host = publisher;
    host_count_call(&s->module->host, began);
    return status;
}

/* The handler that a task of an event begins with. */
static sw_status run_after(sw_request *req)
{
    const subscriber *s = req->arg;
    if (!listens(s, s->row->event))
        return SW_OK;
    return s->row->after(req, req->data);
}

static sw_request *after_task(runtime *rt, subscriber *s, event_copy *copy)
{
    sw_request *task = task_new(rt, &s->module->host, run_after, 0);
    if (!task)
        return NULL;
    task->arg = s;
    task->work_kind = "event";
    task->work_name = s->row->event;
    task->data = event_copy_data(copy);
    event_copy_ref(copy);
    if (!arena_defer(&task->arena, event_copy_unref, copy)) {
        event_copy_unref(copy);
        task_free(task);
        return NULL;
    }
    return task;
}

static void delivery_run(void *arg)
{
    delivery *d = arg;
    serial_push(d->to->module->events, d->task);
}

static void delivery_drop(void *arg)
{
    delivery *d = arg;
    task_free(d->task);
}

/* Queues one `after` call with the step. `*copy` is made at the first need. */
static sw_status queue_after(sw_tx *tx, subscriber *s, event_copy **copy, const void *data, size_t len)
{
    if (!*copy && !(*copy = event_copy_new(s->row->event, data, len)))
        return SW_NO_MEMORY;
    delivery *d = arena_alloc(tx->arena, sizeof *d);
    if (!d)
        return SW_NO_MEMORY;
    d->to = s;
    d->task = after_task(tx->host->rt, s, *copy);
    if (!d->task)
        return SW_NO_MEMORY;
    if (tx_effect(tx, delivery_run, delivery_drop, d))
        return SW_OK;
    delivery_drop(d);
    return SW_NO_MEMORY;
}

sw_status events_publish(sw_tx *tx, const char *event, const void *data, size_t len)
{
    registry *r = tx->host->rt->registry;
    event_copy *copy = NULL;
    sw_status status = SW_OK;
    /* A publisher built with an older header gives a shorter struct: subscribers see this build's, its tail zero. */
    if (len < event_size(event)) {
        void *whole = arena_alloc(tx->arena, event_size(event));
        if (!whole)
            return SW_NO_MEMORY;
        if (len)
            memcpy(whole, data, len);
        data = whole;
        len = event_size(event);
    }
    for (unsigned i = 0; i < r->subscriber_count && status == SW_OK; i++) {
        subscriber *s = &r->subscribers[i];
        if (!listens(s, event))
            continue;
        if (s->row->in_tx)
            status = call_in_tx(tx, s, data);
        if (status == SW_OK && s->row->after)
            status = queue_after(tx, s, &copy, data, len);
    }
    event_copy_unref(copy);
    if (status != SW_OK && tx->failed == SW_OK)
        tx->failed = status;
    return status;
}

void events_socket(runtime *rt, bool opened, int64_t user_id, sw_role role, bool last)
{
    registry *r = rt->registry;
    const char *event = opened ? SW_EVENT_SOCKET_OPENED : SW_EVENT_SOCKET_CLOSED;
    sw_socket_event about = {.user_id = user_id, .role = role, .at_ms = sw_now_ms(), .last = last};
    event_copy *copy = NULL;
    for (unsigned i = 0; i < r->subscriber_count; i++) {
        subscriber *s = &r->subscribers[i];
        if (!s->row->after || !listens(s, event))
            continue;
        if (!copy && !(copy = event_copy_new(event, &about, sizeof about)))
            return;
        sw_request *task = after_task(rt, s, copy);
        if (task)
            serial_push(s->module->events, task);
    }
    event_copy_unref(copy);
}
