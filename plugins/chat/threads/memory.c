/* What memory keeps of users, threads, pairs and guests, so that the loop can relay a piece of a stream without asking
 * the store: see the kinds of keys in threads.h.
 *
 * It is a fixed table of sets with a few places each, so its size is bounded, and a miss costs one read on a worker.
 * Changes are made at the commit, before the reply leaves, and raise the set's version. A worker that read the store
 * before such a change finds another version and does not fill. Any thread; locks are held for a few instructions. */
#include "threads/threads.h"

#include <pthread.h>
#include <stdlib.h>

enum { SETS = 2048, PLACES = 4, LOCKS = 64 };

typedef struct {
    cache_key key; /* kind 0: the place is free */
    int64_t values[2];
} place;

typedef struct {
    place places[PLACES];
    uint64_t version;
    unsigned next; /* the place that is given away next */
} set;

struct cache {
    pthread_mutex_t locks[LOCKS]; /* lock N guards the sets whose number is N modulo LOCKS */
    set sets[SETS];
};

cache *cache_new(void)
{
    cache *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_init(&c->locks[i], NULL);
    return c;
}

void cache_free(cache *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&c->locks[i]);
    free(c);
}

static unsigned set_of(cache_key key)
{
    uint64_t h = (uint64_t)key.a * 0x9e3779b97f4a7c15u ^ (uint64_t)key.b * 0xc2b2ae3d27d4eb4fu ^ (uint64_t)key.kind;
    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9u;
    return (unsigned)(h >> 40) % SETS;
}

static set *enter(cache *c, unsigned index)
{
    pthread_mutex_lock(&c->locks[index % LOCKS]);
    return &c->sets[index];
}

static void leave(cache *c, unsigned index)
{
    pthread_mutex_unlock(&c->locks[index % LOCKS]);
}

static place *place_of(set *s, cache_key key)
{
    for (unsigned i = 0; i < PLACES; i++) {
        place *p = &s->places[i];
        if (p->key.kind == key.kind && p->key.a == key.a && p->key.b == key.b)
            return p;
    }
    return NULL;
}

bool cache_find(cache *c, cache_key key, int64_t ret_values[2])
{
    unsigned index = set_of(key);
    const place *p = place_of(enter(c, index), key);

    if (p) {
        ret_values[0] = p->values[0];
        ret_values[1] = p->values[1];
    }
    leave(c, index);
    return p != NULL;
}

uint64_t cache_ticket(cache *c, cache_key key)
{
    unsigned index = set_of(key);
    uint64_t version = enter(c, index)->version;

    leave(c, index);
    return version;
}

static void place_set(set *s, cache_key key, int64_t first, int64_t second)
{
    place *p = place_of(s, key);
    if (!p) {
        p = &s->places[s->next];
        s->next = (s->next + 1) % PLACES;
    }
    *p = (place){key, {first, second}};
}

void cache_fill(cache *c, cache_key key, int64_t first, int64_t second, uint64_t ticket)
{
    unsigned index = set_of(key);
    set *s = enter(c, index);

    if (s->version == ticket)
        place_set(s, key, first, second);
    leave(c, index);
}

/* ---- at the commit ---- */

typedef struct {
    cache *cache;
    cache_key key;
    int64_t values[2];
    bool forget;
} change;

static void change_apply(void *state, void *arg)
{
    (void)state;
    const change *ch = arg;
    unsigned index = set_of(ch->key);
    set *s = enter(ch->cache, index);

    s->version++;
    if (ch->forget) {
        place *p = place_of(s, ch->key);
        if (p)
            *p = (place){.key = {.kind = 0}};
    } else {
        place_set(s, ch->key, ch->values[0], ch->values[1]);
    }
    leave(ch->cache, index);
}

static sw_status change_later(sw_tx *tx, change what)
{
    change *ch = sw_tx_alloc(tx, 1, sizeof *ch);
    if (!ch)
        return SW_NO_MEMORY;
    *ch = what;
    sw_tx_on_commit(tx, change_apply, ch);
    return SW_OK;
}

sw_status cache_put_later(cache *c, sw_tx *tx, cache_key key, int64_t first, int64_t second)
{
    return change_later(tx, (change){.cache = c, .key = key, .values = {first, second}});
}

sw_status cache_forget_user_later(cache *c, sw_tx *tx, int64_t user_id)
{
    return change_later(tx, (change){.cache = c, .key = {CACHE_USER, user_id, 0}, .forget = true});
}

static void clear_apply(void *state, void *arg)
{
    (void)state;
    cache *c = arg;

    for (unsigned i = 0; i < SETS; i++) {
        set *s = enter(c, i);
        for (unsigned n = 0; n < PLACES; n++)
            s->places[n] = (place){.key = {.kind = 0}};
        s->version++;
        leave(c, i);
    }
}

sw_status cache_clear_later(cache *c, sw_tx *tx)
{
    sw_tx_on_commit(tx, clear_apply, c);
    return SW_OK;
}
