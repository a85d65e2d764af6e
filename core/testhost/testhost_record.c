/* What happened, for the test to look at: lists that one thread adds to while the test's reads. */
#include "core/plugin/event_copy.h"
#include "core/plugin/registry.h"
#include "core/runtime/writer.h"
#include "core/testhost/testhost.h"

#include <stdlib.h>
#include <string.h>

bool record_add(record_list *list, const char *name, void *data)
{
    size_t len = strlen(name) + 1;
    record *r = malloc(sizeof *r + len);
    if (!r)
        return false;
    char *own = (char *)(r + 1);
    memcpy(own, name, len);
    r->name = own;
    r->data = data;
    atomic_init(&r->next, NULL);
    if (list->last)
        atomic_store_explicit(&list->last->next, r, memory_order_release);
    else
        atomic_store_explicit(&list->first, r, memory_order_release);
    list->last = r;
    return true;
}

record *record_at(const record_list *list, const char *name, size_t index)
{
    record *r = atomic_load_explicit(&list->first, memory_order_acquire);
    for (; r; r = atomic_load_explicit(&r->next, memory_order_acquire))
        if ((!name || strcmp(r->name, name) == 0) && index-- == 0)
            break;
    return r;
}

void records_free(record_list *list, void (*free_data)(void *data))
{
    for (record *r = list->first, *next; r; r = next) {
        next = r->next;
        free_data(r->data);
        free(r);
    }
    list->first = NULL;
    list->last = NULL;
}

/* ---- events ---- */

/* One that becomes a record at the commit. */
typedef struct {
    sw_test *t;
    const char *event;
    event_copy *copy;
} published;

static void keep(void *arg)
{
    published *p = arg;
    if (!record_add(&p->t->events, p->event, p->copy))
        event_copy_unref(p->copy);
}

static void drop(void *arg)
{
    event_copy_unref(((published *)arg)->copy);
}

sw_status record_publish(sw_tx *tx, const char *event, const void *data, size_t len)
{
    published *p = arena_alloc(tx->arena, sizeof *p);
    event_copy *copy = p ? event_copy_new(event, data, len) : NULL;
    if (!copy)
        return SW_NO_MEMORY;
    *p = (published){.t = (sw_test *)(void *)tx->host->rt, .event = event, .copy = copy};
    if (!tx_effect(tx, keep, drop, p)) {
        event_copy_unref(copy);
        return SW_NO_MEMORY;
    }
    return events_publish(tx, event, data, len);
}

void events_free(sw_test *t)
{
    records_free(&t->events, event_copy_unref);
}

const void *sw_test_published(sw_test *t, const char *event, size_t index)
{
    const record *r = record_at(&t->events, event, index);
    return r ? event_copy_data(r->data) : NULL;
}
