/* A validating scanner of one JSON object: gives the span of each top-level member as the bytes it came in.
 * Sans-IO, no allocation. Refuses: anything that is not one object of RFC 8259, invalid UTF-8, a member that stands
 * twice at the top, depth over 64. What stands inside of a member is looked at for names that stand twice by
 * json_check(), of those that are read or go on. Needed because a payload is relayed byte for byte (numbers of any
 * size, \u0000, 1.10). */
#ifndef CORE_BASE_JSON_SCAN_H
#define CORE_BASE_JSON_SCAN_H

#include "core/base/json_string.h"
#include "core/base/json_walk.h"

typedef struct {
    sw_str key; /* raw, without quotes (may hold escapes) */
    bool key_escaped;
    sw_str value; /* raw text */
    char kind;    /* '{' '[' '"' '0' (number) 't' 'f' 'n' */
} json_member;

typedef struct {
    json_fault fault;
    bool half; /* half a character is in it: json_mend() what goes on */
} json_scanned;

/* Every member of the object is stored; one that has more than `max` is refused. Gives their number, -1 when the text
 * is refused, and why in *ret, which may be NULL. An object in an envelope has few members: 64 is plenty. */
int json_scan_object(const char *text, size_t len, json_member *members, int max, json_scanned *ret);
/* Is this one valid JSON text of any type, without a member that stands twice in one object? Takes memory only when
 * many names are in open objects at once. */
json_fault json_check(const char *text, size_t len);
bool json_valid(const char *text, size_t len);
/* A raw number as an integer, exactly; false when it is not one, or does not fit. */
bool json_number_int(sw_str raw, int64_t *ret);

#endif
