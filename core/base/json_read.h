/* Reading JSON into a tree, over jansson. The readers sw_value_* of <steward/json.h> stand beside. */
#ifndef CORE_BASE_JSON_READ_H
#define CORE_BASE_JSON_READ_H

#include <steward/json.h>

/* One JSON text as a tree of its own memory: json_read_free(). NULL: not valid JSON, deeper than `max_depth` (at
 * most 64), of more than 200,000 values, a lone surrogate in a text, or out of memory.
 * Numbers that no int64 or double holds are read as a real number, so that they are no error in members that nobody
 * reads, and no integer in those that somebody does. Of duplicate members the last one counts. */
const sw_value *json_read(const char *text, size_t len, size_t max_depth);
void json_read_free(const sw_value *v);

#endif
