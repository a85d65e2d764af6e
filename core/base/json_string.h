/* The inside of JSON strings that json_walk.h has found valid: their characters, and halves of characters.
 *
 * An escape of a surrogate without its partner ("\ud83c") is half a character, which no UTF-8 can hold and many readers
 * refuse. There is one rule for it: it is U+FFFD, in whatever is stored, relayed or sent on. */
#ifndef CORE_BASE_JSON_STRING_H
#define CORE_BASE_JSON_STRING_H

#include <steward/base.h>

/* One character: its code point. *at moves behind it. */
uint32_t json_next_char(const char **at, const char *end);
/* Have two member names, raw and without their quotes, the same characters? */
bool json_same_text(sw_str a, bool a_escaped, sw_str b, bool b_escaped);

/* Length in bytes of a raw string (with quotes) when decoded as UTF-8. */
size_t json_string_decoded_len(sw_str raw);
/* Does a text hold what not everybody takes: a half character, or a NUL? */
typedef enum { JSON_TEXT_WHOLE = 1, JSON_TEXT_NUL, JSON_TEXT_BROKEN } json_text;
/* Decodes a raw string (with quotes) into `out`, which has room for raw.len bytes. */
json_text json_string_decode(sw_str raw, char *out, size_t *ret_len);

/* Replaces each half character in the strings of a valid JSON text by the escape of U+FFFD, which is as long. */
void json_mend(char *text, size_t len);

#endif
