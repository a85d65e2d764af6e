/* One atomic counter and one atomic bucket for each slot; nobody waits for anybody. Any thread. */
#include "core/http/rate.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>

enum { SLOTS = 65536, ONE = 1000, REPEATED = ONE / 20 };

/* How many of something an address may do in `period_ms`; its buckets hold the time of the last visit in ms (low 40
 * bits), and what is left in thousandths of one (high 24). 0: full. */
typedef struct {
    uint32_t count; /* 0: as many as it likes, and there are no buckets */
    uint32_t period_ms;
    _Atomic uint64_t *buckets;
} rule;

struct rates {
    uint64_t seed[2];
    rule requests, bad_tokens;
    _Atomic uint32_t connections[SLOTS];
};

static bool rule_open(rule *r, uint32_t count, uint32_t period_ms)
{
    *r = (rule){.count = count < 16000 ? count : 16000, .period_ms = period_ms}; /* so many fit 24 bits */
    r->buckets = count ? calloc(SLOTS, sizeof *r->buckets) : NULL;
    return !count || r->buckets;
}

rates *rates_new(uint32_t requests_per_second, uint32_t bad_tokens_per_minute)
{
    rates *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    if (rule_open(&r->requests, requests_per_second, 1000) && rule_open(&r->bad_tokens, bad_tokens_per_minute, 60000) &&
        sw_random(r->seed, sizeof r->seed) == SW_OK)
        return r;
    rates_free(r);
    return NULL;
}

void rates_free(rates *r)
{
    if (!r)
        return;
    free(r->requests.buckets);
    free(r->bad_tokens.buckets);
    free(r);
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 29;
    x *= 0xa0761d6478bd642fu;
    return x ^ (x >> 32);
}

uint32_t rates_slot(const rates *r, const address *a)
{
    address key = address_key(a);
    uint64_t half[2];
    memcpy(half, key.bytes, sizeof half);
    return (uint32_t)(mix(mix(half[0] ^ r->seed[0]) + (half[1] ^ r->seed[1])) % SLOTS);
}

bool rates_connect(rates *r, uint32_t slot, uint32_t limit)
{
    uint32_t before = atomic_fetch_add_explicit(&r->connections[slot], 1, memory_order_relaxed);
    if (before < limit)
        return true;
    rates_disconnect(r, slot);
    return false;
}

void rates_disconnect(rates *r, uint32_t slot)
{
    atomic_fetch_sub_explicit(&r->connections[slot], 1, memory_order_relaxed);
}

/* Takes `cost` thousandths of one from that slot's bucket; false: it holds less than one. */
static bool take(rule *r, uint32_t slot, uint64_t cost, int64_t mono_ms)
{
    if (r->count == 0)
        return true;
    const uint64_t full = (uint64_t)r->count * ONE, time_mask = (1ull << 40) - 1;
    _Atomic uint64_t *bucket = &r->buckets[slot];
    uint64_t now = (uint64_t)mono_ms & time_mask, old = atomic_load_explicit(bucket, memory_order_relaxed);
    uint64_t left;
    do {
        uint64_t last = old & time_mask;
        left = old == 0 ? full : old >> 40;
        /* Loops differ by a few milliseconds: time never goes back here. */
        if (now > last) {
            uint64_t passed = now - last < r->period_ms ? now - last : r->period_ms;
            left += passed * full / r->period_ms;
        } else {
            now = last;
        }
        if (left > full)
            left = full;
        if (left < ONE)
            return false;
        left -= cost;
    } while (!atomic_compare_exchange_weak_explicit(bucket, &old, left << 40 | now, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

bool rates_request(rates *r, uint32_t slot, int64_t mono_ms)
{
    return take(&r->requests, slot, ONE, mono_ms);
}

int rates_bad_token(rates *r, uint32_t slot, bool repeated, int64_t mono_ms)
{
    if (take(&r->bad_tokens, slot, repeated ? REPEATED : ONE, mono_ms))
        return 0;
    return (int)((60 + r->bad_tokens.count - 1) / r->bad_tokens.count);
}
