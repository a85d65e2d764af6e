/* The grammar of JSON, see json_walk.h. Any thread, no memory. */
#include "core/base/json_walk.h"

#include "core/common/utf8.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first byte from `at` on that is a quote, a backslash, a control character or not ASCII. */
static const char *skip_plain(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i space = _mm_set1_epi8(0x20), quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    for (; end - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* Signed: bytes from 80 on are below the space too. */
        __m128i special = _mm_or_si128(_mm_cmplt_epi8(block, space),
                                       _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)));
        unsigned mask = (unsigned)_mm_movemask_epi8(special);
        if (mask != 0)
            return at + __builtin_ctz(mask);
    }
#endif
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

static bool hex_digit(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool four_digits(json_walk *w)
{
    if (w->end - w->at < 4)
        return false;
    for (int i = 0; i < 4; i++)
        if (!hex_digit(*w->at++))
            return false;
    return true;
}

/* The four digits before `at`, of which the first is a d: 8 to b begin a high surrogate, c to f a low one. */
static bool surrogate(const char *at, bool high)
{
    char d = (char)(at[-4] | 0x20), second = (char)(at[-3] | 0x20);
    bool is_high = second == '8' || second == '9' || second == 'a' || second == 'b';
    return d == 'd' && (high ? is_high : second >= 'c' && second <= 'f');
}

/* Behind the backslash. A surrogate need not have its partner, but it is noted. */
static bool walk_escape(json_walk *w)
{
    if (w->at == w->end)
        return false;
    char c = *w->at++;
    if (c != 'u')
        return c != '\0' && strchr("\"\\/bfnrt", c);
    if (!four_digits(w))
        return false;
    if (surrogate(w->at, false))
        w->half = true;
    if (!surrogate(w->at, true))
        return true;
    if (w->end - w->at < 2 || w->at[0] != '\\' || w->at[1] != 'u') {
        w->half = true;
        return true;
    }
    const char *next = w->at;
    w->at += 2;
    if (!four_digits(w))
        return false;
    if (!surrogate(w->at, false)) {
        w->half = true;
        w->at = next; /* an escape of its own */
    }
    return true;
}

/* From the opening quote on. */
static bool walk_string(json_walk *w, bool *ret_escaped)
{
    w->at++;
    for (;;) {
        w->at = skip_plain(w->at, w->end);
        if (w->at == w->end)
            return false;
        unsigned char c = (unsigned char)*w->at;
        if (c == '"') {
            w->at++;
            return true;
        }
        if (c == '\\') {
            w->at++;
            *ret_escaped = true;
            if (!walk_escape(w))
                return false;
        } else {
            size_t n = c < 0x20 ? 0 : utf8_sequence(w->at, (size_t)(w->end - w->at));
            if (n == 0)
                return false;
            w->at += n;
        }
    }
}

/* At least one digit. */
static bool walk_digits(json_walk *w)
{
    const char *from = w->at;
    while (w->at < w->end && *w->at >= '0' && *w->at <= '9')
        w->at++;
    return w->at > from;
}

static bool walk_number(json_walk *w)
{
    if (*w->at == '-')
        w->at++;
    if (w->at < w->end && *w->at == '0')
        w->at++;
    else if (!walk_digits(w))
        return false;
    if (w->at < w->end && *w->at == '.') {
        w->at++;
        if (!walk_digits(w))
            return false;
    }
    if (w->at < w->end && (*w->at | 0x20) == 'e') {
        w->at++;
        if (w->at < w->end && (*w->at == '+' || *w->at == '-'))
            w->at++;
        if (!walk_digits(w))
            return false;
    }
    return true;
}

static bool walk_word(json_walk *w, const char *word, size_t len)
{
    if ((size_t)(w->end - w->at) < len || memcmp(w->at, word, len) != 0)
        return false;
    w->at += len;
    return true;
}

/* A value that holds no other. */
static bool walk_scalar(json_walk *w)
{
    bool escaped;
    switch (*w->at) {
    case '"':
        return walk_string(w, &escaped);
    case 't':
        return walk_word(w, "true", 4);
    case 'f':
        return walk_word(w, "false", 5);
    case 'n':
        return walk_word(w, "null", 4);
    default:
        return walk_number(w);
    }
}

bool json_walk_key(json_walk *w, sw_str *ret_key, bool *ret_escaped)
{
    const char *from = w->at + 1;
    *ret_escaped = false;
    if (w->at == w->end || *w->at != '"' || !walk_string(w, ret_escaped))
        return false;
    *ret_key = (sw_str){from, (size_t)(w->at - 1 - from)};
    json_walk_space(w);
    if (w->at == w->end || *w->at != ':')
        return false;
    w->at++;
    json_walk_space(w);
    return true;
}

/* The name of a member of the object at w->depth, for the set of names. */
static bool walk_name(json_walk *w)
{
    sw_str name;
    bool escaped;
    if (!json_walk_key(w, &name, &escaped))
        return false;
    switch (!w->names ? JSON_NAME_NEW : json_names_add(w->names, w->depth - 1, name, escaped)) {
    case JSON_NAME_NEW:
        return true;
    case JSON_NAME_TWICE:
        return json_walk_stop(w, JSON_TWICE);
    case JSON_NAME_NO_MEMORY:
        break;
    }
    return json_walk_stop(w, JSON_NO_MEMORY);
}

/* Behind a value inside of brackets: over closing brackets and the comma to where the next value begins. The bits of
 * `objects` say of each level below the current depth whether it is an object. false when the text is not valid. */
static bool walk_on(json_walk *w, unsigned base, uint64_t objects)
{
    while (w->depth > base) {
        bool in_object = (objects >> (w->depth - 1) & 1) != 0;
        json_walk_space(w);
        if (w->at == w->end)
            return false;
        char c = *w->at++;
        if (c == (in_object ? '}' : ']')) {
            w->depth--;
            if (in_object && w->names)
                json_names_close(w->names, w->depth);
            continue;
        }
        if (c != ',')
            return false;
        json_walk_space(w);
        return !in_object || walk_name(w);
    }
    return true;
}

bool json_walk_value(json_walk *w)
{
    const unsigned base = w->depth;
    uint64_t objects = 0; /* one bit a level: is it an object? */
    do {
        if (w->at == w->end)
            return false;
        if (++w->values > w->max_values)
            return json_walk_stop(w, JSON_TOO_MANY);
        char c = *w->at;
        if (c == '{' || c == '[') {
            if (w->depth >= w->max_depth)
                return json_walk_stop(w, JSON_TOO_DEEP);
            uint64_t bit = UINT64_C(1) << w->depth++;
            objects = c == '{' ? objects | bit : objects & ~bit;
            w->at++;
            json_walk_space(w);
            if (w->at < w->end && *w->at == (c == '{' ? '}' : ']')) {
                w->at++;
                w->depth--;
            } else {
                if (c == '{' && w->names)
                    json_names_open(w->names, w->depth - 1);
                if (c == '{' && !walk_name(w))
                    return false;
                continue;
            }
        } else if (!walk_scalar(w))
            return false;
        if (!walk_on(w, base, objects))
            return false;
    } while (w->depth > base);
    return true;
}
