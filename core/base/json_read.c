#include "core/base/json_read.h"

#include "core/base/json_scan.h"
#include "core/base/json_walk.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A bound on what a hostile text of "[],[],…" may cost: about 100 bytes of memory for three of text. */
enum { MAX_VALUES = 200000 };

enum { FLAGS = JSON_DECODE_ANY | JSON_ALLOW_NUL };

static json_t *read_large_numbers(const char *text, size_t len);

const sw_value *json_read(const char *text, size_t len, size_t max_depth)
{
    unsigned depth = max_depth < JSON_MAX_DEPTH ? (unsigned)max_depth : JSON_MAX_DEPTH;
    if (!json_valid_within(text, len, depth, MAX_VALUES))
        return NULL; /* cheaper than jansson, which goes down to 2048 levels */
    json_error_t error;
    json_t *tree = json_loadb(text, len, FLAGS, &error);
    if (!tree && json_error_code(&error) == json_error_numeric_overflow)
        tree = read_large_numbers(text, len);
    return (const sw_value *)tree;
}

void json_read_free(const sw_value *v)
{
    json_decref((json_t *)(uintptr_t)v);
}

/* Does a number of a valid text fit an int64, or a double if it is written as one? */
static bool fits(sw_str number)
{
    int64_t value;
    for (size_t i = 0; i < number.len; i++)
        if (number.at[i] == '.' || (number.at[i] | 0x20) == 'e')
            return isfinite(strtod(number.at, NULL));
    return json_number_int(number, &value);
}

/* Puts 1e308 in the place of numbers that jansson refuses (all of them are longer), and reads again. */
static json_t *read_large_numbers(const char *text, size_t len)
{
    char *copy = malloc(len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    bool in_string = false;
    for (size_t i = 0; i < len;) {
        if (in_string && copy[i] == '\\') {
            i += 2;
            continue;
        }
        if (copy[i] == '"')
            in_string = !in_string;
        if (in_string || (copy[i] != '-' && (copy[i] < '0' || copy[i] > '9'))) {
            i++;
            continue;
        }
        sw_str number = {copy + i, strspn(copy + i, "+-.0123456789eE")};
        if (!fits(number)) {
            memset(copy + i, ' ', number.len);
            memcpy(copy + i, "1e308", 5);
        }
        i += number.len;
    }
    json_t *tree = json_loadb(copy, len, FLAGS, NULL);
    free(copy);
    return tree;
}

static const json_t *tree_of(const sw_value *v)
{
    return (const json_t *)v;
}

sw_json_type sw_value_type(const sw_value *v)
{
    if (!v)
        return (sw_json_type)0;
    switch (json_typeof(tree_of(v))) {
    case JSON_NULL:
        return SW_JSON_NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        return SW_JSON_BOOL;
    case JSON_INTEGER:
        return SW_JSON_INT;
    case JSON_REAL:
        return SW_JSON_REAL;
    case JSON_STRING:
        return SW_JSON_TEXT;
    case JSON_ARRAY:
        return SW_JSON_ARRAY;
    case JSON_OBJECT:
        return SW_JSON_OBJECT;
    }
    return (sw_json_type)0;
}

const sw_value *sw_value_get(const sw_value *v, const char *key)
{
    return (const sw_value *)json_object_get(tree_of(v), key);
}

size_t sw_value_count(const sw_value *v)
{
    return json_array_size(tree_of(v));
}

const sw_value *sw_value_at(const sw_value *v, size_t index)
{
    return (const sw_value *)json_array_get(tree_of(v), index);
}

/* A text that holds a NUL is no text for a caller that does not ask for the length: it would see less than all. */
const char *sw_value_text(const sw_value *v, size_t *ret_len)
{
    const char *text = json_string_value(tree_of(v));
    if (!text)
        return NULL;
    size_t len = json_string_length(tree_of(v));
    if (ret_len)
        *ret_len = len;
    else if (memchr(text, '\0', len))
        return NULL;
    return text;
}

int64_t sw_value_int(const sw_value *v, int64_t fallback)
{
    return json_is_integer(tree_of(v)) ? (int64_t)json_integer_value(tree_of(v)) : fallback;
}

double sw_value_double(const sw_value *v, double fallback)
{
    return json_is_number(tree_of(v)) ? json_number_value(tree_of(v)) : fallback;
}

int sw_value_bool(const sw_value *v, int fallback)
{
    return json_is_boolean(tree_of(v)) ? json_is_true(tree_of(v)) : fallback;
}
