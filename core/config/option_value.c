/* From the text of an option to its value, and words about its type, see option_value.h. Sans-IO. */
#include "core/config/option_value.h"

#include "core/base/str.h"
#include "core/common/utf8.h"

#include <string.h>

static const char NO_MEMORY[] = "cannot be kept: out of memory";

typedef struct {
    const char *name;
    int64_t factor;
} unit;

/* Largest first: also the order in which a number is written. */
static const unit DURATIONS[] = {{"w", 604800000}, {"d", 86400000}, {"h", 3600000},
                                 {"m", 60000},     {"s", 1000},     {"ms", 1}};
static const unit SIZES[] = {{"T", INT64_C(1) << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}};
enum {
    DURATION_COUNT = sizeof DURATIONS / sizeof DURATIONS[0],
    SIZE_COUNT = sizeof SIZES / sizeof SIZES[0],
    MINIMUM_PREFIX = 3, /* letters of an enum's choice that are enough */
};

static bool parse_bool(const char *text, int64_t *ret);
static bool parse_duration(const char *text, int64_t *ret);
static bool parse_size(const char *text, int64_t *ret);
static const char *parse_enum(arena *mem, const sw_option *o, const char *text);
static bool parse_list(arena *mem, const char *text, option_value *ret);
static bool in_range(const sw_option *o, int64_t number);
static bool is_empty_default(const sw_option *o);

const char *option_value_parse(arena *mem, const sw_option *o, const char *text, option_value *ret)
{
    size_t len = strlen(text);
    option_value v = {.text = arena_strndup(mem, text, len)};
    bool good = true, ranged = false;
    if (!v.text)
        return NO_MEMORY;
    if (!utf8_valid(text, len))
        return "must be UTF-8";
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 && text[i] != '\t')
            return "must not hold control characters";
    switch (o->type) {
    case SW_OPTION_STRING:
    case SW_OPTION_SECRET:
        good = in_range(o, (int64_t)len) || (len == 0 && is_empty_default(o));
        break;
    case SW_OPTION_INT:
        good = ranged = str_int(str_of(text), &v.number);
        break;
    case SW_OPTION_BOOL:
        good = parse_bool(text, &v.number);
        break;
    case SW_OPTION_DURATION:
        good = ranged = parse_duration(text, &v.number);
        break;
    case SW_OPTION_SIZE:
        good = ranged = parse_size(text, &v.number);
        break;
    case SW_OPTION_LIST:
        if (!parse_list(mem, text, &v))
            return NO_MEMORY;
        break;
    case SW_OPTION_ENUM:
        v.text = parse_enum(mem, o, text);
        good = v.text != NULL;
        break;
    default:
        return "is of a type that this server does not know";
    }
    if (!good || (ranged && !in_range(o, v.number))) {
        const char *what = option_value_describe(mem, o, true);
        const char *message = !what ? NULL : arena_printf(mem, "must be %s", what);
        return !message ? NO_MEMORY : message;
    }
    *ret = v;
    return NULL;
}

static bool has_range(const sw_option *o)
{
    return o->min != 0 || o->max != 0;
}

/* Empty means "not set" where that is the default. */
static bool is_empty_default(const sw_option *o)
{
    return !o->default_value || o->default_value[0] == '\0';
}

/* `max` 0 above a minimum: no upper bound. */
static bool has_maximum(const sw_option *o)
{
    return has_range(o) && o->max >= o->min;
}

static bool in_range(const sw_option *o, int64_t number)
{
    return !has_range(o) || (number >= o->min && (!has_maximum(o) || number <= o->max));
}

static bool parse_bool(const char *text, int64_t *ret)
{
    static const char *const WORDS[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (int i = 0; i < 8; i++)
        if (str_equal_nocase(str_of(text), WORDS[i])) {
            *ret = i % 2;
            return true;
        }
    return false;
}

/* The digits of a number and of its fraction, in thousandths; moves on behind them. */
static bool take_decimal(const char **at, int64_t *ret_thousandths)
{
    int64_t value = 0, scale = 100;
    if (**at < '0' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, **at - '0', &value))
            return false;
    if (__builtin_mul_overflow(value, 1000, &value))
        return false;
    if (**at == '.') {
        (*at)++;
        if (**at < '0' || **at > '9')
            return false;
        for (; **at >= '0' && **at <= '9'; (*at)++, scale /= 10)
            if (__builtin_add_overflow(value, scale * (**at - '0'), &value))
                return false;
    }
    *ret_thousandths = value;
    return true;
}

/* value / 1000 * factor, without losing the fraction. */
static bool scale_by(int64_t thousandths, int64_t factor, int64_t *ret)
{
    int64_t whole, part = thousandths % 1000 * factor / 1000;
    return !__builtin_mul_overflow(thousandths / 1000, factor, &whole) && !__builtin_add_overflow(whole, part, ret);
}

/* "10s", "1h30m", "24h0m0s" (as Go writes it), "1.5h"; a number alone: seconds. */
static bool parse_duration(const char *text, int64_t *ret)
{
    int64_t total = 0, number, part;
    if (!take_decimal(&text, &number))
        return false;
    if (*text == '\0')
        return scale_by(number, 1000, ret);
    for (;;) {
        size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz"), i = 0;
        while (i < DURATION_COUNT && !str_equal((sw_str){text, len}, DURATIONS[i].name))
            i++;
        if (i == DURATION_COUNT || !scale_by(number, DURATIONS[i].factor, &part) ||
            __builtin_add_overflow(total, part, &total))
            return false;
        text += len;
        if (*text == '\0')
            break;
        if (!take_decimal(&text, &number))
            return false;
    }
    *ret = total;
    return true;
}

