/* Reading JSON into a tree of jansson's values. The readers sw_value_* of <steward/json.h> are in json_read.c, too. */
#ifndef CORE_BASE_JSON_READ_H
#define CORE_BASE_JSON_READ_H

#include <steward/json.h>

/* One JSON text as a tree with memory of its own, to be given back by json_read_free(). NULL when it is not valid JSON,
 * is deeper than `max_depth` (at most 64), has more than 200,000 values, a text with a lone surrogate or a key with a
 * NUL, and when there is no memory. A number that no int64 or double holds is read as the real number 1e308: so it is
 * not an error in a member that nobody reads, and not an integer in one that somebody does. Of members with the same
 * name the last one counts. */
const sw_value *json_read(const char *text, size_t len, size_t max_depth);
void json_read_free(const sw_value *v);

#endif
