/* Small work on texts that several files need: trimming, comparing, lists, and masks of secrets, also inside JSON. Pure
 * functions. */
#ifndef FEISHU_WORDS_H
#define FEISHU_WORDS_H

#include <steward/base.h>

/* What may be shown of a secret: nothing of an empty one, "****" of one of up to 4 bytes, else its first and last two
 * bytes and stars between them. `out` has room for strlen(secret) + 5 bytes. Only ASCII is shown, so that no character
 * is cut. */
void mask_secret(const char *secret, char *out);

/* Puts stars in the place of every text that is the value of a member `key`, however deep, in a text that is known to
 * be JSON. A key that is written with an escape counts as that one. */
void json_mask(char *json, size_t len, const char *key);

/* The text without white space (ASCII, and U+00A0) at both ends. */
sw_str text_trim(const char *text, size_t len);
bool text_is(sw_str s, const char *text);
/* Are the texts the same, with ASCII letters in any case? */
bool text_same(sw_str a, sw_str b);

/* May this id stand in a path? Anything but letters, digits and "_-." would make it another address. */
bool text_is_path_segment(const char *id);

/* Lists are texts with one item a line. Is the trimmed `value` an item, byte by byte? Ids of the platform differ by
 * case. A blank one never is. */
bool list_has(const char *list, const char *value);
/* Is an item of `items` one of `list`? */
bool list_meets(const char *list, const char *items);
/* Copies the first item that fits into `out`; false when there is none. */
bool list_first(const char *list, char *out, size_t size);

#endif
