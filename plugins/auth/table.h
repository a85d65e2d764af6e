/* What the gate remembers of an address, or of a user at an address: a hash table of fixed size that forgets what was
 * touched longest ago. Not locked: the gate does that. */
#ifndef AUTH_TABLE_H
#define AUTH_TABLE_H

#include "gate.h"

/* A line of attempts that wait, oldest first: indexes into the gate's pool, 0 is none. */
typedef struct {
    uint32_t first, last, count;
} gate_line;

typedef struct entry {
    struct entry *chain; /* of its bucket */
    struct entry *newer, *older;
    uint8_t key[GATE_KEY_SIZE];
    bool is_address;   /* else of a user at an address */
    uint32_t failures; /* noted in at[], the oldest first to be written over */
    uint32_t next;
    uint32_t level;          /* refusals so far: 1, 2, 4 … seconds */
    uint32_t running, woken; /* attempts between enter and leave; handed a place, but not back yet */
    gate_line line;
    int64_t refused_until_ms;
    int64_t moved_ms; /* when running or woken changed last */
    int64_t at_ms[GATE_FAILURES_MAX];
} entry;

typedef struct {
    entry *entries, **buckets;
    uint32_t count, used, bucket_count;
    entry *newest, *oldest;
} table;

bool table_init(table *t, uint32_t count);
void table_done(table *t);
/* The entry of that key, new if need be, as the newest. NULL: every entry is busy. */
entry *table_touch(table *t, const uint8_t key[GATE_KEY_SIZE]);
/* As table_touch, but never a new one. */
entry *table_find(table *t, const uint8_t key[GATE_KEY_SIZE]);

#endif
