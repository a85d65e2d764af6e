/* How often each agent asks: so many times a minute a human is asked, and so many times a rule decides. What a minute
 * has held is forgotten at a restart. Used by write steps alone, so by one thread. */
#include "approvals/approvals.h"

#include <stdlib.h>

enum { BUCKETS = 256, MINUTE_MS = 60000 };

typedef struct pace_entry {
    struct pace_entry *next;
    int64_t user_id;
    struct {
        int64_t began_ms, count;
    } minutes[PACE_KINDS];
} pace_entry;

/* Made by start(), freed by stop(). */
struct pace {
    pace_entry *buckets[BUCKETS];
};

pace *pace_new(void)
{
    return calloc(1, sizeof(pace));
}

void pace_clear(pace *p)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (pace_entry *e = p->buckets[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
        p->buckets[i] = NULL;
    }
}

void pace_free(pace *p)
{
    if (!p)
        return;
    pace_clear(p);
    free(p);
}

static pace_entry **place_of(pace *p, int64_t user_id)
{
    pace_entry **at = &p->buckets[(uint64_t)user_id % BUCKETS];

    while (*at && (*at)->user_id != user_id)
        at = &(*at)->next;
    return at;
}

bool pace_take(pace *p, int64_t user_id, pace_kind kind, int64_t limit)
{
    pace_entry **at = place_of(p, user_id);
    int64_t now_ms = sw_monotonic_ms();

    if (!*at) {
        *at = calloc(1, sizeof **at);
        if (!*at)
            return true;
        (*at)->user_id = user_id;
    }
    if ((*at)->minutes[kind].count == 0 || now_ms - (*at)->minutes[kind].began_ms >= MINUTE_MS) {
        (*at)->minutes[kind].began_ms = now_ms;
        (*at)->minutes[kind].count = 0;
    }
    if ((*at)->minutes[kind].count >= limit)
        return false;
    (*at)->minutes[kind].count++;
    return true;
}

void pace_forget(pace *p, int64_t user_id)
{
    pace_entry **at = place_of(p, user_id), *gone = *at;

    if (!gone)
        return;
    *at = gone->next;
    free(gone);
}
