/* What an attempt is counted under: digests, so that neither length nor content of what was typed matters. */
#include "auth.h"

#include <arpa/inet.h>
#include <string.h>

enum { KIND_ADDRESS = 'a', KIND_USER = 'u', LABEL_SIZE = 128, NAME_MAX_BYTES = 64 };

/* IPv4 (also inside IPv6) as it is, IPv6 as its /64: one customer usually has all of one. Returns the length. */
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
                   uint8_t out[GATE_KEY_SIZE])
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
    memcpy(out, hash, GATE_KEY_SIZE);
}

void attempt_keys(const char *username, const char *address, gate_key *ret)
{
    uint8_t bytes[LABEL_SIZE];
    size_t len = address_bytes(address, bytes);

    digest(KIND_ADDRESS, bytes, len, "", 0, ret->address);
    /* One byte over the longest name: everything longer is nobody's, and counts as one. */
    digest(KIND_USER, bytes, len, username, strnlen(username, NAME_MAX_BYTES + 1), ret->user);
}
