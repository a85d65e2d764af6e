/* The value of one option: from its text, by its type. */
#ifndef CORE_CONFIG_OPTION_VALUE_H
#define CORE_CONFIG_OPTION_VALUE_H

#include "core/base/arena.h"
#include <steward/option.h>

typedef struct {
    const char *text;         /* as given; an enum as the table writes it */
    int64_t number;           /* integers, ms, bytes; 1 for true */
    const char *const *items; /* of a list */
    size_t item_count;
} option_value;

/* Memory of `mem`. NULL when it is good, otherwise what is wrong with the text, as "must be …" (never with the text of
 * a secret). */
const char *option_value_parse(arena *mem, const sw_option *o, const char *text, option_value *ret);
/* "a duration from 1s to 1d", "production or development". `examples`: "a duration (500ms, …) …". */
const char *option_value_describe(arena *mem, const sw_option *o, bool examples);
/* A number as it stands in a file: 90000 ms as "90s", 1048576 bytes as "1M". */
const char *option_value_number(arena *mem, sw_option_type type, int64_t number);

#endif
