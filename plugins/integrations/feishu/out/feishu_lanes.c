/* Lanes: what goes to one chat goes one after the other, and no more than five in a second. Under the lock, but for
 * what only reads its argument. */
#include "out/sender.h"
#include <stdio.h>
#include <string.h>

enum { PER_SECOND = 5, SECOND_MS = 1100 }; /* a second of theirs may be a little shorter than ours */

/* The place of the lane that was used least lately is given away. */
sender_lane *lane_of(feishu *f, const char *name)
{
    sender_lane *oldest = &f->sender.lanes[0];

    for (unsigned i = 0; i < SENDER_LANES; i++) {
        sender_lane *l = &f->sender.lanes[i];
        if (strncmp(l->name, name, sizeof l->name - 1) == 0)
            return l;
        if (l->used_ms < oldest->used_ms)
            oldest = l;
    }
    *oldest = (sender_lane){.next = 0};
    snprintf(oldest->name, sizeof oldest->name, "%s", name);
    return oldest;
}

int64_t lane_free_at(const sender_lane *l)
{
    int64_t oldest = l->started[l->next];

    return oldest ? oldest + SECOND_MS : 0;
}

void lane_note(sender_lane *l, int64_t now)
{
    l->started[l->next] = now;
    l->next = (l->next + 1) % PER_SECOND;
    l->used_ms = now;
}

bool lane_busy(const feishu *f, const char *name)
{
    for (const sending *s = f->sender.running; s; s = s->next)
        if (strncmp(s->lane, name, sizeof s->lane - 1) == 0)
            return true;
    return false;
}
