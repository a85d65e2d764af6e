#include "core/http/request_id.h"

#include <string.h>

bool request_id_open(http_loop *l, unsigned index)
{
    uint8_t random[5];
    if (sw_random(random, sizeof random) != SW_OK)
        return false;
    sw_hex(random, sizeof random, l->id_prefix);
    l->id_prefix[10] = (char)('a' + index % 26);
    l->id_prefix[11] = (char)('a' + index / 26 % 26);
    l->id_prefix_len = 12;
    return true;
}

/* Its length when it is 1..64 of [A-Za-z0-9._-], else 0. */
static size_t sane(const char *id)
{
    size_t len = 0;
    for (; id[len]; len++) {
        char c = id[len];
        bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
                    c == '_' || c == '-';
        if (!fine || len == REQUEST_ID_MAX)
            return 0;
    }
    return len;
}

void request_id_make(exchange *x, const char *given)
{
    size_t len = given ? sane(given) : 0;
    if (len > 0) {
        memcpy(x->id, given, len);
    } else {
        http_loop *l = x->home;
        uint64_t n = l->next_id++;
        memcpy(x->id, l->id_prefix, l->id_prefix_len);
        len = l->id_prefix_len;
        do
            x->id[len++] = "0123456789abcdef"[n & 15];
        while ((n >>= 4) > 0);
    }
    x->id[len] = '\0';
    x->id_len = len;
}
