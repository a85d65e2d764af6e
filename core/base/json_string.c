/* The inside of valid JSON strings, see json_string.h. Any thread, no memory. */
#include "core/base/json_string.h"

#include "core/common/utf8.h"

#include <string.h>

enum { ESCAPE = 6, HALF = 0xFFFD }; /* bytes of \uXXXX; what half a character becomes */

static uint32_t hex4(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* The character of the escape \u at `p`, and how many bytes it takes. */
static uint32_t unicode_escape(const char *p, const char *end, size_t *ret_len)
{
    uint32_t code = hex4(p + 2);
    *ret_len = ESCAPE;
    if (code < 0xD800 || code >= 0xE000)
        return code;
    if (code < 0xDC00 && end - p >= 2 * ESCAPE && p[ESCAPE] == '\\' && p[ESCAPE + 1] == 'u') {
        uint32_t low = hex4(p + ESCAPE + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            *ret_len = (size_t)2 * ESCAPE;
            return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return HALF;
}

uint32_t json_next_char(const char **at, const char *end)
{
    static const char FROM[] = "bfnrt", TO[] = "\b\f\n\r\t";
    const char *p = *at;
    size_t len;
    if (*p != '\\') {
        len = utf8_sequence(p, (size_t)(end - p));
        *at += len;
        return len == 1 ? (unsigned char)*p : utf8_code(p, len);
    }
    if (p[1] == 'u') {
        uint32_t code = unicode_escape(p, end, &len);
        *at += len;
        return code;
    }
    *at += 2;
    const char *found = strchr(FROM, p[1]);
    return (uint32_t)(found ? TO[found - FROM] : p[1]);
}

bool json_same_text(sw_str a, bool a_escaped, sw_str b, bool b_escaped)
{
    if (!a_escaped && !b_escaped)
        return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
    const char *p = a.at, *p_end = p + a.len, *q = b.at, *q_end = q + b.len;
    while (p < p_end && q < q_end)
        if (json_next_char(&p, p_end) != json_next_char(&q, q_end))
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
            len += utf8_put(json_next_char(&at, end), bytes);
        }
    }
    return len;
}

/* Is the escape at `p` one that unicode_escape() read as half a character? "\ufffd" itself is a whole one. */
static bool is_half(const char *p, uint32_t code)
{
    return code == HALF && p[1] == 'u' && (p[2] | 0x20) == 'd';
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
        const char *escape = at;
        uint32_t code = json_next_char(&at, end);
        if (is_half(escape, code))
            what = JSON_TEXT_BROKEN;
        if (code == 0 && what == JSON_TEXT_WHOLE)
            what = JSON_TEXT_NUL;
        to += utf8_put(code, to);
    }
    *ret_len = (size_t)(to - out);
    return what;
}

/* Safe with any bytes: what a plugin calls JSON need not be. */
void json_mend(char *text, size_t len)
{
    char *end = text + len, *at = memchr(text, '\\', len);
    while (at) {
        size_t step = 2;
        bool surrogate = end - at >= ESCAPE && at[1] == 'u' && (at[2] | 0x20) == 'd' && at[3] >= '8';
        if (surrogate && unicode_escape(at, end, &step) == HALF)
            memcpy(at, "\\ufffd", ESCAPE);
        at = step < (size_t)(end - at) ? memchr(at + step, '\\', (size_t)(end - at) - step) : NULL;
    }
}
