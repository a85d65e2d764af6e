/* Which bytes a head of a request may have, and where. In a header of its own, so that head_check.c has them inline. */
#ifndef CORE_HTTP_HEAD_BYTES_H
#define CORE_HTTP_HEAD_BYTES_H

#include <steward/base.h>

/* What a byte may be part of. */
enum { IN_TOKEN = 1, IN_VALUE = 2, IN_TARGET = 4, IN_HOST = 8 };

/* Filled by hand for the signs; letters and digits are in all four. */
static const uint8_t SIGNS[128] = {
    ['\t'] = IN_VALUE,
    [' '] = IN_VALUE,
    ['!'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['"'] = IN_VALUE,
    ['#'] = IN_TOKEN | IN_VALUE,
    ['$'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['%'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['&'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['\''] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['('] = IN_VALUE | IN_TARGET | IN_HOST,
    [')'] = IN_VALUE | IN_TARGET | IN_HOST,
    ['*'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['+'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    [','] = IN_VALUE | IN_TARGET,
    ['-'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['.'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['/'] = IN_VALUE | IN_TARGET,
    [':'] = IN_VALUE | IN_TARGET | IN_HOST,
    [';'] = IN_VALUE | IN_TARGET | IN_HOST,
    ['<'] = IN_VALUE,
    ['='] = IN_VALUE | IN_TARGET | IN_HOST,
    ['>'] = IN_VALUE,
    ['?'] = IN_VALUE | IN_TARGET,
    ['@'] = IN_VALUE | IN_TARGET,
    ['['] = IN_VALUE | IN_TARGET | IN_HOST,
    ['\\'] = IN_VALUE | IN_TARGET,
    [']'] = IN_VALUE | IN_TARGET | IN_HOST,
    ['^'] = IN_TOKEN | IN_VALUE | IN_TARGET,
    ['_'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['`'] = IN_TOKEN | IN_VALUE | IN_TARGET,
    ['{'] = IN_VALUE | IN_TARGET,
    ['|'] = IN_TOKEN | IN_VALUE | IN_TARGET,
    ['}'] = IN_VALUE | IN_TARGET,
    ['~'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
};

static inline bool is_part(char c, unsigned of)
{
    unsigned char u = (unsigned char)c;
    if (u >= 128)
        return (of & (IN_VALUE | IN_TARGET)) != 0;
    if ((u >= '0' && u <= '9') || ((u | 0x20) >= 'a' && (u | 0x20) <= 'z'))
        return true;
    return (SIGNS[u] & of) != 0;
}

static inline bool all_part(sw_str s, unsigned of)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_part(s.at[i], of))
            return false;
    return true;
}

#endif
