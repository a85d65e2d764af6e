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

/* Every member of the object is stored; one that has more than `max` is refused. Gives their number, -1 when the text
 * is not valid. An object in an envelope has few members: 64 is plenty. */
int json_scan_object(const char *text, size_t len, json_member *members, int max);
/* Is this one valid JSON text of any type? */
bool json_valid(const char *text, size_t len);
/* Length in bytes of a raw JSON string (with quotes) when decoded as UTF-8; lone surrogates count 3. */
size_t json_string_decoded_len(sw_str raw);
/* What a text holds that not everybody takes: half a character (written as U+FFFD), or a NUL. */
typedef enum { JSON_TEXT_WHOLE = 1, JSON_TEXT_NUL, JSON_TEXT_BROKEN } json_text;

/* Decodes a raw JSON string (with quotes) into `out`, which has room for raw.len bytes. */
json_text json_string_decode(sw_str raw, char *out, size_t *ret_len);
/* A raw number as an integer, exactly; false when it is not one, or does not fit. */
bool json_number_int(sw_str raw, int64_t *ret);

#endif
