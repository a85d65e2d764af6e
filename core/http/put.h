/* Writing bytes one behind the other into a place that is known to be large enough. Each gives where to go on. */
#ifndef CORE_HTTP_PUT_H
#define CORE_HTTP_PUT_H

#include <stdint.h>
#include <string.h>

static inline char *put(char *at, const char *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

/* A literal. */
#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

static inline char *put_text(char *at, const char *text)
{
    return put(at, text, strlen(text));
}

static inline char *put_number(char *at, uint64_t n)
{
    char digits[20];
    size_t len = 0;
    do
        digits[sizeof digits - ++len] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    return put(at, digits + sizeof digits - len, len);
}

#endif
