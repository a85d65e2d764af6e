/* Small work on texts. See words.h. */
#include "words.h"
#include <string.h>

enum { SHORT = 4, SHOWN = 2, LIST_ITEM_MAX = 256 };

static bool plain(char c)
{
    return c > ' ' && c < 0x7f;
}

void mask_secret(const char *secret, char *out)
{
    size_t len = strlen(secret);

    if (len == 0) {
        out[0] = '\0';
        return;
    }
    if (len <= SHORT) {
        memset(out, '*', SHORT);
        out[SHORT] = '\0';
        return;
    }
    for (size_t i = 0; i < len; i++) {
        bool shown = (i < SHOWN || i >= len - SHOWN) && plain(secret[i]);
        out[i] = shown ? secret[i] : '*';
    }
    out[len] = '\0';
}

/* The quote that ends the string whose first byte is at `at`. */
static size_t string_end(const char *json, size_t len, size_t at)
{
    while (at < len && json[at] != '"')
        at += json[at] == '\\' ? 2 : 1;
    return at < len ? at : len;
}

void json_mask(char *json, size_t len, const char *key)
{
    bool wanted = false; /* the next value is the one */

    for (size_t at = 0; at < len; at++) {
        if (json[at] == '"') {
            size_t begin = at + 1, end = string_end(json, len, begin), next = end + 1;
            while (next < len && strchr(" \t\r\n", json[next]))
                next++;
            sw_str text = {json + begin, end - begin};
            if (next < len && json[next] == ':')
                wanted = text_is(text, key) || memchr(text.at, '\\', text.len);
            else if (wanted)
                memset(json + begin, '*', text.len);
            at = end;
        } else if (strchr(",{[", json[at])) {
            wanted = false;
        }
    }
}

/* How many bytes of white space begin at `at`. */
static size_t blank(const char *at, size_t left)
{
    if (left >= 1 && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
        return 1;
    return left >= 2 && at[0] == '\xc2' && at[1] == '\xa0' ? 2 : 0;
}

sw_str text_trim(const char *text, size_t len)
{
    size_t n;

    while ((n = blank(text, len)) > 0) {
        text += n;
        len -= n;
    }
    while (len > 0) {
        if (blank(text + len - 1, 1))
            len--;
        else if (len >= 2 && blank(text + len - 2, 2) == 2)
            len -= 2;
        else
            break;
    }
    return (sw_str){text, len};
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_same(sw_str a, sw_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

bool text_is(sw_str s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

bool text_is_path_segment(const char *id)
{
    return *id && id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] == '\0';
}

bool list_has(const char *list, const char *value)
{
    sw_str wanted = text_trim(value, strlen(value));

    if (wanted.len == 0)
        return false;
    while (*list) {
        size_t len = strcspn(list, "\n");
        sw_str item = text_trim(list, len);
        if (item.len == wanted.len && memcmp(item.at, wanted.at, wanted.len) == 0)
            return true;
        list += len + (list[len] == '\n');
    }
    return false;
}

bool list_meets(const char *list, const char *items)
{
    while (*items) {
        size_t len = strcspn(items, "\n");
        char one[LIST_ITEM_MAX + 1] = "";
        if (len <= LIST_ITEM_MAX)
            memcpy(one, items, len);
        if (list_has(list, one))
            return true;
        items += len + (items[len] == '\n');
    }
    return false;
}

bool list_first(const char *list, char *out, size_t size)
{
    while (*list) {
        size_t len = strcspn(list, "\n");
        sw_str item = text_trim(list, len);
        if (item.len > 0 && item.len < size) {
            memcpy(out, item.at, item.len);
            out[item.len] = '\0';
            return true;
        }
        list += len + (list[len] == '\n');
    }
    return false;
}
