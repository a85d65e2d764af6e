/* A growing run of bytes, see buf.h. Its owner's thread. */
#include "core/common/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(buf *b, size_t limit)
{
    *b = (buf){.limit = limit};
}

/* Makes the capacity at least `need`, twice the old one when the limit lets it. */
static bool grow(buf *b, size_t need)
{
    size_t cap = b->cap == 0 ? 256 : b->cap;
    while (cap < need && cap <= SIZE_MAX / 4)
        cap *= 2;
    if (b->limit != 0 && cap > b->limit)
        cap = b->limit;
    if (cap < need)
        return false;
    char *at = realloc(b->at, cap + BUF_SLACK);
    if (!at) {
        b->no_memory = true;
        return false;
    }
    b->at = at;
    b->cap = cap;
    return true;
}

char *buf_reserve(buf *b, size_t len)
{
    if (b->failed)
        return NULL;
    if (!b->at || len > b->cap - b->len) {
        if (len > SIZE_MAX / 4 || !grow(b, b->len + len)) {
            b->failed = true;
            return NULL;
        }
    }
    return b->at + b->len;
}

void buf_add(buf *b, const void *bytes, size_t len)
{
    char *at = buf_reserve(b, len);
    if (!at || len == 0)
        return;
    memcpy(at, bytes, len);
    b->len += len;
}

void buf_add_text(buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_printf(buf *b, const char *format, ...)
{
    va_list args;
    char small[256];
    va_start(args, format);
    int len = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (len < 0) {
        b->failed = true;
        return;
    }
    if ((size_t)len < sizeof small) {
        buf_add(b, small, (size_t)len);
        return;
    }
    char *at = buf_reserve(b, (size_t)len);
    if (!at)
        return;
    va_start(args, format);
    vsnprintf(at, (size_t)len + 1, format, args); /* the NUL falls into the slack */
    va_end(args);
    b->len += (size_t)len;
}

size_t base64(const void *bytes, size_t len, char *out)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *from = bytes;
    char *to = out;
    for (size_t i = 0; i < len; i += 3, to += 4) {
        uint32_t group = (uint32_t)from[i] << 16;
        group |= i + 1 < len ? (uint32_t)from[i + 1] << 8 : 0;
        group |= i + 2 < len ? from[i + 2] : 0;
        to[0] = LETTERS[group >> 18];
        to[1] = LETTERS[group >> 12 & 63];
        to[2] = i + 1 < len ? LETTERS[group >> 6 & 63] : '=';
        to[3] = i + 2 < len ? LETTERS[group & 63] : '=';
    }
    return (size_t)(to - out);
}

void buf_add_base64(buf *b, const void *bytes, size_t len)
{
    char *at = buf_reserve(b, len / 3 * 4 + 4);
    if (at)
        b->len += base64(bytes, len, at);
}

const char *buf_text(buf *b)
{
    if (!buf_reserve(b, 0))
        return NULL;
    b->at[b->len] = '\0';
    return b->at;
}

char *buf_take(buf *b, size_t *ret_len)
{
    char *at = (char *)(uintptr_t)buf_text(b);
    if (!at) {
        buf_done(b);
        return NULL;
    }
    if (ret_len)
        *ret_len = b->len;
    *b = (buf){.limit = b->limit};
    return at;
}

void buf_clear(buf *b)
{
    b->len = 0;
    b->failed = false;
    b->no_memory = false;
}

void buf_done(buf *b)
{
    if (!b)
        return;
    free(b->at);
    *b = (buf){.limit = b->limit};
}
