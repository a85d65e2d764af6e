/* Small helpers for pieces of text, see str.h. Any thread, no memory. */
#include "core/base/str.h"

#include "core/base/json_scan.h"

bool str_starts_nocase(sw_str a, const char *prefix)
{
    size_t i = 0;
    for (; prefix[i] != '\0'; i++)
        if (i == a.len || str_lower(a.at[i]) != str_lower(prefix[i]))
            return false;
    return true;
}

bool str_equal_nocase(sw_str a, const char *b)
{
    return strlen(b) == a.len && str_starts_nocase(a, b);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

sw_str str_trim(sw_str s)
{
    while (s.len > 0 && is_space(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

bool str_next(sw_str *rest, char separator, sw_str *ret_piece)
{
    if (!rest->at)
        return false;
    const char *found = rest->len == 0 ? NULL : memchr(rest->at, separator, rest->len);
    size_t len = !found ? rest->len : (size_t)(found - rest->at);
    *ret_piece = str_trim((sw_str){rest->at, len});
    *rest = !found ? (sw_str){NULL, 0} : (sw_str){found + 1, rest->len - len - 1};
    return true;
}

bool str_int(sw_str s, int64_t *ret)
{
    return json_number_int(s, ret);
}
