/* A timer wheel: one due time per node, set and moved in constant time. No clock of its own, one thread. */
#ifndef CORE_WS_WHEEL_H
#define CORE_WS_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

enum { WHEEL_SLOTS = 1024, WHEEL_TICK_MS = 10 };

/* Embedded. Zeroed: in no wheel. */
typedef struct wheel_node {
    struct wheel_node *next, **at; /* at: what points to this node; NULL when it is in no wheel */
    int64_t due_ms;
} wheel_node;

typedef struct {
    wheel_node *slots[WHEEL_SLOTS];
    uint64_t used[WHEEL_SLOTS / 64];
    wheel_node *ready;
    int64_t tick; /* everything before it has been looked at */
} wheel;

void wheel_init(wheel *w, int64_t now_ms);
/* Files the node, or files it anew. Due times in the past come out at the next look. */
void wheel_set(wheel *w, wheel_node *n, int64_t due_ms);
void wheel_remove(wheel *w, wheel_node *n);
/* Takes out one node that is due. Call it until it returns NULL. */
wheel_node *wheel_expire(wheel *w, int64_t now_ms);
/* When to look next; -1 when the wheel is empty. */
int64_t wheel_next(const wheel *w);

#endif
