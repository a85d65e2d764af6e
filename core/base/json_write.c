/* The JSON writer of <steward/json.h>: text is appended to a buffer, which its owner gives a limit. One thread at a
 * time. */
#include "core/base/json.h"

#include "core/base/json_string.h"
#include "core/common/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

void json_init(sw_json *j, size_t limit)
{
    *j = (sw_json){.comma = false};
    buf_init(&j->out, limit);
}

sw_json *json_none(void)
{
    static const sw_json NONE = {.out = {.failed = true, .no_memory = true}};
    return (sw_json *)(uintptr_t)&NONE;
}

bool json_failed(const sw_json *j)
{
    return j->out.failed;
}

void json_done(sw_json *j)
{
    if (j)
        buf_done(&j->out);
}

size_t sw_json_length(const sw_json *j)
{
    return j->out.len;
}

sw_str sw_json_str(sw_json *j)
{
    if (!buf_reserve(&j->out, 0))
        return (sw_str){NULL, 0};
    j->out.at[j->out.len] = '\0'; /* in the slack */
    return (sw_str){j->out.at, j->out.len};
}

/* Writes the comma and the key that are due, and makes room for `len` bytes more: gives their place, NULL after a
 * failure. Keys are literals of the code: written as they are. */
static char *member(sw_json *j, const char *key, size_t len)
{
    size_t key_len = !key ? 0 : strlen(key);
    char *at = buf_reserve(&j->out, len + (j->comma ? 1 : 0) + (!key ? 0 : key_len + 3));
    if (!at)
        return NULL;
    if (j->comma)
        *at++ = ',';
    if (key) {
        *at++ = '"';
        memcpy(at, key, key_len);
        at += key_len;
        *at++ = '"';
        *at++ = ':';
    }
    j->comma = true;
    return at;
}

/* The text now ends at `end`. */
static void written_to(sw_json *j, const char *end)
{
    j->out.len = (size_t)(end - j->out.at);
}

static void member_bytes(sw_json *j, const char *key, const char *bytes, size_t len)
{
    char *at = member(j, key, len);
    if (!at)
        return;
    if (len > 0)
        memcpy(at, bytes, len);
    written_to(j, at + len);
}

static void open_with(sw_json *j, const char *key, char bracket)
{
    member_bytes(j, key, &bracket, 1);
    if (!j->out.failed)
        j->comma = false;
}

static void close_with(sw_json *j, char bracket)
{
    buf_add(&j->out, &bracket, 1);
    if (!j->out.failed)
        j->comma = true;
}

void sw_json_object_begin(sw_json *j, const char *key)
{
    open_with(j, key, '{');
}

void sw_json_object_end(sw_json *j)
{
    close_with(j, '}');
}

void sw_json_array_begin(sw_json *j, const char *key)
{
    open_with(j, key, '[');
}

void sw_json_array_end(sw_json *j)
{
    close_with(j, ']');
}

void sw_json_int(sw_json *j, const char *key, int64_t value)
{
    char digits[20];
    size_t i = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--i] = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0)
        digits[--i] = '-';
    member_bytes(j, key, digits + i, sizeof digits - i);
}

/* The shortest of 15 to 17 digits that reads back as the same number; null for what JSON cannot say. */
void sw_json_double(sw_json *j, const char *key, double value)
{
    char text[40];
    if (!isfinite(value)) {
        sw_json_null(j, key);
        return;
    }
    int len = 0;
    for (int precision = 15; precision <= 17; precision++) {
        len = snprintf(text, sizeof text, "%.*g", precision, value);
        double again = strtod(text, NULL);
        if (memcmp(&again, &value, sizeof value) == 0) /* NOLINT(*-memory-comparison,cert-*): the same bits are meant */
            break;
    }
    member_bytes(j, key, text, (size_t)len);
}

void sw_json_bool(sw_json *j, const char *key, bool value)
{
    member_bytes(j, key, value ? "true" : "false", value ? 4 : 5);
}

void sw_json_null(sw_json *j, const char *key)
{
    member_bytes(j, key, "null", 4);
}

/* What is copied may have been stored before half characters were mended, or come from a plugin. */
void sw_json_raw(sw_json *j, const char *key, const char *json, size_t len)
{
    member_bytes(j, key, json, len);
    if (len > 0 && !j->out.failed)
        json_mend(j->out.at + j->out.len - len, len);
}

