/* Addresses and networks as texts and bytes, see address.h. Sans-IO, any thread. */
#include "core/base/address.h"

#include "core/base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t V4_PREFIX[12] = {[10] = 0xFF, [11] = 0xFF};

static address from_v4(const void *four)
{
    address a;
    memcpy(a.bytes, V4_PREFIX, sizeof V4_PREFIX);
    memcpy(a.bytes + 12, four, 4);
    return a;
}

bool address_parse(const char *text, address *ret)
{
    struct in_addr four;
    address a;
    if (inet_pton(AF_INET, text, &four) == 1)
        a = from_v4(&four);
    else if (inet_pton(AF_INET6, text, a.bytes) != 1)
        return false;
    *ret = a;
    return true;
}

static bool parse_piece(sw_str s, address *ret)
{
    char text[ADDRESS_TEXT];
    if (s.len == 0 || s.len >= sizeof text)
        return false;
    memcpy(text, s.at, s.len);
    text[s.len] = '\0';
    return strlen(text) == s.len && address_parse(text, ret);
}

static bool is_port(sw_str s)
{
    int64_t port;
    return s.len > 0 && s.at[0] != '-' && str_int(s, &port) && port <= 65535;
}

bool address_parse_forwarded(const char *text, size_t len, address *ret)
{
    sw_str s = str_trim((sw_str){text, len});
    if (s.len > 1 && s.at[0] == '[') {
        const char *close = memchr(s.at, ']', s.len);
        if (!close)
            return false;
        size_t inside = (size_t)(close - s.at) - 1, behind = s.len - inside - 2;
        if (behind > 0 && (close[1] != ':' || !is_port((sw_str){close + 2, behind - 1})))
            return false;
        return parse_piece((sw_str){s.at + 1, inside}, ret);
    }
    const char *colon = s.len == 0 ? NULL : memchr(s.at, ':', s.len);
    if (colon) {
        sw_str port = {colon + 1, s.len - (size_t)(colon - s.at) - 1};
        if (is_port(port) && memchr(s.at, '.', (size_t)(colon - s.at)))
            s.len = (size_t)(colon - s.at);
    }
    return parse_piece(s, ret);
}

bool address_of_sockaddr(const struct sockaddr *from, address *ret)
{
    if (from->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, from, sizeof four);
        *ret = from_v4(&four.sin_addr);
        return true;
    }
    if (from->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 six;
    memcpy(&six, from, sizeof six);
    memcpy(ret->bytes, &six.sin6_addr, sizeof ret->bytes);
    return true;
}

void address_format(const address *a, char out[ADDRESS_TEXT])
{
    bool four = address_is_v4(a);
    inet_ntop(four ? AF_INET : AF_INET6, four ? a->bytes + 12 : a->bytes, out, ADDRESS_TEXT);
}

bool address_is_v4(const address *a)
{
    return memcmp(a->bytes, V4_PREFIX, sizeof V4_PREFIX) == 0;
}

bool address_is_loopback(const address *a)
{
    static const uint8_t ONE[16] = {[15] = 1};
    return address_is_v4(a) ? a->bytes[12] == 127 : memcmp(a->bytes, ONE, sizeof ONE) == 0;
}

bool address_equal(const address *a, const address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

address address_key(const address *a)
{
    address key = *a;
    if (!address_is_v4(a))
        memset(key.bytes + 8, 0, 8);
    return key;
}

bool address_range_parse(const char *text, address_range *ret)
{
    const char *slash = strchr(text, '/');
    address_range r = {.bits = 128};
    sw_str host = !slash ? str_of(text) : (sw_str){text, (size_t)(slash - text)};
    if (!parse_piece(host, &r.base))
        return false;
    if (slash) {
        int64_t bits;
        /* "::ffff:10.0.0.0/104" counts all 128 bits, "10.0.0.0/8" the 32 of IPv4. */
        bool short_form = !memchr(host.at, ':', host.len);
        if (slash[1] == '-' || !str_int(str_of(slash + 1), &bits) || bits > (short_form ? 32 : 128))
            return false;
        r.bits = (uint8_t)(bits + (short_form ? 96 : 0));
    }
    *ret = r;
    return true;
}

static bool in_range(const address *a, const address_range *r)
{
    size_t whole = r->bits / 8u, rest = r->bits % 8u;
    if (memcmp(a->bytes, r->base.bytes, whole) != 0)
        return false;
    return rest == 0 || ((a->bytes[whole] ^ r->base.bytes[whole]) & (0xFF00u >> rest) & 0xFFu) == 0;
}

bool address_in(const address *a, const address_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (in_range(a, &ranges[i]))
            return true;
    return false;
}
