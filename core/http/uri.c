/* Percent escapes are decoded where they are read: a path is compared and a query searched as they came. Pure. */
#include "core/http/uri.h"

#include "core/base/str.h"

/* The byte that stands at `at`, as it is or escaped; its length in *ret_used. */
static char byte_at(sw_str s, size_t at, bool plus, size_t *ret_used)
{
    char c = s.at[at];
    *ret_used = 1;
    if (c == '+' && plus)
        return ' ';
    if (c != '%' || s.len - at < 3)
        return c;
    int high = str_hex_digit(s.at[at + 1]), low = str_hex_digit(s.at[at + 2]);
    if (high < 0 || low < 0)
        return c;
    *ret_used = 3;
    return (char)(high * 16 + low);
}

bool uri_escapes_valid(sw_str s)
{
    const char *at = s.at, *end = s.at + s.len;
    while ((at = memchr(at, '%', (size_t)(end - at)))) {
        if (end - at < 3 || str_hex_digit(at[1]) < 0 || str_hex_digit(at[2]) < 0 || (at[1] == '0' && at[2] == '0'))
            return false;
        at += 3;
    }
    return true;
}

size_t uri_decode(sw_str raw, bool plus, char *out)
{
    size_t len = 0, used;
    for (size_t i = 0; i < raw.len; i += used)
        out[len++] = byte_at(raw, i, plus, &used);
    return len;
}

bool uri_equals(sw_str raw, bool plus, sw_str text)
{
    size_t at = 0, used;
    for (size_t i = 0; i < raw.len; i += used, at++)
        if (at == text.len || byte_at(raw, i, plus, &used) != text.at[at])
            return false;
    return at == text.len;
}

bool uri_query_find(sw_str query, const char *name, sw_str *ret_value)
{
    const char *at = query.at, *end = query.at + query.len;
    while (at && at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (!stop)
            stop = end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        sw_str key = {at, (size_t)((equals ? equals : stop) - at)};
        if (uri_equals(key, true, str_of(name))) {
            const char *value = equals ? equals + 1 : stop;
            *ret_value = (sw_str){value, (size_t)(stop - value)};
            return true;
        }
        at = stop + 1;
    }
    return false;
}
