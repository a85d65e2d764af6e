/* Percent escapes, and the query string. Pure. */
#ifndef CORE_HTTP_URI_H
#define CORE_HTTP_URI_H

#include <steward/base.h>

/* Every % is followed by two hex digits, and none of them stands for NUL. */
bool uri_escapes_valid(sw_str s);
/* Decodes into `out` (at least raw.len bytes); gives the length. `plus`: + is a space, as in queries. */
size_t uri_decode(sw_str raw, bool plus, char *out);
/* Does the piece, decoded, equal `text`? */
bool uri_equals(sw_str raw, bool plus, sw_str text);
/* The first value of `name` in "a=1&b=2", still encoded. false: there is none. A name without = has the value "". */
bool uri_query_find(sw_str query, const char *name, sw_str *ret_value);

#endif
