#include "table.h"

#include <stdlib.h>
#include <string.h>

bool table_init(table *t, uint32_t count)
{
    *t = (table){.count = count, .bucket_count = count};
    t->entries = calloc(count, sizeof *t->entries);
    t->buckets = calloc(t->bucket_count, sizeof(entry *));
    if (t->entries && t->buckets)
        return true;
    table_done(t);
    return false;
}

void table_done(table *t)
{
    free(t->entries);
    free(t->buckets);
    *t = (table){0};
}

/* Keys are parts of a SHA-256: any of their bytes are as good as a hash. */
static entry **bucket_of(table *t, const uint8_t key[GATE_KEY_SIZE])
{
    uint64_t hash;

    memcpy(&hash, key, sizeof hash);
    return &t->buckets[hash % t->bucket_count];
}

static void take_out(table *t, entry *e)
{
    *(e->newer ? &e->newer->older : &t->newest) = e->older;
    *(e->older ? &e->older->newer : &t->oldest) = e->newer;
}

static void put_newest(table *t, entry *e)
{
    e->newer = NULL;
    e->older = t->newest;
    *(t->newest ? &t->newest->newer : &t->oldest) = e;
    t->newest = e;
}

entry *table_find(table *t, const uint8_t key[GATE_KEY_SIZE])
{
    for (entry *e = *bucket_of(t, key); e; e = e->chain)
        if (memcmp(e->key, key, GATE_KEY_SIZE) == 0) {
            take_out(t, e);
            put_newest(t, e);
            return e;
        }
    return NULL;
}

static void forget(table *t, entry *e)
{
    entry **link = bucket_of(t, e->key);

    while (*link != e)
        link = &(*link)->chain;
    *link = e->chain;
    take_out(t, e);
}

/* One that was never used, else the one untouched longest that nobody is at. */
static entry *free_entry(table *t)
{
    if (t->used < t->count)
        return &t->entries[t->used++];
    for (entry *e = t->oldest; e; e = e->newer)
        if (!e->running && !e->woken && !e->line.count) {
            forget(t, e);
            return e;
        }
    return NULL;
}

entry *table_touch(table *t, const uint8_t key[GATE_KEY_SIZE])
{
    entry *e = table_find(t, key);

    if (e)
        return e;
    e = free_entry(t);
    if (!e)
        return NULL;
    memset(e, 0, sizeof *e);
    memcpy(e->key, key, GATE_KEY_SIZE);
    e->chain = *bucket_of(t, key);
    *bucket_of(t, key) = e;
    put_newest(t, e);
    return e;
}
