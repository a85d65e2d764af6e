/* The limiter of logins: the table of addresses and users, their failures, the attempts that run and those that wait.
 *
 * Any thread calls in: workers when a login arrives, threads of the hash lane when one has ended. One mutex guards all
 * of it, and is held only for work in memory. Time is passed in, so that a test can set it. */
#include "login_limiter.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    MINUTE_MS = 60 * 1000,
    REFUSAL_MAX_S = 60,
    /* An attempt whose request ended before its next step (because its lane was full) never comes back. Its place is
     * free again after this time, which is longer than the whole queue of the hash lane takes, or of the workers. */
    LOST_RUNNING_MS = 60 * 1000,
    LOST_WOKEN_MS = 5 * 1000,
    HELD_MAX = 48,   /* attempts of all addresses: below the hash lane's 64, so that logins do not fill it */
    POOL_SIZE = 2048 /* attempts that wait, of all addresses */
};

/* A line of attempts that wait, oldest first. `first` and `last` are indexes into the limiter's pool; 0 is nobody. */
typedef struct {
    uint32_t first, last, count;
} waiting_line;

/* What is remembered of an address, or of a user at an address. */
typedef struct entry {
    struct entry *chain; /* the next one of its bucket */
    struct entry *newer, *older;
    uint8_t key[LOGIN_KEY_SIZE];
    bool is_address;   /* false: it is of a user at an address */
    uint32_t failures; /* how many at_ms[] holds; the oldest is overwritten first */
    uint32_t next;     /* where in at_ms[] the next failure goes */
    uint32_t level;    /* refusals so far: 1, 2, 4 … seconds */
    uint32_t running;  /* attempts between enter and leave */
    uint32_t woken;    /* attempts that were given a place and have not come back yet */
    waiting_line line;
    int64_t refused_until_ms;
    int64_t moved_ms; /* when running or woken changed last */
    int64_t at_ms[LOGIN_FAILURES_MAX];
} entry;

typedef struct {
    entry *entries, **buckets;
    uint32_t count, used, bucket_count;
    entry *newest, *oldest;
} table;

/* A place in a line. */
typedef struct {
    uint64_t handle;
    uint32_t next;
} place;

struct login_limiter {
    pthread_mutex_t lock;
    login_rules rules;
    table table;
    place *pool; /* pool[0] is not used */
    uint32_t free_place;
    uint32_t held; /* running and woken attempts of all addresses */
    int64_t swept_ms;
};

/* ---- the table: a hash table of fixed size, which forgets what was touched longest ago ---- */

static void table_done(table *t)
{
    free(t->entries);
    free(t->buckets);
    *t = (table){0};
}

static bool table_init(table *t, uint32_t count)
{
    *t = (table){.count = count, .bucket_count = count};
    t->entries = calloc(count, sizeof *t->entries);
    t->buckets = calloc(t->bucket_count, sizeof(entry *));
    if (t->entries && t->buckets)
        return true;
    table_done(t);
    return false;
}

/* Keys are parts of a SHA-256: any of their bytes are as good as a hash. */
static entry **bucket_of(table *t, const uint8_t key[LOGIN_KEY_SIZE])
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

/* The entry of that key, now the newest; NULL when there is none. */
static entry *table_find(table *t, const uint8_t key[LOGIN_KEY_SIZE])
{
    for (entry *e = *bucket_of(t, key); e; e = e->chain)
        if (memcmp(e->key, key, LOGIN_KEY_SIZE) == 0) {
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

/* An entry that was never used, or else the one that was touched longest ago and that no attempt needs. */
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

/* The entry of that key, made when there is none, as the newest. NULL when every entry is busy. */
static entry *table_touch(table *t, const uint8_t key[LOGIN_KEY_SIZE])
{
    entry *e = table_find(t, key);

    if (e)
        return e;
    e = free_entry(t);
    if (!e)
        return NULL;
    memset(e, 0, sizeof *e);
    memcpy(e->key, key, LOGIN_KEY_SIZE);
    e->chain = *bucket_of(t, key);
    *bucket_of(t, key) = e;
    put_newest(t, e);
    return e;
}

/* ---- failures: after `max` within a minute an entry is refused, each time for longer, until a minute has passed
 * without a failure; with `max` 0 it never is ---- */

static uint32_t recent_failures(const entry *e, int64_t now_ms)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < e->failures; i++)
        count += now_ms - e->at_ms[i] < MINUTE_MS;
    return count;
}

