/* What promises and its test share. */
#ifndef PROMISES_H
#define PROMISES_H

#include <steward/plugin.h>

/* Of the event "order": its data is a pointer to one, into which subscribers write their names. */
typedef struct {
    const char *names[4];
    int count;
} order_event;

typedef struct {
    uint32_t size;
    sw_status (*begin_later)(void *self); /* one more sw_write_later() */
} promises_service;

#endif
