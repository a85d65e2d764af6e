/* Turns names into lower case, in every script that has case, since two names that differ only in case are the same
 * name. The result is stored (users.name_key). So the map is written here and is not taken from a locale, which could
 * be another one at the next start. Any thread. */
#include "core/common/utf8.h"
#include "users.h"

#include <string.h>

/* Upper-case letters from first to last become lower case by adding delta. `step` is 1 when all of them are upper case,
 * and 2 when every other one is: first and all that are an even number behind it. */
typedef struct {
    uint32_t first, last;
    int32_t delta;
    uint32_t step;
} case_range;

/* clang-format off */
static const case_range RANGES[] = {
    /* Latin */
    {0x41, 0x5A, 32, 1}, {0xC0, 0xD6, 32, 1}, {0xD8, 0xDE, 32, 1},
    {0x100, 0x12E, 1, 2}, {0x132, 0x136, 1, 2}, {0x139, 0x147, 1, 2}, {0x14A, 0x176, 1, 2}, {0x178, 0x178, -121, 1},
    {0x179, 0x17D, 1, 2}, {0x1CD, 0x1DB, 1, 2}, {0x1DE, 0x1EE, 1, 2}, {0x1F8, 0x21E, 1, 2}, {0x222, 0x232, 1, 2},
    /* Greek */
    {0x386, 0x386, 38, 1}, {0x388, 0x38A, 37, 1}, {0x38C, 0x38C, 64, 1}, {0x38E, 0x38F, 63, 1},
    {0x391, 0x3A1, 32, 1}, {0x3A3, 0x3AB, 32, 1}, {0x3C2, 0x3C2, 1, 1},
    /* Cyrillic */
    {0x400, 0x40F, 80, 1}, {0x410, 0x42F, 32, 1}, {0x460, 0x480, 1, 2}, {0x48A, 0x4BE, 1, 2}, {0x4C0, 0x4C0, 15, 1},
    {0x4C1, 0x4CD, 1, 2}, {0x4D0, 0x52E, 1, 2},
    /* Armenian, Georgian */
    {0x531, 0x556, 48, 1}, {0x10A0, 0x10C5, 7264, 1},
    /* Latin with marks, Vietnamese */
    {0x1E00, 0x1E94, 1, 2}, {0x1EA0, 0x1EFE, 1, 2},
    /* Kelvin and Angstrom signs, numerals, circled letters, full width, Deseret */
    {0x212A, 0x212A, -8383, 1}, {0x212B, 0x212B, -8262, 1}, {0x2160, 0x216F, 16, 1}, {0x24B6, 0x24CF, 26, 1},
    {0xFF21, 0xFF3A, 32, 1}, {0x10400, 0x10427, 40, 1},
};
/* clang-format on */

static uint32_t lower(uint32_t c)
{
    for (size_t i = 0; i < sizeof RANGES / sizeof RANGES[0] && c >= RANGES[i].first; i++) {
        if (c > RANGES[i].last)
            continue;
        return (c - RANGES[i].first) % RANGES[i].step == 0 ? (uint32_t)((int32_t)c + RANGES[i].delta) : c;
    }
    return c;
}

/* Reads one character of valid UTF-8. A stray byte stands for itself. Returns the length. */
static size_t decode(const unsigned char *s, uint32_t *ret)
{
    size_t len = *s < 0x80 ? 1 : *s >= 0xF0 ? 4 : *s >= 0xE0 ? 3 : *s >= 0xC0 ? 2 : 1;
    uint32_t c = len == 1 ? *s : *s & (0x7Fu >> len);

    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            *ret = *s;
            return 1;
        }
        c = c << 6 | (s[i] & 0x3Fu);
    }
    *ret = c;
    return len;
}

void fold(const char *text, char *out, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t used = 0;

    while (*s) {
        uint32_t c;
        size_t len = decode(s, &c);
        uint32_t small = len == 1 && c >= 0x80 ? c : lower(c);
        char bytes[4];
        size_t made = len;

        if (small == c)
            memcpy(bytes, s, len);
        else
            made = utf8_put(small, bytes);
        if (used + made + 1 > size)
            break;
        memcpy(out + used, bytes, made);
        used += made;
        s += len;
    }
    out[used] = '\0';
}
