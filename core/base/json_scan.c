/* The members of one JSON object as spans of its text, see json_scan.h. Any thread, no memory. */
#include "core/base/json_scan.h"

#include "core/base/json_walk.h"
#include "core/common/utf8.h"

#include <string.h>

static bool same_key(const json_member *a, const json_member *b);

int json_scan_object(const char *text, size_t len, json_member *members, int max)
{
    json_walk w = {.at = text, .end = text + len, .max_depth = JSON_MAX_DEPTH, .max_values = SIZE_MAX};
    int count = 0;
    json_walk_space(&w);
    if (w.at == w.end || *w.at != '{')
        return -1;
    w.at++;
    w.depth = 1;
    json_walk_space(&w);
    if (w.at < w.end && *w.at == '}')
        w.at++;
    else
        for (;;) {
            json_member m = {.key_escaped = false};
            if (count == max || !json_walk_key(&w, &m.key, &m.key_escaped))
                return -1;
            const char *from = w.at;
            if (from == w.end || !json_walk_value(&w))
                return -1;
            m.value = (sw_str){from, (size_t)(w.at - from)};
            m.kind = *from == '-' || (*from >= '0' && *from <= '9') ? '0' : *from;
            for (int i = 0; i < count; i++)
                if (same_key(&members[i], &m))
                    return -1;
            members[count++] = m;
            json_walk_space(&w);
            if (w.at == w.end)
                return -1;
            char next = *w.at++;
            if (next == '}')
                break;
            if (next != ',')
                return -1;
            json_walk_space(&w);
        }
    json_walk_space(&w);
    return w.at == w.end ? count : -1;
}

bool json_valid(const char *text, size_t len)
{
    json_walk w = {.at = text, .end = text + len, .max_depth = JSON_MAX_DEPTH, .max_values = SIZE_MAX};
    json_walk_space(&w);
    if (!json_walk_value(&w))
        return false;
    json_walk_space(&w);
    return w.at == w.end;
}

/* ---- the inside of strings that have been found valid ---- */

static uint32_t hex4(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* One character of the inside of a string: its code point (a lone surrogate as itself). */
static uint32_t next_char(const char **at, const char *end)
{
    const char *p = *at;
    if (*p != '\\') {
        size_t n = utf8_sequence(p, (size_t)(end - p));
        uint32_t code = (unsigned char)p[0];
        *at += n;
        if (n == 1)
            return code;
        code &= 0x7Fu >> n;
        for (size_t i = 1; i < n; i++)
            code = code << 6 | ((unsigned char)p[i] & 0x3F);
        return code;
    }
    static const char FROM[] = "bfnrt", TO[] = "\b\f\n\r\t";
    *at += 2;
    if (p[1] != 'u') {
        const char *found = strchr(FROM, p[1]);
        return found ? (uint32_t)TO[found - FROM] : (uint32_t)p[1];
    }
    *at += 4;
    uint32_t code = hex4(p + 2);
    if (code >= 0xD800 && code < 0xDC00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        uint32_t low = hex4(p + 8);
        if (low >= 0xDC00 && low < 0xE000) {
            *at += 6;
            return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return code;
}

static bool same_key(const json_member *a, const json_member *b)
{
    if (!a->key_escaped && !b->key_escaped)
        return a->key.len == b->key.len && memcmp(a->key.at, b->key.at, a->key.len) == 0;
    const char *p = a->key.at, *p_end = p + a->key.len, *q = b->key.at, *q_end = q + b->key.len;
    while (p < p_end && q < q_end)
        if (next_char(&p, p_end) != next_char(&q, q_end))
            return false;
    return p == p_end && q == q_end;
}

size_t json_string_decoded_len(sw_str raw)
{
    const char *at = raw.at + 1, *end = raw.at + raw.len - 1;
    size_t len = 0;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        const char *plain_end = !escape ? end : escape;
        len += (size_t)(plain_end - at);
        at = plain_end;
        if (at < end) {
            char bytes[4];
            len += utf8_put(next_char(&at, end), bytes);
        }
    }
    return len;
}

json_text json_string_decode(sw_str raw, char *out, size_t *ret_len)
{
    const char *at = raw.at + 1, *end = raw.at + raw.len - 1;
    char *to = out;
    json_text what = JSON_TEXT_WHOLE;
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        uint32_t code = next_char(&at, end);
        if (code >= 0xD800 && code < 0xE000) {
            code = 0xFFFD;
            what = JSON_TEXT_BROKEN;
        }
        if (code == 0 && what == JSON_TEXT_WHOLE)
            what = JSON_TEXT_NUL;
        to += utf8_put(code, to);
    }
    *ret_len = (size_t)(to - out);
    return what;
}

bool json_number_int(sw_str raw, int64_t *ret)
{
    size_t i = raw.len > 0 && raw.at[0] == '-' ? 1 : 0;
    bool negative = i == 1;
    int64_t value = 0;
    if (i == raw.len)
        return false;
    for (; i < raw.len; i++) {
        if (raw.at[i] < '0' || raw.at[i] > '9')
            return false;
        int digit = raw.at[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, digit, &value))
            return false; /* summed up below zero, where the range is larger */
    }
    if (!negative && value == INT64_MIN)
        return false;
    *ret = negative ? value : -value;
    return true;
}
