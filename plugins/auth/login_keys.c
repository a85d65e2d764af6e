/* The keys under which an attempt to log in is counted. They are digests, so that neither the length nor the content of
 * what was typed matters. Any thread; nothing is kept. */
#include "auth.h"

#include <arpa/inet.h>
#include <string.h>

enum { KIND_ADDRESS = 'a', KIND_USER = 'u', LABEL_SIZE = 128, NAME_MAX_BYTES = 64 };

/* The bytes of an IPv4 address (also of one inside IPv6), or of the /64 of an IPv6 address, since one customer usually
 * has a whole /64. Returns their number. */
static size_t address_bytes(const char *address, uint8_t out[LABEL_SIZE])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    uint8_t v6[16];

    if (inet_pton(AF_INET, address, out) == 1)
        return 4;
    if (inet_pton(AF_INET6, address, v6) == 1) {
        bool is_v4 = memcmp(v6, mapped, sizeof mapped) == 0;
        memcpy(out, is_v4 ? v6 + 12 : v6, is_v4 ? 4 : 8);
        return is_v4 ? 4 : 8;
    }
    size_t len = strnlen(address, LABEL_SIZE);
    memcpy(out, address, len);
    return len;
}

static void digest(uint8_t kind, const uint8_t *address, size_t address_len, const char *name, size_t name_len,
                   uint8_t out[LOGIN_KEY_SIZE])
{
    uint8_t text[2 + LABEL_SIZE + NAME_MAX_BYTES + 1], hash[32];

    text[0] = kind;
    text[1] = (uint8_t)address_len;
    memcpy(text + 2, address, address_len);
    for (size_t i = 0; i < name_len; i++) {
        char c = name[i];
        text[2 + address_len + i] = (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    sw_sha256(text, 2 + address_len + name_len, hash);
    memcpy(out, hash, LOGIN_KEY_SIZE);
}

void login_key_of(const char *username, const char *address, login_key *ret)
{
    uint8_t bytes[LABEL_SIZE];
    size_t len = address_bytes(address, bytes);

    digest(KIND_ADDRESS, bytes, len, "", 0, ret->address);
    /* One byte more than the longest name. No user has a longer one, so that all of those may count as the same. */
    digest(KIND_USER, bytes, len, username, strnlen(username, NAME_MAX_BYTES + 1), ret->user);
}
