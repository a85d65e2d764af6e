/* One atomic counter and one atomic bucket for each slot; nobody waits for anybody. Any thread. */
#include "core/http/rate.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>

enum { SLOTS = 65536, TOKEN = 1000 };

struct rates {
    uint64_t seed[2];
    uint32_t per_second;
    _Atomic uint32_t connections[SLOTS];
    /* Buckets, present with per_second: the time of the last visit in ms (low 40 bits), and what is left in thousandths
     * of a request (high 24). 0: full. */
    _Atomic uint64_t buckets[];
};

rates *rates_new(uint32_t per_second)
{
    rates *r = calloc(1, sizeof *r + (per_second ? SLOTS * sizeof(uint64_t) : 0));
    if (r && sw_random(r->seed, sizeof r->seed) != SW_OK) {
        free(r);
        return NULL;
    }
    if (r)
        r->per_second = per_second < 16000 ? per_second : 16000; /* a second's worth fits 24 bits */
    return r;
}

void rates_free(rates *r)
{
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

bool rates_request(rates *r, uint32_t slot, int64_t mono_ms)
{
    if (r->per_second == 0)
        return true;
    const uint64_t full = (uint64_t)r->per_second * TOKEN, time_mask = (1ull << 40) - 1;
    uint64_t now = (uint64_t)mono_ms & time_mask, old = atomic_load_explicit(&r->buckets[slot], memory_order_relaxed);
    uint64_t left;
    do {
        uint64_t last = old & time_mask;
        left = old == 0 ? full : old >> 40;
        /* Loops differ by a few milliseconds: time never goes back here. */
        if (now > last) {
            uint64_t passed = now - last < 1000 ? now - last : 1000;
            left += passed * r->per_second;
        } else {
            now = last;
        }
        if (left > full)
            left = full;
        if (left < TOKEN)
            return false;
        left -= TOKEN;
    } while (!atomic_compare_exchange_weak_explicit(&r->buckets[slot], &old, left << 40 | now, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}
