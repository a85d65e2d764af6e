/* Buckets without locks. A bucket is one number: the time at which what was taken will have been paid for. What lies
 * beyond now is owed, and quota.burst may be owed. Any thread. */
#include "core/runtime/quota.h"

#include "core/runtime/fair.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const OPTIONS[QUOTA_KINDS] = {
    [QUOTA_REQUESTS] = "quota.requests", [QUOTA_URGENT] = "quota.requests", [QUOTA_FRAMES] = "quota.frames",
    [QUOTA_ROWS] = "quota.rows",         [QUOTA_BYTES] = "quota.bytes",
};

enum { NS_IN_MS = 1000000 };
static const int64_t NS_IN_S = 1000000000, LONGEST_NS = INT64_C(3600) * 1000000000;

struct quotas {
    int64_t per_second[QUOTA_KINDS]; /* 0: no bound */
    int64_t burst_ns;
    uint32_t sockets, roles;
    _Atomic int64_t paid_ns[1 + PARTY_USERS][QUOTA_KINDS]; /* monotonic */
};

static uint32_t roles_of(const config *c)
{
    uint32_t roles = 0;
    for (unsigned role = SW_ROLE_ADMIN; role <= SW_ROLE_BUTLER; role++)
        if (config_list_has(c, "quota.roles", sw_role_name((sw_role)role)))
            roles |= SW_ROLE_BIT(role);
    return roles;
}

quotas *quotas_new(const config *c)
{
    quotas *q = calloc(1, sizeof *q); /* pages that no user touches cost nothing */
    if (!q)
        return NULL;
    for (unsigned kind = 0; kind < QUOTA_KINDS; kind++)
        q->per_second[kind] = config_int(c, OPTIONS[kind]);
    q->burst_ns = config_int(c, "quota.burst") * NS_IN_MS;
    q->sockets = (uint32_t)config_int(c, "quota.sockets");
    q->roles = roles_of(c);
    return q;
}

void quotas_free(quotas *q)
{
    free(q);
}

bool quota_counts(const quotas *q, const sw_principal *who)
{
    return q && (q->roles & SW_ROLE_BIT(who->role)) != 0 && who->role != 0;
}

static _Atomic int64_t *bucket(quotas *q, const sw_principal *who, quota_kind kind)
{
    return &q->paid_ns[party_of_user(who->user_id)][kind];
}

/* How long until no more than the burst is owed, in whole milliseconds. */
static int64_t wait_ms(const quotas *q, int64_t paid_ns, int64_t now_ns)
{
    int64_t over = paid_ns - now_ns - q->burst_ns;
    return over > 0 ? (over + NS_IN_MS - 1) / NS_IN_MS : 0;
}

static int64_t add(quotas *q, const sw_principal *who, quota_kind kind, int64_t amount, int64_t now_ms, bool anyhow)
{
    int64_t rate = q->per_second[kind], now = now_ms * NS_IN_MS;
    if (rate == 0 || amount == 0)
        return 0;
    int64_t price = amount < LONGEST_NS / NS_IN_S * rate ? amount * (NS_IN_S / rate) + amount * (NS_IN_S % rate) / rate
                                                         : LONGEST_NS;
    _Atomic int64_t *b = bucket(q, who, kind);
    int64_t old = atomic_load_explicit(b, memory_order_relaxed), paid;
    do {
        int64_t wait = wait_ms(q, old, now);
        if (wait > 0 && !anyhow)
            return wait;
        paid = (old > now ? old : now) + price;
    } while (!atomic_compare_exchange_weak_explicit(b, &old, paid, memory_order_relaxed, memory_order_relaxed));
    return anyhow ? wait_ms(q, paid, now) : 0;
}

int64_t quota_take(quotas *q, const sw_principal *who, quota_kind kind, int64_t amount, int64_t now_ms)
{
    return add(q, who, kind, amount, now_ms, false);
}

int64_t quota_charge(quotas *q, const sw_principal *who, quota_kind kind, int64_t amount, int64_t now_ms)
{
    return add(q, who, kind, amount, now_ms, true);
}

int64_t quota_wait(quotas *q, const sw_principal *who, quota_kind kind, int64_t now_ms)
{
    return wait_ms(q, atomic_load_explicit(bucket(q, who, kind), memory_order_relaxed), now_ms * NS_IN_MS);
}

const char *quota_name(quota_kind kind)
{
    return OPTIONS[kind];
}

int64_t quota_per_second(const quotas *q, quota_kind kind)
{
    return q->per_second[kind];
}

uint32_t quota_sockets(const quotas *q)
{
    return q->sockets;
}
