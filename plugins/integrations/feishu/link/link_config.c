/* URLs, what the service says about a connection, and waits. See link_config.h. Pure: any thread. */
#include "link/link_config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* ---- URLs ---- */

static const char DEFAULT_BASE[] = "https://open.feishu.cn";

/* host[:port] of a URL; empty when it has none. */
static sw_str authority(const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *at = scheme_end ? scheme_end + 3 : "";
    size_t len = strcspn(at, "/?#");
    const char *user_end = memchr(at, '@', len);

    if (user_end) {
        len -= (size_t)(user_end + 1 - at);
        at = user_end + 1;
    }
    return (sw_str){at, len};
}

/* The host without its port; brackets stay. */
static sw_str host_of(sw_str a)
{
    const char *end = a.len > 0 && a.at[0] == '[' ? memchr(a.at, ']', a.len) : NULL;

    if (end)
        return (sw_str){a.at, (size_t)(end + 1 - a.at)};
    const char *colon = memchr(a.at, ':', a.len);
    return (sw_str){a.at, colon ? (size_t)(colon - a.at) : a.len};
}

static bool loopback(sw_str host)
{
    static const char *const NAMES[] = {"localhost", "[::1]"};

    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (host.len == strlen(NAMES[i]) && strncasecmp(host.at, NAMES[i], host.len) == 0)
            return true;
    if (host.len < 4 || strncmp(host.at, "127.", 4) != 0)
        return false;
    for (size_t i = 0; i < host.len; i++)
        if (host.at[i] != '.' && (host.at[i] < '0' || host.at[i] > '9'))
            return false;
    return true;
}

static bool clean(sw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] <= ' ' || s.at[i] == 0x7f)
            return false;
    return true;
}

void address_base(const char *ws_url, char out[ADDRESS_MAX])
{
    sw_str a = authority(ws_url);
    sw_str host = host_of(a);

    if (host.len == 0 || !clean(a) || a.len > ADDRESS_MAX - 16) {
        snprintf(out, ADDRESS_MAX, "%s", DEFAULT_BASE);
        return;
    }
    bool asked_plain = strncasecmp(ws_url, "ws://", 5) == 0 || strncasecmp(ws_url, "http://", 7) == 0;
    snprintf(out, ADDRESS_MAX, "%s://%.*s", asked_plain && loopback(host) ? "http" : "https", (int)a.len, a.at);
}

int32_t address_service(const char *url)
{
    static const char KEY[] = "service_id=";
    const char *at = strchr(url, '?');

    while (at) {
        at++;
        if (strncmp(at, KEY, sizeof KEY - 1) == 0) {
            char *end;
            const char *digits = at + sizeof KEY - 1;
            long value = strtol(digits, &end, 10);
            bool whole = end != digits && (*end == '\0' || *end == '&' || *end == '#');
            return whole && value >= INT32_MIN && value <= INT32_MAX ? (int32_t)value : 0;
        }
        at = strchr(at, '&');
    }
    return 0;
}

void address_host(const char *url, char out[ADDRESS_MAX])
{
    sw_str a = authority(url);

    snprintf(out, ADDRESS_MAX, "%.*s", (int)(a.len < ADDRESS_MAX ? a.len : ADDRESS_MAX - 1), a.at);
}

/* ---- what the service configures ---- */

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

/* ---- waits ---- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* 0…max, both included. */
static int64_t up_to(int64_t max, uint32_t chance)
{
    return max > 0 ? (int64_t)(chance % (uint64_t)(max + 1)) : 0;
}

int64_t link_backoff(int64_t step_ms, int64_t times, int64_t max_ms)
{
    for (; times > 0 && step_ms < max_ms; times--)
        step_ms *= 2;
    return least(step_ms, max_ms);
}

int64_t link_wait(const link_config *c, link_end end, unsigned failures, int64_t step_ms, uint32_t chance)
{
    if (end == LINK_REFUSED || end == LINK_CROWDED) {
        int64_t wait = link_backoff(REFUSED_MIN_MS, failures, REFUSED_MAX_MS);
        return least(wait + up_to(wait / 4, chance), REFUSED_MAX_MS);
    }
    if (end == LINK_DROPPED && failures == 0)
        return up_to(least(c->nonce_ms, DROP_SPREAD_MS), chance);
    unsigned times = failures > 0 ? failures - 1 : 0;
    if (end == LINK_DROPPED && times > DROP_DOUBLINGS)
        times = DROP_DOUBLINGS;
    int64_t wait = link_backoff(step_ms, times, least(WAIT_MAX_MS, c->interval_ms));
    /* Spread: at first no more than the wait itself, so that a hiccup costs a second; later, when the service is down
     * for everybody, over the whole nonce. */
    int64_t spread = failures >= SPREAD_AFTER && end != LINK_DROPPED ? c->nonce_ms : least(c->nonce_ms, wait);
    return wait + up_to(spread, chance);
}

/* ---- what its codes mean ---- */

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