void sw_json_time(sw_json *j, const char *key, int64_t unix_ms)
{
    char text[25];
    char *at = member(j, key, 26);
    if (!at)
        return;
    sw_time_format(unix_ms, text);
    at[0] = '"';
    memcpy(at + 1, text, 24);
    at[25] = '"';
    written_to(j, at + 26);
}

void sw_json_text(sw_json *j, const char *key, const char *value)
{
    sw_json_textn(j, key, !value ? "" : value, !value ? 0 : strlen(value));
}

void sw_json_text_opt(sw_json *j, const char *key, const char *value)
{
    if (value && value[0] != '\0')
        sw_json_text(j, key, value);
}

/* ---- texts ---- */

/* Printable ASCII but " and \: what stands for itself. */
static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* Copies the leading bytes that stand for themselves, and gives their number. Reads
 * and writes whole blocks: up to 15 bytes behind the copied ones are overwritten (the buffer's slack). */
static size_t copy_plain(char *out, const char *text, size_t len)
{
    size_t i = 0;
#ifdef __SSE2__
    const __m128i space = _mm_set1_epi8(0x20), quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    for (; i + 16 <= len; i += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        _mm_storeu_si128((__m128i *)(void *)(out + i), block);
        /* Signed: bytes from 80 on are below the space too. */
        __m128i special = _mm_or_si128(_mm_cmplt_epi8(block, space),
                                       _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)));
        unsigned mask = (unsigned)_mm_movemask_epi8(special);
        if (mask != 0)
            return i + (size_t)__builtin_ctz(mask);
    }
#else
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    for (; i + 8 <= len; i += 8) {
        uint64_t word, q, b;
        memcpy(&word, text + i, 8);
        q = word ^ ones * '"';
        b = word ^ ones * '\\';
        /* The high bit of a byte: not ASCII, below the space, the quote or the backslash (or, rarely, the byte above
         * one: the loop below looks again). */
        if (((word | (word - ones * 0x20) | (q - ones) | (b - ones)) & high) != 0)
            break;
        memcpy(out + i, &word, 8);
    }
#endif
    for (; i < len && is_plain(text[i]); i++)
        out[i] = text[i];
    return i;
}

/* Copies the leading well-formed sequences of more than one byte, and gives their length. Of those, three bytes
 * (Chinese) are the most by far: they have a way of their own. Writes up to one byte behind. */
static size_t copy_multibyte(char *out, const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && (unsigned char)text[i] >= 0x80) {
        const unsigned char *p = (const unsigned char *)text + i;
        size_t n;
        if (len - i >= 4 && p[0] > 0xE0 && p[0] < 0xED && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80)
            n = 3;
        else if ((n = utf8_sequence(text + i, len - i)) == 0)
            break;
        if (len - i >= 4)
            memcpy(out + i, text + i, 4); /* a whole word: the next one overwrites the rest */
        else
            memcpy(out + i, text + i, n);
        i += n;
    }
    return i;
}

/* The escaped form of a control character, quote or backslash; its length. */
static size_t escape(unsigned char c, char out[6])
{
    static const char HEX[] = "0123456789abcdef";
    static const char SHORT[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    out[0] = '\\';
    if (c == '"' || c == '\\' || (c < sizeof SHORT && SHORT[c] != '\0')) {
        out[1] = c < sizeof SHORT ? SHORT[c] : (char)c;
        return 2;
    }
    memcpy(out + 1, "u00", 3);
    out[4] = HEX[c >> 4];
    out[5] = HEX[c & 15];
    return 6;
}

/* Every byte of the text becomes at least one byte: so there is always room for the `left` bytes to come, and only
 * what grows asks for more. */
void sw_json_textn(sw_json *j, const char *key, const char *value, size_t len)
{
    char *out = member(j, key, len + 2);
    if (!out)
        return;
    *out++ = '"';
    for (size_t i = 0;;) {
        size_t plain = copy_plain(out, value + i, len - i);
        plain += copy_multibyte(out + plain, value + i + plain, len - i - plain);
        out += plain;
        i += plain;
        if (i == len)
            break;
        if (is_plain(value[i]))
            continue;
        char form[6] = "\xEF\xBF\xBD"; /* U+FFFD */
        size_t taken = 1, made = 3;
        if ((unsigned char)value[i] < 0x80)
            made = escape((unsigned char)value[i], form);
        else
            taken = utf8_broken(value + i, len - i);
        i += taken;
        written_to(j, out);
        out = buf_reserve(&j->out, made + (len - i) + 1);
        if (!out)
            return;
        memcpy(out, form, made);
        out += made;
    }
    *out++ = '"';
    written_to(j, out);
}
