/* What of a secret may be shown, and small text helpers that several files need. Pure. */
#ifndef FEISHU_WORDS_H
#define FEISHU_WORDS_H

#include <steward/base.h>

/* "" for none, "****" up to 4 bytes, else the first and last two and stars between, as long as the secret. `out` holds
 * strlen(secret) + 5 bytes. Only ASCII is shown: a character is never cut. */
void mask_secret(const char *secret, char *out);

/* Without white space (ASCII, and U+00A0) at both ends. */
sw_str text_trim(const char *text, size_t len);
bool text_is(sw_str s, const char *text);
/* The same text, ASCII letters in any case? */
bool text_same(sw_str a, sw_str b);

/* Lists are texts of one item a line. Is the trimmed `value` an item, in any case? A blank one never is. */
bool list_has(const char *list, const char *value);
/* The first item into `out` (cut to its size); false: the list is empty. */
bool list_first(const char *list, char *out, size_t size);

#endif
