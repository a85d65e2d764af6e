/* A hash table of fixed size in the order of the last touch, and the failures that each of its entries remembers. Any
 * thread that holds the limiter's lock. */
#include "login_table.h"

#include <stdlib.h>
#include <string.h>

enum { MINUTE_MS = 60 * 1000, REFUSAL_MAX_S = 60 };

void table_done(login_table *t)
{
    free(t->entries);
    free(t->buckets);
    *t = (login_table){0};
}

bool table_init(login_table *t, uint32_t count)
{
    *t = (login_table){.count = count, .bucket_count = count};
    t->entries = calloc(count, sizeof *t->entries);
    t->buckets = calloc(t->bucket_count, sizeof(login_entry *));
    if (t->entries && t->buckets)
        return true;
    table_done(t);
    return false;
}

/* Any bytes of a key are as good as a hash. */
static login_entry **bucket_of(login_table *t, const uint8_t key[LOGIN_KEY_SIZE])
{
    uint64_t hash;

    memcpy(&hash, key, sizeof hash);
    return &t->buckets[hash % t->bucket_count];
}

static void take_out(login_table *t, login_entry *e)
{
    *(e->newer ? &e->newer->older : &t->newest) = e->older;
    *(e->older ? &e->older->newer : &t->oldest) = e->newer;
}

static void put_newest(login_table *t, login_entry *e)
{
    e->newer = NULL;
    e->older = t->newest;
    *(t->newest ? &t->newest->newer : &t->oldest) = e;
    t->newest = e;
}

login_entry *table_find(login_table *t, const uint8_t key[LOGIN_KEY_SIZE])
{
    for (login_entry *e = *bucket_of(t, key); e; e = e->chain)
        if (memcmp(e->key, key, LOGIN_KEY_SIZE) == 0) {
            take_out(t, e);
            put_newest(t, e);
            return e;
        }
    return NULL;
}

static void forget(login_table *t, login_entry *e)
{
    login_entry **link = bucket_of(t, e->key);

    while (*link != e)
        link = &(*link)->chain;
    *link = e->chain;
    take_out(t, e);
}

/* An entry that was never used, or else the one that was touched longest ago and that no attempt needs. */
static login_entry *free_entry(login_table *t)
{
    if (t->used < t->count)
        return &t->entries[t->used++];
    for (login_entry *e = t->oldest; e; e = e->newer)
        if (!e->running && !e->promised && !e->waiting) {
            forget(t, e);
            return e;
        }
    return NULL;
}

login_entry *table_touch(login_table *t, const uint8_t key[LOGIN_KEY_SIZE], login_kind kind)
{
    login_entry *e = table_find(t, key);

    if (e)
        return e;
    e = free_entry(t);
    if (!e)
        return NULL;
    *e = (login_entry){.kind = kind};
    memcpy(e->key, key, LOGIN_KEY_SIZE);
    e->chain = *bucket_of(t, key);
    *bucket_of(t, key) = e;
    put_newest(t, e);
    return e;
}

/* ---- failures ---- */

static uint32_t recent_failures(const login_entry *e, int64_t now_ms)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < e->failures; i++)
        count += now_ms - e->at_ms[i] < MINUTE_MS;
    return count;
}

void failures_forgive(login_entry *e)
{
    e->failures = e->next = e->level = 0;
    e->refused_until_ms = 0;
}

void failures_note(login_entry *e, uint32_t max, int64_t now_ms)
{
    if (max == 0)
        return;
    if (e->level && now_ms - e->refused_until_ms >= MINUTE_MS)
        failures_forgive(e);
    if (e->level == 0) {
        e->at_ms[e->next] = now_ms;
        e->next = (e->next + 1) % max;
        e->failures += e->failures < max;
        if (recent_failures(e, now_ms) < max)
            return;
    }
    int64_t seconds = e->level < 6 ? INT64_C(1) << e->level : REFUSAL_MAX_S;
    e->level++;
    e->refused_until_ms = now_ms + (seconds < REFUSAL_MAX_S ? seconds : REFUSAL_MAX_S) * 1000;
}

uint32_t failures_room(const login_entry *e, uint32_t max, uint32_t at_once, int64_t now_ms)
{
    if (max == 0)
        return at_once;
    if (e->level)
        return now_ms - e->refused_until_ms < MINUTE_MS ? 1 : at_once;
    uint32_t left = max - recent_failures(e, now_ms);
    return left < at_once ? left : at_once;
}

int failures_refused_s(const login_entry *e, int64_t now_ms)
{
    return e->refused_until_ms > now_ms ? (int)((e->refused_until_ms - now_ms + 999) / 1000) : 0;
}
