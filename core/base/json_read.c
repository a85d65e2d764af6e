/* JSON into a tree of jansson's values, made by our own walk: one pass that checks and builds. Any thread; the tree
 * belongs to the caller. */
#include "core/base/json.h"

#include "core/base/json_scan.h"
#include "core/base/json_walk.h"
#include "core/common/buf.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A limit of what a hostile text of "[],[],…" may cost: about 100 bytes of memory for three of text. */
enum { MAX_VALUES = 200000 };

typedef struct {
    json_walk walk;
    buf scratch;    /* of one text or number at a time */
    size_t element; /* of the root, when that is an array: which one is read, from 1 */
} reader;

static bool read_value(reader *r, json_t *into, const sw_str *key, json_t **ret);
static bool read_members(reader *r, json_t *into);

const sw_value *json_read(const char *text, size_t len, size_t max_depth)
{
    json_refusal why;
    return json_read_or_why(text, len, max_depth, &why);
}

const sw_value *json_read_or_why(const char *text, size_t len, size_t max_depth, json_refusal *ret)
{
    reader r = {.walk = {.at = text,
                         .end = text + len,
                         .max_depth = max_depth < JSON_MAX_DEPTH ? (unsigned)max_depth : JSON_MAX_DEPTH,
                         .max_values = MAX_VALUES}};
    json_t *root = NULL;
    json_walk_space(&r.walk);
    bool good = read_value(&r, NULL, NULL, &root);
    json_walk_space(&r.walk);
    if (!good || r.walk.at != r.walk.end) {
        json_decref(root);
        root = NULL;
        r.walk.fault = r.walk.fault ? r.walk.fault : JSON_NOT_VALID;
    }
    *ret = (json_refusal){.fault = r.walk.fault, .byte = (size_t)(r.walk.at - text), .element = r.element};
    buf_done(&r.scratch);
    return (const sw_value *)root;
}

static void end_value(void *arg)
{
    json_read_free(arg);
}

const sw_value *json_read_in(arena *a, const char *text, size_t len, json_refusal *ret)
{
    const sw_value *v = json_read_or_why(text, len, JSON_MAX_DEPTH, ret);
    if (v && !arena_defer(a, end_value, (void *)(uintptr_t)v)) {
        json_read_free(v);
        *ret = (json_refusal){.fault = JSON_NO_MEMORY};
        return NULL;
    }
    if (ret->fault == JSON_NO_MEMORY)
        a->lacking = true;
    return v;
}

const char *json_fault_text(json_fault fault)
{
    static const char *const TEXTS[] = {
        [JSON_SOUND] = "",
        [JSON_NOT_VALID] = "not valid JSON",
        [JSON_TWICE] = "a member stands twice in one object",
        [JSON_TOO_DEEP] = "nested too deep",
        [JSON_TOO_MANY] = "too many values",
        [JSON_BAD_NAME] = "the name of a member holds a NUL",
        [JSON_NO_MEMORY] = "no memory",
    };
    return TEXTS[fault];
}

void json_read_free(const sw_value *v)
{
    json_decref((json_t *)(uintptr_t)v);
}

/* The text of a string with its quotes; it may lie in r->scratch. false: no memory. */
static bool decode(reader *r, sw_str raw, sw_str *ret)
{
    *ret = (sw_str){raw.at + 1, raw.len - 2};
    if (!memchr(raw.at, '\\', raw.len))
        return true;
    buf_clear(&r->scratch);
    char *out = buf_reserve(&r->scratch, raw.len);
    if (!out)
        return false;
    ret->at = out;
    (void)json_string_decode(raw, out, &ret->len);
    return true;
}

/* A number that no int64 or double holds becomes 1e308, as json.h has it. */
static json_t *make_number(reader *r, sw_str raw)
{
    int64_t whole;
    double real = 1e308;
    if (json_number_int(raw, &whole))
        return json_integer(whole);
    if (memchr(raw.at, '.', raw.len) || memchr(raw.at, 'e', raw.len) || memchr(raw.at, 'E', raw.len)) {
        buf_clear(&r->scratch);
        buf_add(&r->scratch, raw.at, raw.len);
        const char *text = buf_text(&r->scratch);
        if (!text)
            return NULL;
        real = strtod(text, NULL);
    }
    return json_real(isfinite(real) ? real : 1e308);
}

