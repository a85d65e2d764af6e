/* Numbers of a connection, and waits. See link_config.h. */
#include "link/link_config.h"

enum {
    SECOND = 1000,
    PING_MAX_S = 600,
    INTERVAL_MAX_S = 3600,
    NONCE_MAX_S = 600,
    DROP_SPREAD_MS = 5 * SECOND, /* after a clean end the service expects us soon                    */
    WAIT_MAX_MS = 60 * SECOND,
    DROP_DOUBLINGS = 2, /* a service that takes us again and again is alive: 4 s at the most */
    SPREAD_AFTER = 3,   /* failures until the whole nonce counts                             */
    REFUSED_MIN_MS = 60 * SECOND,
    REFUSED_MAX_MS = 300 * SECOND
};
enum { CODE_OK = 0, CODE_BUSY = 1, CODE_INTERNAL = 1000040343, CODE_CROWDED = 1000040350 };
enum { HANDSHAKE_AUTH = 514, HANDSHAKE_FORBIDDEN = 403 };

link_config link_config_default(void)
{
    return (link_config){.ping_ms = 120 * SECOND, .interval_ms = 120 * SECOND, .nonce_ms = 30 * SECOND, .count = -1};
}

static void take(const sw_value *v, const char *name, int64_t min, int64_t max, int64_t unit, int64_t *field)
{
    int64_t value = sw_value_int(sw_value_get(v, name), min - 1);

    if (value >= min && value <= max)
        *field = value * unit;
}

void link_config_take(link_config *c, const sw_value *v)
{
    if (sw_value_type(v) != SW_JSON_OBJECT)
        return;
    take(v, "PingInterval", 1, PING_MAX_S, SECOND, &c->ping_ms);
    take(v, "ReconnectInterval", 1, INTERVAL_MAX_S, SECOND, &c->interval_ms);
    take(v, "ReconnectNonce", 0, NONCE_MAX_S, SECOND, &c->nonce_ms);
    take(v, "ReconnectCount", -1, INT32_MAX, 1, &c->count);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* 0…max, both included. */
static int64_t up_to(int64_t max, uint32_t chance)
{
    return max > 0 ? (int64_t)(chance % (uint64_t)(max + 1)) : 0;
}

static int64_t doubled(int64_t step, unsigned times, int64_t max)
{
    for (; times > 0 && step < max; times--)
        step *= 2;
    return least(step, max);
}

int64_t link_wait(const link_config *c, link_end end, unsigned failures, int64_t step_ms, uint32_t chance)
{
    if (end == LINK_REFUSED || end == LINK_CROWDED) {
        int64_t wait = doubled(REFUSED_MIN_MS, failures, REFUSED_MAX_MS);
        return least(wait + up_to(wait / 4, chance), REFUSED_MAX_MS);
    }
    if (end == LINK_DROPPED && failures == 0)
        return up_to(least(c->nonce_ms, DROP_SPREAD_MS), chance);
    unsigned times = failures > 0 ? failures - 1 : 0;
    if (end == LINK_DROPPED && times > DROP_DOUBLINGS)
        times = DROP_DOUBLINGS;
    int64_t wait = doubled(step_ms, times, least(WAIT_MAX_MS, c->interval_ms));
    /* Spread: at first no more than the wait itself, so that a hiccup costs a second; later, when the service is down
     * for everybody, over the whole nonce. */
    int64_t spread = failures >= SPREAD_AFTER && end != LINK_DROPPED ? c->nonce_ms : least(c->nonce_ms, wait);
    return wait + up_to(spread, chance);
}

link_end link_class_of_endpoint(int64_t code)
{
    switch (code) {
    case CODE_OK:
    case CODE_BUSY:
    case CODE_INTERNAL:
        return LINK_FAILED;
    case CODE_CROWDED:
        return LINK_CROWDED;
    default:
        return LINK_REFUSED;
    }
}

link_end link_class_of_handshake(int64_t status, int64_t auth_code)
{
    if (status == HANDSHAKE_AUTH && auth_code == CODE_CROWDED)
        return LINK_CROWDED;
    return status == HANDSHAKE_FORBIDDEN ? LINK_REFUSED : LINK_FAILED;
}
