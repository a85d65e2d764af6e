/* URLs taken apart. See feishu_address.h. */
#include "link/feishu_address.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
