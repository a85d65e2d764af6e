#include "gate.h"

#include "table.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    MINUTE_MS = 60 * 1000,
    REFUSAL_MAX_S = 60,
    LOST_MS = 120 * 1000,  /* an attempt that never came back (the server drained): its place is free again */
    POOL_SIZE = 2048       /* attempts that wait, of all addresses */
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
    place *pool;          /* pool[0] is not used */
    uint32_t free_place;
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

/* ---- failures ---- */

static uint32_t recent_failures(const entry *e, int64_t now_ms)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < e->failures; i++)
        count += now_ms - e->at_ms[i] < MINUTE_MS;
    return count;
}

static void forgive(entry *e)
{
    e->failures = e->next = e->level = 0;
    e->refused_until_ms = 0;
}

static void fail(entry *e, uint32_t max, int64_t now_ms)
{
    if (max == 0)
        return;
    if (e->level && now_ms - e->refused_until_ms >= MINUTE_MS)
        forgive(e);
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

/* How many attempts may run at once, so that the limit is never passed by trying in parallel. */
static uint32_t room(const entry *e, uint32_t max, uint32_t at_once, int64_t now_ms)
{
    if (max == 0)
        return at_once;
    if (e->level)
        return now_ms - e->refused_until_ms < MINUTE_MS ? 1 : at_once;
    uint32_t left = max - recent_failures(e, now_ms);
    return left < at_once ? left : at_once;
}

static int seconds_refused(const entry *e, int64_t now_ms)
{
    return e->refused_until_ms > now_ms ? (int)((e->refused_until_ms - now_ms + 999) / 1000) : 0;
}

/* ---- entering ---- */

static void heal(entry *e, int64_t now_ms)
{
    if ((e->running || e->woken) && now_ms - e->touched_ms > LOST_MS)
        e->running = e->woken = 0;
    e->touched_ms = now_ms;
}

static gate_answer refuse(int seconds, int *ret_retry_s)
{
    *ret_retry_s = seconds;
    return GATE_REFUSED;
}

static gate_answer enter(gate *g, const gate_key *key, bool woken, int64_t now_ms, int *ret_retry_s)
{
    const gate_rules *rules = &g->rules;
    entry *address = table_touch(&g->table, key->address);
    if (!address)
        return refuse(1, ret_retry_s);
    heal(address, now_ms);
    if (woken && address->woken > 0)
        address->woken--;
    /* Held, so that the second touch cannot forget it. */
    address->running++;
    entry *user = table_touch(&g->table, key->user);
    address->running--;
    if (!user)
        return refuse(1, ret_retry_s);
    heal(user, now_ms);

    int seconds = seconds_refused(address, now_ms);
    if (seconds_refused(user, now_ms) > seconds)
        seconds = seconds_refused(user, now_ms);
    if (seconds)
        return refuse(seconds, ret_retry_s);
    bool behind = !woken && (address->woken || address->line.count);
    if (behind || address->running >= room(address, rules->address_failures, rules->at_once, now_ms) ||
        user->running >= room(user, rules->failures, rules->at_once, now_ms)) {
        if (address->line.count >= rules->waiting || !g->free_place)
            return refuse(1, ret_retry_s);
        return GATE_WAIT;
    }
    address->running++;
    user->running++;
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

bool gate_park(gate *g, const gate_key *key, uint64_t handle, int64_t now_ms)
{
    bool parked = false;

    pthread_mutex_lock(&g->lock);
    entry *e = table_touch(&g->table, key->address);
    uint32_t at = g->free_place;
    if (e && at && (e->running || e->woken)) {
        g->free_place = g->pool[at].next;
        g->pool[at] = (place){ .handle = handle };
        *(e->line.count ? &g->pool[e->line.last].next : &e->line.first) = at;
        e->line.last = at;
        e->line.count++;
        parked = true;
    } else if (e) {
        e->woken++;
    }
    if (e)
        e->touched_ms = now_ms;
    pthread_mutex_unlock(&g->lock);
    return parked;
}

/* Hands the free place to the first in the line. */
static uint64_t wake_first(gate *g, entry *e)
{
    if (!e->line.count)
        return 0;
    uint32_t at = e->line.first;
    uint64_t handle = g->pool[at].handle;
    e->line.first = g->pool[at].next;
    e->line.count--;
    g->pool[at].next = g->free_place;
    g->free_place = at;
    e->woken++;
    return handle;
}

uint64_t gate_leave(gate *g, const gate_key *key, gate_outcome outcome, int64_t now_ms)
{
    uint64_t handle = 0;

    pthread_mutex_lock(&g->lock);
    entry *address = table_find(&g->table, key->address);
    entry *user = table_find(&g->table, key->user);
    if (user) {
        user->running -= user->running > 0;
        if (outcome == GATE_FAILED)
            fail(user, g->rules.failures, now_ms);
        if (outcome == GATE_PASSED)
            forgive(user);
    }
    if (address) {
        address->running -= address->running > 0;
        if (outcome == GATE_FAILED)
            fail(address, g->rules.address_failures, now_ms);
        address->touched_ms = now_ms;
        handle = wake_first(g, address);
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
        if (unused)
            e->woken -= e->woken > 0;
        e->touched_ms = now_ms;
        handle = wake_first(g, e);
    }
    pthread_mutex_unlock(&g->lock);
    return handle;
}