/* "64K", "1.5G", "10 MiB", "4096". */
static bool parse_size(const char *text, int64_t *ret)
{
    int64_t number, factor = 1;
    if (!take_decimal(&text, &number))
        return false;
    sw_str suffix = str_trim(str_of(text));
    for (size_t i = 0; suffix.len > 0 && i < SIZE_COUNT; i++)
        if (str_starts_nocase(suffix, SIZES[i].name)) {
            factor = SIZES[i].factor;
            suffix = (sw_str){suffix.at + 1, suffix.len - 1};
            if (str_equal_nocase(suffix, "iB"))
                suffix.len = 0;
            break;
        }
    if (suffix.len > 0 && !str_equal_nocase(suffix, "B"))
        return false;
    return scale_by(number, factor, ret);
}

/* One of the choices, in any case; a beginning of three letters that only one of them has will do ("dev", "prod"). */
static const char *parse_enum(arena *mem, const sw_option *o, const char *text)
{
    sw_str given = str_of(text), rest = str_of(o->choices), choice, found = {NULL, 0};
    int hits = 0;
    while (str_next(&rest, '|', &choice)) {
        if (choice.len < given.len)
            continue;
        bool begins = true;
        for (size_t i = 0; i < given.len; i++)
            begins = begins && str_lower(given.at[i]) == str_lower(choice.at[i]);
        if (!begins)
            continue;
        if (choice.len == given.len)
            return arena_strndup(mem, choice.at, choice.len);
        found = choice;
        hits++;
    }
    return hits == 1 && given.len >= MINIMUM_PREFIX ? arena_strndup(mem, found.at, found.len) : NULL;
}

static bool parse_list(arena *mem, const char *text, option_value *ret)
{
    size_t most = 1;
    for (const char *at = text; *at != '\0'; at++)
        most += *at == ',';
    const char **items = arena_alloc(mem, most * sizeof *items);
    sw_str rest = str_of(text), item;
    if (!items)
        return false;
    while (str_next(&rest, ',', &item)) {
        if (item.len == 0)
            continue;
        items[ret->item_count] = arena_strndup(mem, item.at, item.len);
        if (!items[ret->item_count++])
            return false;
    }
    ret->items = items;
    return true;
}

/* ---- words ---- */

const char *option_value_number(arena *mem, sw_option_type type, int64_t number)
{
    const unit *units = type == SW_OPTION_DURATION ? DURATIONS : SIZES;
    size_t count = type == SW_OPTION_DURATION ? DURATION_COUNT : type == SW_OPTION_SIZE ? SIZE_COUNT : 0;
    for (size_t i = 0; i < count; i++)
        if (number != 0 && number % units[i].factor == 0)
            return arena_printf(mem, "%lld%s", (long long)(number / units[i].factor), units[i].name);
    return arena_printf(mem, "%lld%s", (long long)number, type == SW_OPTION_DURATION ? "s" : ""); /* 0 */
}

static const char *describe_choices(arena *mem, const char *choices)
{
    sw_str rest = str_of(choices), choice;
    const char *text = NULL;
    while (str_next(&rest, '|', &choice))
        text = !text ? arena_strndup(mem, choice.at, choice.len)
                     : arena_printf(mem, "%s%s%.*s", text, !rest.at ? " or " : ", ", (int)choice.len, choice.at);
    return text;
}

/* What each type is, and how it is written. */
static const struct {
    const char *what, *examples;
} TYPES[] = {
    [SW_OPTION_STRING] = {"text", ""},
    [SW_OPTION_INT] = {"a whole number", ""},
    [SW_OPTION_BOOL] = {"true or false", ""},
    [SW_OPTION_DURATION] = {"a duration", " (500ms, 10s, 5m, 24h, 7d)"},
    [SW_OPTION_SIZE] = {"a size", " (64K, 1M, 2G)"},
    [SW_OPTION_LIST] = {"a list", " (a, b, c)"},
    [SW_OPTION_SECRET] = {"a secret text", ""},
};

const char *option_value_describe(arena *mem, const sw_option *o, bool examples)
{
    if (o->type == SW_OPTION_ENUM)
        return describe_choices(mem, o->choices);
    const char *type = TYPES[o->type].what;
    if (examples && TYPES[o->type].examples[0] != '\0')
        type = arena_printf(mem, "%s%s", type, TYPES[o->type].examples);
    if (!type || !has_range(o) || o->type == SW_OPTION_BOOL || o->type == SW_OPTION_LIST)
        return type;
    bool text = o->type == SW_OPTION_STRING || o->type == SW_OPTION_SECRET;
    const char *low = option_value_number(mem, o->type, o->min), *high = option_value_number(mem, o->type, o->max);
    const char *of = text ? " of " : " ", *bytes = text ? " bytes" : "";
    if (!low || !high)
        return NULL;
    if (!has_maximum(o))
        return arena_printf(mem, "%s%sat least %s%s", type, text ? of : ", ", low, bytes);
    return arena_printf(mem, "%s%s%s to %s%s", type, text ? of : " from ", low, high, bytes);
}
