/* See bytes.h. */
#include "bytes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 128 };

static bool room(bytes *b, size_t more)
{
    if (b->failed)
        return false;
    if (b->cap - b->len > more)
        return true;
    size_t cap = b->cap ? b->cap : FIRST;
    while (cap - b->len <= more && cap <= SIZE_MAX / 2)
        cap *= 2;
    char *at = cap - b->len > more ? realloc(b->at, cap) : NULL;
    if (!at) {
        b->failed = true;
        return false;
    }
    b->at = at;
    b->cap = cap;
    return true;
}

void bytes_add(bytes *b, const void *from, size_t len)
{
    if (!room(b, len))
        return;
    if (len > 0)
        memcpy(b->at + b->len, from, len);
    b->len += len;
    b->at[b->len] = '\0';
}

void bytes_add_text(bytes *b, const char *text)
{
    bytes_add(b, text, strlen(text));
}

void bytes_printf(bytes *b, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len >= 0 && room(b, (size_t)len)) {
        vsnprintf(b->at + b->len, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    } else {
        b->failed = true;
    }
    va_end(again);
}

void bytes_add_base64(bytes *b, const void *from, size_t len)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *at = from;

    for (size_t i = 0; i < len; i += 3) {
        uint32_t group =
            (uint32_t)at[i] << 16 | (i + 1 < len ? (uint32_t)at[i + 1] << 8 : 0) | (i + 2 < len ? at[i + 2] : 0);
        char four[4] = {LETTERS[group >> 18], LETTERS[group >> 12 & 63], LETTERS[group >> 6 & 63], LETTERS[group & 63]};
        if (i + 1 >= len)
            four[2] = '=';
        if (i + 2 >= len)
            four[3] = '=';
        bytes_add(b, four, sizeof four);
    }
}

char *bytes_take(bytes *b, size_t *ret_len)
{
    bytes_add(b, "", 0);
    char *at = b->failed ? NULL : b->at;
    if (at && ret_len)
        *ret_len = b->len;
    if (!at)
        free(b->at);
    *b = (bytes){.at = NULL};
    return at;
}

void bytes_done(bytes *b)
{
    free(b->at);
    *b = (bytes){.at = NULL};
}
