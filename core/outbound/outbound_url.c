/* Reading a URL into host, port and path, and the rule that plain connections go to a loopback host only. */
#include "core/outbound/outbound_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

bool outbound_is_loopback(const char *host)
{
    struct in_addr v4;

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

/* Host and port of "host", "host:1", "[::1]:1"; no user info. */
static bool parse_authority(const char *at, size_t len, outbound_url *ret)
{
    const char *host = at, *end = at + len, *port = NULL;
    size_t host_len;

    if (memchr(at, '@', len))
        return false;
    if (len > 0 && at[0] == '[') {
        const char *close = memchr(at, ']', len);
        if (!close)
            return false;
        host = at + 1;
        host_len = (size_t)(close - host);
        port = close + 1 < end ? close + 1 : NULL;
        if (port && *port++ != ':')
            return false;
    } else {
        const char *colon = memchr(at, ':', len);
        host_len = colon ? (size_t)(colon - at) : len;
        port = colon ? colon + 1 : NULL;
    }
    if (host_len == 0 || host_len >= sizeof ret->host)
        return false;
    memcpy(ret->host, host, host_len);
    ret->host[host_len] = '\0';
    if (!port)
        return true;
    ret->port = 0;
    for (; port < end; port++) {
        if (*port < '0' || *port > '9' || ret->port > 65535)
            return false;
        ret->port = ret->port * 10 + (*port - '0');
    }
    return ret->port > 0 && ret->port <= 65535;
}

static bool has_scheme(const char *url, const char *scheme)
{
    size_t len = strlen(scheme);

    return strncasecmp(url, scheme, len) == 0 && strncmp(url + len, "://", 3) == 0;
}

bool outbound_url_parse(const char *url, const char *secure, const char *plain, outbound_url *ret)
{
    outbound_url parsed;
    if (!outbound_url_read(url, secure, plain, &parsed) || (!parsed.tls && !outbound_is_loopback(parsed.host)))
        return false;
    *ret = parsed;
    return true;
}

bool outbound_url_read(const char *url, const char *secure, const char *plain, outbound_url *ret)
{
    outbound_url parsed = {0};

    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '#')
            return false;
    parsed.tls = has_scheme(url, secure);
    if (!parsed.tls && !has_scheme(url, plain))
        return false;
    parsed.port = parsed.tls ? 443 : 80;
    const char *authority = url + strlen(parsed.tls ? secure : plain) + 3;
    size_t len = strcspn(authority, "/?");
    if (!parse_authority(authority, len, &parsed))
        return false;
    parsed.path = authority[len] ? authority + len : "/";
    *ret = parsed;
    return true;
}

/* ---- where an address lies ---- */

typedef struct {
    uint8_t first[4];
    unsigned bits;
    outbound_network network;
} network_row;

static const network_row V4[] = {
    {{10}, 8, NETWORK_PRIVATE},       {{172, 16}, 12, NETWORK_PRIVATE},     {{192, 168}, 16, NETWORK_PRIVATE},
    {{100, 64}, 10, NETWORK_PRIVATE}, {{169, 254}, 16, NETWORK_LINK_LOCAL}, {{127}, 8, NETWORK_LOOPBACK},
    {{0}, 8, NETWORK_LOOPBACK}, /* Linux takes 0.0.0.0 for this machine */
};

static const network_row V6[] = {
    {{0xfc}, 7, NETWORK_PRIVATE},
    {{0xfe, 0x80}, 10, NETWORK_LINK_LOCAL},
};

static outbound_network look_up(const network_row *rows, size_t count, const uint8_t *bytes)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t wanted = 0, is = 0;
        for (int k = 0; k < 4; k++) {
            wanted = wanted << 8 | rows[i].first[k];
            is = is << 8 | bytes[k];
        }
        if ((wanted ^ is) >> (32 - rows[i].bits) == 0)
            return rows[i].network;
    }
    return NETWORK_PUBLIC;
}

outbound_network outbound_network_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        return look_up(V4, sizeof V4 / sizeof V4[0], (const uint8_t *)&v4->sin_addr);
    }
    if (address->sa_family != AF_INET6)
        return NETWORK_LOOPBACK;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (IN6_IS_ADDR_LOOPBACK(v6) || IN6_IS_ADDR_UNSPECIFIED(v6))
        return NETWORK_LOOPBACK;
    if (IN6_IS_ADDR_V4MAPPED(v6))
        return look_up(V4, sizeof V4 / sizeof V4[0], v6->s6_addr + 12);
    return look_up(V6, sizeof V6 / sizeof V6[0], v6->s6_addr);
}
