#include "gate.h"

#include "failures.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    /* An attempt whose request ended before its next step (its lane was full) never comes back: its place is free again
     * after this. The hash lane's whole queue takes less; a worker's takes much less. */
    LOST_RUNNING_MS = 60 * 1000,
    LOST_WOKEN_MS = 5 * 1000,
    HELD_MAX = 48,   /* attempts of all addresses: below the hash lane's 64, so that it is not filled by logins */
    POOL_SIZE = 2048 /* attempts that wait, of all addresses */
};

/* A place in a line. */
typedef struct {
    uint64_t handle;
    uint32_t next;
} place;

struct gate {
    pthread_mutex_t lock;
    gate_rules rules;
    table table;
    place *pool; /* pool[0] is not used */
    uint32_t free_place;
    uint32_t held; /* running and woken attempts of all addresses */
    int64_t swept_ms;
};

gate *gate_new(const gate_rules *rules)
{
    gate *g = calloc(1, sizeof *g);

    if (!g)
        return NULL;
    g->rules = *rules;
    g->pool = calloc(POOL_SIZE + 1, sizeof *g->pool);
    if (!g->pool || !table_init(&g->table, rules->remembered)) {
        free(g->pool);
        free(g);
        return NULL;
    }
    for (uint32_t i = 1; i < POOL_SIZE; i++)
        g->pool[i].next = i + 1;
    g->free_place = 1;
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

void gate_free(gate *g)
{
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    table_done(&g->table);
    free(g->pool);
    free(g);
}

/* ---- entering ---- */

static void heal(gate *g, entry *e, int64_t now_ms)
{
    int64_t idle_ms = now_ms - e->moved_ms;

    if (!(e->running && idle_ms > LOST_RUNNING_MS) && !(!e->running && e->woken && idle_ms > LOST_WOKEN_MS))
        return;
    if (e->is_address)
        g->held -= e->running + e->woken;
    e->running = e->woken = 0;
}

/* Attempts that were lost may hold every place. Once a second at most: it looks at the whole table. */
static bool full(gate *g, int64_t now_ms)
{
    if (g->held >= HELD_MAX && now_ms - g->swept_ms >= 1000) {
        g->swept_ms = now_ms;
        for (uint32_t i = 0; i < g->table.used; i++)
            heal(g, &g->table.entries[i], now_ms);
    }
    return g->held >= HELD_MAX;
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

static gate_answer refuse(int seconds, int *ret_retry_s)
{
    *ret_retry_s = seconds;
    return GATE_REFUSED;
}

/* Both entries; the second must not push the first out of the table. */
static bool touch_both(gate *g, const gate_key *key, int64_t now_ms, entry **ret_address, entry **ret_user)
{
    entry *address = table_touch(&g->table, key->address);

    if (!address)
        return false;
    address->is_address = true;
    heal(g, address, now_ms);
    address->running++;
    entry *user = table_touch(&g->table, key->user);
    address->running--;
    if (!user)
        return false;
    heal(g, user, now_ms);
    *ret_address = address;
    *ret_user = user;
    return true;
}

static bool must_wait(const gate *g, const entry *address, const entry *user, bool woken, int64_t now_ms)
{
    const gate_rules *r = &g->rules;

    if (!woken && (address->woken || address->line.count))
        return true;
    return address->running >= failures_room(address, r->address_failures, r->at_once, now_ms) ||
           user->running >= failures_room(user, r->failures, r->at_once, now_ms);
}

static gate_answer enter(gate *g, const gate_key *key, bool woken, int64_t now_ms, int *ret_retry_s)
{
    entry *address, *user;

    if (!touch_both(g, key, now_ms, &address, &user))
        return GATE_BUSY;
    if (woken && address->woken) {
        address->woken--;
        address->moved_ms = now_ms;
        g->held--;
    }
    int seconds = failures_refused_s(address, now_ms);
    if (failures_refused_s(user, now_ms) > seconds)
        seconds = failures_refused_s(user, now_ms);
    if (seconds)
        return refuse(seconds, ret_retry_s);
    if (must_wait(g, address, user, woken, now_ms))
        return address->line.count < g->rules.waiting && g->free_place ? GATE_WAIT : refuse(1, ret_retry_s);
    if (!woken && full(g, now_ms))
        return GATE_BUSY;
    start_running(address, now_ms);
    start_running(user, now_ms);
    g->held++;
    return GATE_OPEN;
}

gate_answer gate_enter(gate *g, const gate_key *key, bool woken, int64_t now_ms, int *ret_retry_s)
{
    pthread_mutex_lock(&g->lock);
    gate_answer answer = enter(g, key, woken, now_ms, ret_retry_s);
    pthread_mutex_unlock(&g->lock);
    return answer;
}

/* ---- waiting ---- */

static void put_in_line(gate *g, entry *e, uint64_t handle)
{
    uint32_t at = g->free_place;

    g->free_place = g->pool[at].next;
    g->pool[at] = (place){.handle = handle};
    *(e->line.count ? &g->pool[e->line.last].next : &e->line.first) = at;
    e->line.last = at;
    e->line.count++;
}

/* Promises the free place to an attempt that is about to come to gate_enter(). */
static void promise(gate *g, entry *e, int64_t now_ms)
{
    e->woken++;
    e->moved_ms = now_ms;
    g->held++;
}

/* Hands the free place to the first in the line. */
static uint64_t wake_first(gate *g, entry *e, int64_t now_ms)
{
    if (!e->line.count)
        return 0;
    uint32_t at = e->line.first;
    uint64_t handle = g->pool[at].handle;
    e->line.first = g->pool[at].next;
    e->line.count--;
    g->pool[at].next = g->free_place;
    g->free_place = at;
    promise(g, e, now_ms);
    return handle;
}

bool gate_park(gate *g, const gate_key *key, uint64_t handle, int64_t now_ms)
{
    bool parked = false;

    pthread_mutex_lock(&g->lock);
    entry *e = table_touch(&g->table, key->address);
    if (e)
        e->is_address = true;
    if (e && g->free_place && (e->running || e->woken)) {
        put_in_line(g, e, handle);
        parked = true;
    } else if (e) {
        promise(g, e, now_ms);
    }
    pthread_mutex_unlock(&g->lock);
    return parked;
}

uint64_t gate_leave(gate *g, const gate_key *key, gate_outcome outcome, int64_t now_ms)
{
    uint64_t handle = 0;

    pthread_mutex_lock(&g->lock);
    entry *address = table_find(&g->table, key->address);
    entry *user = table_find(&g->table, key->user);
    if (user) {
        (void)stop_running(user, now_ms);
        if (outcome == GATE_FAILED)
            failures_note(user, g->rules.failures, now_ms);
        if (outcome == GATE_PASSED)
            failures_forgive(user);
    }
    if (address) {
        g->held -= stop_running(address, now_ms);
        if (outcome == GATE_FAILED)
            failures_note(address, g->rules.address_failures, now_ms);
        handle = wake_first(g, address, now_ms);
    }
    pthread_mutex_unlock(&g->lock);
    return handle;
}

uint64_t gate_next(gate *g, const gate_key *key, bool unused, int64_t now_ms)
{
    uint64_t handle = 0;

    pthread_mutex_lock(&g->lock);
    entry *e = table_find(&g->table, key->address);
    if (e) {
        if (unused && e->woken) {
            e->woken--;
            g->held--;
        }
        handle = wake_first(g, e, now_ms);
    }
    pthread_mutex_unlock(&g->lock);
    return handle;
}
