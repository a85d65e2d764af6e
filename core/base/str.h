/* Small helpers for pieces of text. */
#ifndef CORE_BASE_STR_H
#define CORE_BASE_STR_H

#include <steward/base.h>
#include <string.h>

static inline sw_str str_of(const char *text)
{
    return (sw_str){text, !text ? 0 : strlen(text)};
}

/* ASCII alone, whatever the locale. */
static inline char str_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline char str_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
}

/* 0 to 15; -1: not a hex digit. */
static inline int str_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = str_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline bool str_equal(sw_str a, const char *b)
{
    size_t len = strlen(b);
    return a.len == len && memcmp(a.at, b, len) == 0;
}

bool str_equal_nocase(sw_str a, const char *b);
bool str_starts_nocase(sw_str a, const char *prefix);
/* Without spaces, tabs and line ends around it. */
sw_str str_trim(sw_str s);
/* The piece up to `separator`, trimmed; *rest goes on behind it. false when nothing is left. */
bool str_next(sw_str *rest, char separator, sw_str *ret_piece);
/* A decimal number of digits with an optional minus. false for anything else, and out of range. */
bool str_int(sw_str s, int64_t *ret);

#endif
