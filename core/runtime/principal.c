/* The principal cache: two set-associative tables, their sets under striped locks, and the generations beside them.
 *
 * Raising counts `changes` first and the user's generation after it. So a thread that puts an answer reads the
 * generation first and `changes` after it: either it sees that something changed, or its entry carries a generation
 * that is void.
 */
#include "core/runtime/principal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 8, LOCKS = 64, GENERATIONS = 65536, BAD_MS = 2000 };

typedef struct {
    uint8_t key[32];
    sw_principal who;
    uint32_t generation;
    uint32_t used; /* the set's clock at the latest hit; 0: free */
} good_entry;

typedef struct {
    uint8_t key[32];
    uint64_t changes; /* void once anybody's credentials changed */
    int64_t at_ms;
    uint32_t used;
} bad_entry;

struct principals {
    pthread_mutex_t locks[LOCKS]; /* by set */
    good_entry *good;
    bad_entry *bad;
    size_t good_sets, bad_sets; /* powers of two, multiples of LOCKS: so a lock has whole sets */
    uint32_t clocks[LOCKS];
    _Atomic uint64_t changes;
    _Atomic uint32_t generations[GENERATIONS];
};

static size_t sets_for(size_t entries)
{
    size_t sets = LOCKS;
    while (sets * WAYS < entries)
        sets *= 2;
    return sets;
}

principals *principals_new(size_t good_max, size_t bad_max)
{
    principals *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->good_sets = sets_for(good_max);
    p->bad_sets = sets_for(bad_max);
    p->good = calloc(p->good_sets * WAYS, sizeof *p->good);
    p->bad = calloc(p->bad_sets * WAYS, sizeof *p->bad);
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_init(&p->locks[i], NULL);
    if (!p->good || !p->bad) {
        principals_free(p);
        return NULL;
    }
    return p;
}

void principals_free(principals *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&p->locks[i]);
    free(p->good);
    free(p->bad);
    free(p);
}

/* The key is a digest: any of its bits are as good as any. */
static size_t hash_of(const uint8_t key[32])
{
    uint64_t h;
    memcpy(&h, key, sizeof h);
    return (size_t)h;
}

static uint32_t generation_of(const principals *p, int64_t user_id)
{
    return atomic_load(&p->generations[(uint64_t)user_id % GENERATIONS]);
}

/* A clock per lock; entries of another lock never meet in a set. Never 0. */
static uint32_t tick(principals *p, size_t hash)
{
    uint32_t *clock = &p->clocks[hash % LOCKS];
    *clock = *clock == UINT32_MAX ? 1 : *clock + 1;
    return *clock;
}

static pthread_mutex_t *lock_of(principals *p, size_t hash)
{
    return &p->locks[hash % LOCKS];
}

static bool good_is_void(const principals *p, const good_entry *e, int64_t now_ms)
{
    return e->generation != generation_of(p, e->who.user_id) || (e->who.expires_ms != 0 && now_ms >= e->who.expires_ms);
}

static bool bad_is_void(const principals *p, const bad_entry *e, int64_t now_ms)
{
    return e->changes != atomic_load(&p->changes) || now_ms < e->at_ms || now_ms - e->at_ms >= BAD_MS;
}

static good_entry *find_good(principals *p, const uint8_t key[32], size_t hash)
{
    good_entry *set = &p->good[(hash % p->good_sets) * WAYS];
    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].used != 0 && memcmp(set[i].key, key, 32) == 0)
            return &set[i];
    return NULL;
}

static bad_entry *find_bad(principals *p, const uint8_t key[32], size_t hash)
{
    bad_entry *set = &p->bad[(hash % p->bad_sets) * WAYS];
    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].used != 0 && memcmp(set[i].key, key, 32) == 0)
            return &set[i];
    return NULL;
}

principal_answer principal_find(principals *p, const uint8_t key[32], int64_t now_ms, sw_principal *ret,
                                uint32_t *ret_generation)
{
    size_t hash = hash_of(key);
    principal_answer answer = PRINCIPAL_UNKNOWN;
    pthread_mutex_lock(lock_of(p, hash));
    good_entry *good = find_good(p, key, hash);
    if (good && !good_is_void(p, good, now_ms)) {
        good->used = tick(p, hash);
        *ret = good->who;
        *ret_generation = good->generation;
        answer = PRINCIPAL_GOOD;
    } else {
        if (good)
            good->used = 0;
        bad_entry *bad = find_bad(p, key, hash);
        if (bad && !bad_is_void(p, bad, now_ms))
            answer = PRINCIPAL_BAD;
        else if (bad)
            bad->used = 0;
    }
    pthread_mutex_unlock(lock_of(p, hash));
    return answer;
}

uint64_t principal_ticket(principals *p)
{
    return atomic_load(&p->changes);
}

bool principal_put_good(principals *p, const uint8_t key[32], uint64_t ticket, const sw_principal *who,
                        uint32_t *ret_generation)
{
    uint32_t generation = generation_of(p, who->user_id); /* before `changes`, see above */
    if (atomic_load(&p->changes) != ticket)
        return false;
    size_t hash = hash_of(key);
    pthread_mutex_lock(lock_of(p, hash));
    good_entry *e = find_good(p, key, hash);
    if (!e) { /* a free one, a void one, or the one not used for longest */
        good_entry *set = &p->good[(hash % p->good_sets) * WAYS];
        e = &set[0];
        for (unsigned i = 0; i < WAYS && e->used != 0; i++) {
            if (set[i].used == 0 || set[i].generation != generation_of(p, set[i].who.user_id)) {
                e = &set[i];
                break;
            }
            if (set[i].used < e->used)
                e = &set[i];
        }
    }
    memcpy(e->key, key, 32);
    e->who = *who;
    e->who.size = sizeof e->who;
    e->generation = generation;
    e->used = tick(p, hash);
    pthread_mutex_unlock(lock_of(p, hash));
    *ret_generation = generation;
    return true;
}

void principal_put_bad_since(principals *p, const uint8_t key[32], uint64_t ticket, int64_t now_ms)
{
    size_t hash = hash_of(key);
    pthread_mutex_lock(lock_of(p, hash));
    bad_entry *e = find_bad(p, key, hash);
    if (!e) {
        bad_entry *set = &p->bad[(hash % p->bad_sets) * WAYS];
        e = &set[0];
        for (unsigned i = 1; i < WAYS && e->used != 0; i++)
            if (set[i].used < e->used)
                e = &set[i];
    }
    memcpy(e->key, key, 32);
    e->changes = ticket; /* a stale one is void at once */
    e->at_ms = now_ms;
    e->used = tick(p, hash);
    pthread_mutex_unlock(lock_of(p, hash));
}

void principal_put_bad(principals *p, const uint8_t key[32], int64_t now_ms)
{
    principal_put_bad_since(p, key, principal_ticket(p), now_ms);
}

bool principal_current(const principals *p, int64_t user_id, uint32_t generation)
{
    return generation_of(p, user_id) == generation;
}

void principal_raise(principals *p, int64_t user_id)
{
    atomic_fetch_add(&p->changes, 1);
    atomic_fetch_add(&p->generations[(uint64_t)user_id % GENERATIONS], 1);
}

void principal_raise_all(principals *p)
{
    atomic_fetch_add(&p->changes, 1);
    for (unsigned i = 0; i < GENERATIONS; i++)
        atomic_fetch_add(&p->generations[i], 1);
}
