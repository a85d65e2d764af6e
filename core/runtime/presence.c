/* Who is online, and on which loops: a hash table in 64 shards, each under its own lock. Any thread. */
#include "core/runtime/presence.h"

#include <pthread.h>
#include <stdlib.h>

enum { SHARDS = 64, LOOP_BITS = 64, FIRST_BUCKETS = 16 };

typedef struct entry {
    struct entry *next;
    int64_t user_id;
    uint64_t loops; /* bit (index % 64) */
    uint32_t sockets;
} entry;

typedef struct {
    pthread_mutex_t lock;
    entry **buckets;
    uint32_t bucket_count, entries; /* bucket_count: a power of two, 0 at first */
} shard;

struct presence {
    bool shared_bits; /* more loops than bits: one may stand for several loops */
    shard shards[SHARDS];
};

static uint64_t mix(int64_t user_id)
{
    uint64_t x = (uint64_t)user_id * UINT64_C(0x9E3779B97F4A7C15);
    return x ^ (x >> 29);
}

presence *presence_new(unsigned loop_count)
{
    presence *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->shared_bits = loop_count > LOOP_BITS;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&p->shards[i].lock, NULL);
    return p;
}

void presence_free(presence *p)
{
    if (!p)
        return;
    for (int i = 0; i < SHARDS; i++) {
        shard *s = &p->shards[i];
        for (uint32_t b = 0; b < s->bucket_count; b++)
            for (entry *e = s->buckets[b], *next; e; e = next) {
                next = e->next;
                free(e);
            }
        free(s->buckets);
        pthread_mutex_destroy(&s->lock);
    }
    free(p);
}

/* The shard of a user, locked. */
static shard *lock_shard(presence *p, int64_t user_id)
{
    shard *s = &p->shards[mix(user_id) % SHARDS];
    pthread_mutex_lock(&s->lock);
    return s;
}

/* Where the pointer to that user's entry is, or would be; NULL without buckets. */
static entry **find(shard *s, int64_t user_id)
{
    if (s->bucket_count == 0)
        return NULL;
    entry **at = &s->buckets[(mix(user_id) / SHARDS) & (s->bucket_count - 1)];
    while (*at && (*at)->user_id != user_id)
        at = &(*at)->next;
    return at;
}

/* Keeps the chains short; without memory they grow longer. */
static bool grow(shard *s)
{
    if (s->entries < s->bucket_count)
        return true;
    uint32_t count = s->bucket_count == 0 ? FIRST_BUCKETS : s->bucket_count * 2;
    entry **buckets = calloc(count, sizeof(entry *));
    if (!buckets)
        return s->bucket_count > 0;
    for (uint32_t b = 0; b < s->bucket_count; b++)
        for (entry *e = s->buckets[b], *next; e; e = next) {
            next = e->next;
            entry **to = &buckets[(mix(e->user_id) / SHARDS) & (count - 1)];
            e->next = *to;
            *to = e;
        }
    free(s->buckets);
    s->buckets = buckets;
    s->bucket_count = count;
    return true;
}

bool presence_enter(presence *p, int64_t user_id, unsigned loop)
{
    shard *s = lock_shard(p, user_id);
    entry **at = grow(s) ? find(s, user_id) : NULL;
    if (at && !*at) {
        *at = calloc(1, sizeof(entry));
        if (*at) {
            (*at)->user_id = user_id;
            s->entries++;
        }
    }
    bool done = at && *at;
    if (done) {
        (*at)->loops |= UINT64_C(1) << (loop % LOOP_BITS);
        (*at)->sockets++;
    }
    pthread_mutex_unlock(&s->lock);
    return done;
}

uint32_t presence_leave(presence *p, int64_t user_id, unsigned loop, bool last_here)
{
    shard *s = lock_shard(p, user_id);
    entry **at = find(s, user_id);
    uint32_t left = 0;
    if (at && *at) {
        entry *e = *at;
        left = --e->sockets;
        if (last_here && !p->shared_bits) /* else the bit stays until the user is gone */
            e->loops &= ~(UINT64_C(1) << loop);
        if (left == 0) {
            *at = e->next;
            free(e);
            s->entries--;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return left;
}

uint64_t presence_loops(presence *p, int64_t user_id)
{
    shard *s = lock_shard(p, user_id);
    entry **at = find(s, user_id);
    uint64_t loops = !at || !*at ? 0 : (*at)->loops;
    pthread_mutex_unlock(&s->lock);
    return loops;
}

uint32_t presence_sockets(presence *p, int64_t user_id)
{
    shard *s = lock_shard(p, user_id);
    entry **at = find(s, user_id);
    uint32_t sockets = !at || !*at ? 0 : (*at)->sockets;
    pthread_mutex_unlock(&s->lock);
    return sockets;
}
