/* The order of one socket's events: what may run now, and what must wait. Pure bookkeeping of the socket's loop.
 *
 * An event runs on the loop at once when nothing is in flight; else it waits. Waiting events go to a worker in batches,
 * one batch at a time; an event that leaves for another lane ends its batch and holds the rest back until it has
 * finished. Events that went to the writer hold nobody back: the writer keeps their order. */
#ifndef CORE_WS_PIPELINE_H
#define CORE_WS_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in an event. */
typedef struct pipeline_item {
    struct pipeline_item *next;
    size_t bytes;
} pipeline_item;

typedef struct {
    pipeline_item *first, *last; /* waiting */
    uint32_t count;              /* in flight: waiting, in the batch, on a lane, at the writer */
    size_t bytes;                /* of them */
    int blocked;                 /* events away on another lane; -1 when one came back before its batch did */
    bool batch;                  /* a batch is out */
} pipeline;

/* Nothing is in flight. */
static inline bool pipeline_idle(const pipeline *p)
{
    return p->count == 0;
}
void pipeline_push(pipeline *p, pipeline_item *item);
/* The next batch of at most `max` events (linked, NULL-ended). Returns NULL when nothing waits, a batch is out, or
 * the events are held back. */
pipeline_item *pipeline_take(pipeline *p, unsigned max);
/* The batch is over. `rest`: its events that have not been run, in order. `left_lane`: its last event that was run went
 * to another lane. */
void pipeline_batch_done(pipeline *p, pipeline_item *rest, bool left_lane);
/* An event has finished. `left_lane`: it had gone to another lane. */
void pipeline_finished(pipeline *p, const pipeline_item *item, bool left_lane);
/* Takes out everything that waits (the socket has ended); they no longer count. */
pipeline_item *pipeline_clear(pipeline *p);

#endif
