/* A validating scanner of one JSON object: gives the span of each top-level member as the bytes it came in.
 * Sans-IO, no allocation. Refuses: anything that is not one object of RFC 8259, invalid UTF-8, duplicate
 * top-level members, depth over 64. Needed because a payload is relayed byte for byte (numbers of any size,
 * \u0000, 1.10). */
#ifndef CORE_BASE_JSON_SCAN_H
#define CORE_BASE_JSON_SCAN_H

#include <steward/base.h>

typedef struct {
    sw_str key; /* raw, without quotes (may hold escapes) */
    bool key_escaped;
    sw_str value; /* raw text */
    char kind;    /* '{' '[' '"' '0' (number) 't' 'f' 'n' */
} json_member;

/* Up to `max` members of interest... every member is stored; more than `max` is refused. Returns the count, -1:
 * not valid. A JSON object in an envelope has few members: 64 is plenty. */
int json_scan_object(const char *text, size_t len, json_member *members, int max);
/* Is this one valid JSON text (any type)? */
bool json_valid(const char *text, size_t len);
/* Length in bytes of a raw JSON string (with quotes) when decoded as UTF-8; lone surrogates count 3. */
size_t json_string_decoded_len(sw_str raw);
/* Decodes into `out` (at least raw.len bytes). false: lone surrogate or \u0000 (out then holds U+FFFD / NUL). */
bool json_string_decode(sw_str raw, char *out, size_t *ret_len);
/* A raw number as an integer, exactly; false: not an integer of int64. */
bool json_number_int(sw_str raw, int64_t *ret);

#endif