static void failures_forgive(entry *e)
{
    e->failures = e->next = e->level = 0;
    e->refused_until_ms = 0;
}

static void failures_note(entry *e, uint32_t max, int64_t now_ms)
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

/* How many attempts may run at once, so that nobody passes the limit by trying in parallel. */
static uint32_t failures_room(const entry *e, uint32_t max, uint32_t at_once, int64_t now_ms)
{
    if (max == 0)
        return at_once;
    if (e->level)
        return now_ms - e->refused_until_ms < MINUTE_MS ? 1 : at_once;
    uint32_t left = max - recent_failures(e, now_ms);
    return left < at_once ? left : at_once;
}

/* For how many more seconds it is refused; 0 when it is not. */
static int failures_refused_s(const entry *e, int64_t now_ms)
{
    return e->refused_until_ms > now_ms ? (int)((e->refused_until_ms - now_ms + 999) / 1000) : 0;
}

/* ---- making and freeing ---- */

login_limiter *limiter_new(const login_rules *rules)
{
    login_limiter *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    l->rules = *rules;
    l->pool = calloc(POOL_SIZE + 1, sizeof *l->pool);
    if (!l->pool || !table_init(&l->table, rules->remembered)) {
        free(l->pool);
        free(l);
        return NULL;
    }
    for (uint32_t i = 1; i < POOL_SIZE; i++)
        l->pool[i].next = i + 1;
    l->free_place = 1;
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void limiter_free(login_limiter *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    table_done(&l->table);
    free(l->pool);
    free(l);
}

/* ---- entering ---- */

/* Takes the places of lost attempts back. */
static void heal(login_limiter *l, entry *e, int64_t now_ms)
{
    int64_t idle_ms = now_ms - e->moved_ms;

    if (!(e->running && idle_ms > LOST_RUNNING_MS) && !(!e->running && e->woken && idle_ms > LOST_WOKEN_MS))
        return;
    if (e->is_address)
        l->held -= e->running + e->woken;
    e->running = e->woken = 0;
}

/* Lost attempts may hold every place. The whole table is searched for them, and so once a second at most. */
static bool full(login_limiter *l, int64_t now_ms)
{
    if (l->held >= HELD_MAX && now_ms - l->swept_ms >= 1000) {
        l->swept_ms = now_ms;
        for (uint32_t i = 0; i < l->table.used; i++)
            heal(l, &l->table.entries[i], now_ms);
    }
    return l->held >= HELD_MAX;
}

static void start_running(entry *e, int64_t now_ms)
{
    e->running++;
    e->moved_ms = now_ms;
}

static bool stop_running(entry *e, int64_t now_ms)
{
    bool ran = e->running > 0;

    e->running -= ran;
    e->moved_ms = now_ms;
    return ran;
}

static login_answer refuse(int seconds, int *ret_retry_s)
{
    *ret_retry_s = seconds;
    return LOGIN_REFUSED;
}

/* Touches both entries. The second one must not push the first one out of the table. */
static bool touch_both(login_limiter *l, const login_key *key, int64_t now_ms, entry **ret_address, entry **ret_user)
{
    entry *address = table_touch(&l->table, key->address);

    if (!address)
        return false;
    address->is_address = true;
    heal(l, address, now_ms);
    address->running++;
    entry *user = table_touch(&l->table, key->user);
    address->running--;
    if (!user)
        return false;
    heal(l, user, now_ms);
    *ret_address = address;
    *ret_user = user;
    return true;
}

static bool must_wait(const login_limiter *l, const entry *address, const entry *user, bool woken, int64_t now_ms)
{
    const login_rules *r = &l->rules;

    if (!woken && (address->woken || address->line.count))
        return true;
    return address->running >= failures_room(address, r->address_failures, r->at_once, now_ms) ||
           user->running >= failures_room(user, r->failures, r->at_once, now_ms);
}

static login_answer enter(login_limiter *l, const login_key *key, bool woken, int64_t now_ms, int *ret_retry_s)
{
    entry *address, *user;

    if (!touch_both(l, key, now_ms, &address, &user))
        return LOGIN_BUSY;
    if (woken && address->woken) {
        address->woken--;
        address->moved_ms = now_ms;
        l->held--;
    }
    int seconds = failures_refused_s(address, now_ms);
    if (failures_refused_s(user, now_ms) > seconds)
        seconds = failures_refused_s(user, now_ms);
    if (seconds)
        return refuse(seconds, ret_retry_s);
    if (must_wait(l, address, user, woken, now_ms))
        return address->line.count < l->rules.waiting && l->free_place ? LOGIN_WAIT : refuse(1, ret_retry_s);
    if (!woken && full(l, now_ms))
        return LOGIN_BUSY;
    start_running(address, now_ms);
    start_running(user, now_ms);
    l->held++;
    return LOGIN_ADMITTED;
}

login_answer limiter_enter(login_limiter *l, const login_key *key, bool woken, int64_t now_ms, int *ret_retry_s)
{
    pthread_mutex_lock(&l->lock);
    login_answer answer = enter(l, key, woken, now_ms, ret_retry_s);
    pthread_mutex_unlock(&l->lock);
    return answer;
}

/* ---- waiting ---- */

static void put_in_line(login_limiter *l, entry *e, uint64_t handle)
{
    uint32_t at = l->free_place;

    l->free_place = l->pool[at].next;
    l->pool[at] = (place){.handle = handle};
    *(e->line.count ? &l->pool[e->line.last].next : &e->line.first) = at;
    e->line.last = at;
    e->line.count++;
}

/* Promises the free place to an attempt that is about to come to limiter_enter(). */
static void promise(login_limiter *l, entry *e, int64_t now_ms)
{
    e->woken++;
    e->moved_ms = now_ms;
    l->held++;
}

/* Hands the free place to the first in the line. */
static uint64_t wake_first(login_limiter *l, entry *e, int64_t now_ms)
{
    if (!e->line.count)
        return 0;
    uint32_t at = e->line.first;
    uint64_t handle = l->pool[at].handle;
    e->line.first = l->pool[at].next;
    e->line.count--;
    l->pool[at].next = l->free_place;
    l->free_place = at;
    promise(l, e, now_ms);
    return handle;
}

bool limiter_park(login_limiter *l, const login_key *key, uint64_t handle, int64_t now_ms)
{
    bool parked = false;

    pthread_mutex_lock(&l->lock);
    entry *e = table_touch(&l->table, key->address);
    if (e)
        e->is_address = true;
    if (e && l->free_place && (e->running || e->woken)) {
        put_in_line(l, e, handle);
        parked = true;
    } else if (e) {
        promise(l, e, now_ms);
    }
    pthread_mutex_unlock(&l->lock);
    return parked;
}

uint64_t limiter_leave(login_limiter *l, const login_key *key, login_outcome outcome, int64_t now_ms)
{
    uint64_t handle = 0;

    pthread_mutex_lock(&l->lock);
    entry *address = table_find(&l->table, key->address);
    entry *user = table_find(&l->table, key->user);
    if (user) {
        (void)stop_running(user, now_ms);
        if (outcome == LOGIN_FAILED)
            failures_note(user, l->rules.failures, now_ms);
        if (outcome == LOGIN_PASSED)
            failures_forgive(user);
    }
    if (address) {
        l->held -= stop_running(address, now_ms);
        if (outcome == LOGIN_FAILED)
            failures_note(address, l->rules.address_failures, now_ms);
        handle = wake_first(l, address, now_ms);
    }
    pthread_mutex_unlock(&l->lock);
    return handle;
}

uint64_t limiter_next(login_limiter *l, const login_key *key, bool unused, int64_t now_ms)
{
    uint64_t handle = 0;

    pthread_mutex_lock(&l->lock);
    entry *e = table_find(&l->table, key->address);
    if (e) {
        if (unused && e->woken) {
            e->woken--;
            l->held--;
        }
        handle = wake_first(l, e, now_ms);
    }
    pthread_mutex_unlock(&l->lock);
    return handle;
}
