/* IP addresses: parsing, CIDR lists, the key under which a client is counted. IPv4 is kept in its IPv6 form
 * (::ffff:a.b.c.d), so that both forms of one address are equal. */
#ifndef CORE_BASE_ADDRESS_H
#define CORE_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

typedef struct {
    uint8_t bytes[16];
} address;

typedef struct {
    address base;
    uint8_t bits; /* of 128 */
} address_range;

enum { ADDRESS_TEXT = 46 };

/* "127.0.0.1", "2001:db8::1", "::ffff:10.0.0.1". */
bool address_parse(const char *text, address *ret);
/* As found in X-Forwarded-For: also "10.0.0.1:4711", "[::1]", "[::1]:4711". */
bool address_parse_forwarded(const char *text, size_t len, address *ret);
/* false when it is neither IPv4 nor IPv6, as with a Unix socket. */
bool address_of_sockaddr(const struct sockaddr *from, address *ret);
/* IPv4 as "127.0.0.1", whichever way it came. */
void address_format(const address *a, char out[ADDRESS_TEXT]);

bool address_is_v4(const address *a);
bool address_is_loopback(const address *a);
bool address_equal(const address *a, const address *b);
/* Whom a limit per address counts: an IPv4 address, or the /64 of an IPv6 address. */
address address_key(const address *a);

/* "10.0.0.0/8", "fd00::/8", or one address. */
bool address_range_parse(const char *text, address_range *ret);
bool address_in(const address *a, const address_range *ranges, size_t count);

#endif
