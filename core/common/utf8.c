/* UTF-8 by the rules of Unicode, table 3-7, see utf8.h. Any thread. */
#include "core/common/utf8.h"

#include <string.h>

/* Leading bytes that are ASCII, in words. */
static size_t ascii_run(const char *text, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, 8);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (i < len && (unsigned char)text[i] < 0x80)
        i++;
    return i;
}

/* What a lead byte asks for: continuation bytes, and the range of the first of them (Unicode, table 3-7: no
 * overlong forms, no surrogates, nothing over U+10FFFF). false when it is not a lead byte. */
static bool lead(unsigned char byte, utf8_state *ret)
{
    if (byte >= 0xC2 && byte <= 0xDF)
        *ret = (utf8_state){1, 0x80, 0xBF};
    else if (byte >= 0xE0 && byte <= 0xEF)
        *ret = (utf8_state){2, byte == 0xE0 ? 0xA0 : 0x80, byte == 0xED ? 0x9F : 0xBF};
    else if (byte >= 0xF0 && byte <= 0xF4)
        *ret = (utf8_state){3, byte == 0xF0 ? 0x90 : 0x80, byte == 0xF4 ? 0x8F : 0xBF};
    else
        return false;
    return true;
}

static bool continues(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

size_t utf8_sequence(const char *at, size_t left)
{
    const unsigned char *p = (const unsigned char *)at;
    if (p[0] < 0x80)
        return 1;
    utf8_state s;
    if (!lead(p[0], &s) || left <= s.need || p[1] < s.low || p[1] > s.high)
        return 0;
    if ((s.need >= 2 && !continues(p[2])) || (s.need == 3 && !continues(p[3])))
        return 0;
    return (size_t)s.need + 1;
}

uint32_t utf8_code(const char *at, size_t len)
{
    static const unsigned char LEAD_BITS[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    const unsigned char *p = (const unsigned char *)at;
    uint32_t code = p[0] & LEAD_BITS[len];
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (p[i] & 0x3F);
    return code;
}

size_t utf8_broken(const char *at, size_t left)
{
    const unsigned char *p = (const unsigned char *)at;
    utf8_state s;
    if (!lead(p[0], &s) || left < 2 || p[1] < s.low || p[1] > s.high)
        return 1;
    size_t n = 2;
    while (n < left && n <= s.need && continues(p[n]))
        n++;
    return n;
}

bool utf8_valid(const char *text, size_t len)
{
    for (size_t i = 0;;) {
        i += ascii_run(text + i, len - i);
        for (; i < len && (unsigned char)text[i] >= 0x80;) {
            size_t n = utf8_sequence(text + i, len - i);
            if (n == 0)
                return false;
            i += n;
        }
        if (i == len)
            return true;
    }
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && continues((unsigned char)text[max]))
        max--;
    return max;
}

size_t utf8_put(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

bool utf8_feed(utf8_state *s, const char *piece, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s->need == 0) {
            i += ascii_run(piece + i, len - i);
            if (i == len)
                break;
            if (!lead((unsigned char)piece[i], s))
                return false;
            continue;
        }
        unsigned char byte = (unsigned char)piece[i];
        if (byte < s->low || byte > s->high)
            return false;
        *s = (utf8_state){(uint8_t)(s->need - 1), 0x80, 0xBF};
    }
    return true;
}