static json_t *make_scalar(reader *r, sw_str raw)
{
    sw_str text;
    switch (raw.at[0]) {
    case '"':
        return decode(r, raw, &text) ? json_stringn_nocheck(text.at, text.len) : NULL;
    case 't':
        return json_true();
    case 'f':
        return json_false();
    case 'n':
        return json_null();
    default:
        return make_number(r, raw);
    }
}

static bool no_memory(reader *r)
{
    return json_walk_stop(&r->walk, JSON_NO_MEMORY);
}

/* Takes the value, also when it fails. A key with a NUL is refused, since nobody could ask for it, and one that is
 * there already. */
static bool put(reader *r, json_t *into, const sw_str *raw_key, json_t *value)
{
    sw_str key;
    if (!value)
        return no_memory(r);
    if (!into)
        return true;
    if (!raw_key)
        return json_array_append_new(into, value) == 0 || no_memory(r);
    if (!decode(r, *raw_key, &key)) {
        json_decref(value);
        return no_memory(r);
    }
    if (memchr(key.at, '\0', key.len)) {
        json_decref(value);
        return json_walk_stop(&r->walk, JSON_BAD_NAME);
    }
    if (key.at == r->scratch.at)
        r->scratch.len = key.len;
    else {
        buf_clear(&r->scratch);
        buf_add(&r->scratch, key.at, key.len);
    }
    const char *text = buf_text(&r->scratch);
    size_t before = json_object_size(into);
    if (!text)
        json_decref(value);
    if (!text || json_object_set_new_nocheck(into, text, value) != 0)
        return no_memory(r);
    return json_object_size(into) > before || json_walk_stop(&r->walk, JSON_TWICE);
}

/* The value that begins here, into its array (`key` NULL) or object, or as the root (`into` NULL). */
static bool read_value(reader *r, json_t *into, const sw_str *key, json_t **ret)
{
    json_walk *w = &r->walk;
    const char *from = w->at;
    bool object = from < w->end && *from == '{';
    if (!object && (from == w->end || *from != '[')) {
        if (!json_walk_value(w))
            return false;
        *ret = make_scalar(r, (sw_str){from, (size_t)(w->at - from)});
        return put(r, into, key, *ret);
    }
    if (++w->values > w->max_values)
        return json_walk_stop(w, JSON_TOO_MANY);
    if (w->depth >= w->max_depth)
        return json_walk_stop(w, JSON_TOO_DEEP);
    w->at++;
    *ret = object ? json_object() : json_array();
    return put(r, into, key, *ret) && read_members(r, *ret);
}

/* What stands in an object or array, and its end. At most JSON_MAX_DEPTH of these calls are in each other. */
static bool read_members(reader *r, json_t *into)
{
    json_walk *w = &r->walk;
    bool object = json_is_object(into);
    char close = object ? '}' : ']';
    json_walk_space(w);
    if (w->at < w->end && *w->at == close) {
        w->at++;
        return true;
    }
    w->depth++;
    for (;;) {
        sw_str key = {NULL, 0};
        bool escaped;
        json_t *value;
        if (object && !json_walk_key(w, &key, &escaped))
            return false;
        if (!object && w->depth == 1)
            r->element++;
        if (object)
            key = (sw_str){key.at - 1, key.len + 2}; /* with its quotes */
        if (!read_value(r, into, object ? &key : NULL, &value))
            return false;
        json_walk_space(w);
        char next = w->at < w->end ? *w->at++ : '\0';
        if (next == close)
            break;
        if (next != ',')
            return false;
        json_walk_space(w);
    }
    w->depth--;
    return true;
}

/* ---- reading the tree ---- */

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

/* A caller that does not ask for the length gets NULL for a text that holds a NUL, since it would see only a part. */
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
