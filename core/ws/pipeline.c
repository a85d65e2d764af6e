/* One socket's queue of events, and the counts that hold it back. On the socket's loop; the items are the caller's. */
#include "core/ws/pipeline.h"

void pipeline_push(pipeline *p, pipeline_item *item)
{
    item->next = NULL;
    if (!p->first)
        p->first = item;
    else
        p->last->next = item;
    p->last = item;
    p->count++;
    p->bytes += item->bytes;
}

pipeline_item *pipeline_take(pipeline *p, unsigned max)
{
    if (p->batch || p->blocked != 0 || !p->first || max == 0)
        return NULL;
    pipeline_item *from = p->first, *to = from;
    for (unsigned n = 1; n < max && to->next; n++)
        to = to->next;
    p->first = to->next;
    if (!p->first)
        p->last = NULL;
    to->next = NULL;
    p->batch = true;
    return from;
}

void pipeline_batch_done(pipeline *p, pipeline_item *rest, bool left_lane)
{
    p->batch = false;
    if (left_lane)
        p->blocked++;
    if (!rest)
        return;
    pipeline_item *end = rest;
    while (end->next)
        end = end->next;
    end->next = p->first;
    if (!p->first)
        p->last = end;
    p->first = rest;
}

void pipeline_finished(pipeline *p, const pipeline_item *item, bool left_lane)
{
    p->count--;
    p->bytes -= item->bytes;
    if (left_lane)
        p->blocked--;
}

pipeline_item *pipeline_clear(pipeline *p)
{
    pipeline_item *all = p->first;
    for (pipeline_item *i = all; i; i = i->next) {
        p->count--;
        p->bytes -= i->bytes;
    }
    p->first = p->last = NULL;
    return all;
}
