/* The format of one line. Writing runs in a signal handler: no locks, no memory, no state of the C library. */
#include "core/crash/crash_record.h"

#include <steward/host.h>
#include <string.h>

static const char *const WORDS[] = {[CRASH_HAPPENED] = "crash", [CRASH_SEEN] = "seen", [CRASH_RELEASED] = "release"};

enum { NUMBER = 1, HEX, TEXT };

#define AT(type, member) type, offsetof(crash_record, member), sizeof((crash_record *)0)->member

/* The keys, in the order they are written. */
static const struct {
    const char *key;
    int type;
    size_t at, size;
} FIELDS[] = {
    {"at", AT(NUMBER, at_ms)},     {"plugin", AT(TEXT, plugin)},   {"version", AT(TEXT, version)},
    {"build", AT(TEXT, build)},    {"signal", AT(NUMBER, signal)}, {"code", AT(NUMBER, code)},
    {"address", AT(HEX, address)}, {"sender", AT(NUMBER, sender)}, {"place", AT(TEXT, place)},
    {"caller", AT(TEXT, caller)},  {"part", AT(TEXT, part)},       {"kind", AT(TEXT, kind)},
    {"name", AT(TEXT, name)},      {"thread", AT(TEXT, thread)},   {"guessed", AT(NUMBER, guessed)},
    {"vital", AT(NUMBER, vital)},  {"server", AT(TEXT, server)},
};
enum { FIELD_COUNT = sizeof FIELDS / sizeof FIELDS[0], DIGITS_MAX = 20, SUM_DIGITS = 16 };

static const char SUM[] = " sum=";

static uint64_t checksum(const char *bytes, size_t len)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

static bool visible(char c)
{
    return c > ' ' && c <= '~';
}

void crash_text(char *out, size_t size, const char *text, size_t len)
{
    size_t n = len < size ? len : size - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = visible(text[i]) ? text[i] : '_';
    out[n] = '\0';
}

/* ---- writing ---- */

/* Digits of `value`, without leading zeros, from `width` up. */
static char *put_digits(char *at, uint64_t value, unsigned base, unsigned width)
{
    char digits[DIGITS_MAX];
    unsigned n = 0;
    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0 || n < width);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

static char *put_text(char *at, const char *text)
{
    size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

static char *put_field(char *at, size_t index, const crash_record *r)
{
    const char *member = (const char *)r + FIELDS[index].at;
    int64_t number = 0;
    if (FIELDS[index].type != TEXT)
        memcpy(&number, member, sizeof number);
    if (FIELDS[index].type == TEXT ? *member == '\0' : number == 0)
        return at;
    *at++ = ' ';
    at = put_text(at, FIELDS[index].key);
    *at++ = '=';
    switch (FIELDS[index].type) {
    case TEXT: {
        size_t len = strnlen(member, FIELDS[index].size - 1);
        crash_text(at, len + 1, member, len);
        return at + len;
    }
    case HEX:
        return put_digits(put_text(at, "0x"), (uint64_t)number, 16, 1);
    default:
        if (number < 0)
            *at++ = '-';
        return put_digits(at, number < 0 ? -(uint64_t)number : (uint64_t)number, 10, 1);
    }
}

size_t crash_record_write(const crash_record *r, char out[CRASH_LINE_MAX])
{
    _Static_assert(sizeof(crash_record) + FIELD_COUNT * (DIGITS_MAX + 12) < CRASH_LINE_MAX - 64, "a line fits");
    char time[25];
    sw_time_format(r->at_ms, time);
    char *at = put_text(out, time);
    *at++ = ' ';
    at = put_text(at, WORDS[r->word]);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        at = put_field(at, i, r);
    uint64_t sum = checksum(out, (size_t)(at - out));
    at = put_digits(put_text(at, SUM), sum, 16, SUM_DIGITS);
    *at++ = '\n';
    return (size_t)(at - out);
}

/* ---- reading ---- */

static bool read_digits(const char *at, size_t len, unsigned base, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        char c = at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (digit >= base || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            return false;
    }
    *ret = value;
    return len > 0;
}

static bool read_number(const char *at, size_t len, int64_t *ret)
{
    uint64_t value;
    bool negative = len > 0 && *at == '-';
    if (!read_digits(at + negative, len - negative, 10, &value) || value > INT64_MAX)
        return false;
    *ret = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool read_value(size_t index, const char *at, size_t len, crash_record *r)
{
    char *member = (char *)r + FIELDS[index].at;
    int64_t number;
    uint64_t hex;
    switch (FIELDS[index].type) {
    case TEXT:
        crash_text(member, FIELDS[index].size, at, len);
        return true;
    case HEX:
        if (len < 3 || memcmp(at, "0x", 2) != 0 || !read_digits(at + 2, len - 2, 16, &hex))
            return false;
        memcpy(member, &hex, sizeof hex);
        return true;
    default:
        if (!read_number(at, len, &number))
            return false;
        memcpy(member, &number, sizeof number);
        return true;
    }
}

/* One "key=value". */
static bool read_field(const char *at, size_t len, crash_record *r)
{
    const char *equals = memchr(at, '=', len);
    if (!equals)
        return false;
    size_t key_len = (size_t)(equals - at);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (strlen(FIELDS[i].key) == key_len && memcmp(FIELDS[i].key, at, key_len) == 0)
            return read_value(i, equals + 1, len - key_len - 1, r);
    return true; /* a newer server's */
}

static crash_word word_of(const char *at, size_t len)
{
    for (crash_word w = CRASH_HAPPENED; w <= CRASH_RELEASED; w++)
        if (strlen(WORDS[w]) == len && memcmp(WORDS[w], at, len) == 0)
            return w;
    return 0;
}

bool crash_record_read(const char *line, size_t len, crash_record *ret)
{
    const size_t tail = sizeof SUM - 1 + SUM_DIGITS;
    uint64_t sum;
    if (len < tail || len > CRASH_LINE_MAX)
        return false;
    len -= tail;
    if (memcmp(line + len, SUM, sizeof SUM - 1) != 0 ||
        !read_digits(line + len + sizeof SUM - 1, SUM_DIGITS, 16, &sum) || sum != checksum(line, len))
        return false;

    crash_record r = {.word = 0};
    unsigned index = 0;
    for (size_t from = 0, to; from <= len; from = to + 1, index++) {
        const char *space = memchr(line + from, ' ', len - from);
        to = space ? (size_t)(space - line) : len;
        if (index == 1)
            r.word = word_of(line + from, to - from);
        else if (index > 1 && !read_field(line + from, to - from, &r))
            return false;
    }
    if (r.word == 0)
        return false;
    *ret = r;
    return true;
}
