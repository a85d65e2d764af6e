/* A copy of an event's data that outlives the publisher's step. */
#ifndef CORE_PLUGIN_EVENT_COPY_H
#define CORE_PLUGIN_EVENT_COPY_H

#include <stddef.h>

typedef struct event_copy event_copy;

/* The bytes an event's struct has in this build, 0 for events this build does not know. */
size_t event_size(const char *event);
/* `len` bytes of `data`, with a zeroed tail up to this build's size. Of an event of <steward/event.h> the texts are
 * copied too; of any other the bytes alone: pointers inside are not followed, and must not be used by `after`
 * subscribers. One reference is the caller's. NULL when there is no memory. */
event_copy *event_copy_new(const char *event, const void *data, size_t len);
const void *event_copy_data(const event_copy *copy);
void event_copy_ref(event_copy *copy);
/* Any thread; NULL is fine. `copy` is an event_copy: the signature suits arena_defer. */
void event_copy_unref(void *copy);

#endif
