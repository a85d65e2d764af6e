/* The pattern of a rule: `*` is any run of characters, `?` one character, `\` takes the next one as it stands. It is
 * anchored at both ends. Sans-IO; matching allocates nothing, and its time grows with the length of the text alone. */
#ifndef CHAT_PATTERN_H
#define CHAT_PATTERN_H

#include <steward/base.h>

enum {
    PATTERN_RUN_MAX = 64,     /* bytes between two `*` when there is a `?` among them */
    PATTERN_ANY_RUNS_MAX = 32 /* how many times such a run may come */
};

typedef struct pattern pattern;

/* `tidy`: runs of blanks outside quotes are one space, as in a shell_part. NULL: no memory, or *ret_why says what is
 * wrong with it. */
pattern *pattern_read(sw_str text, bool tidy, const char **ret_why);
void pattern_free(pattern *p);
/* `bytes`: pattern_bytes(text), which is asked once for a text that many patterns look at. */
bool pattern_matches(const pattern *p, sw_str text, uint64_t bytes);
uint64_t pattern_bytes(sw_str text);
/* A pattern without a wildcard, or the very bytes of the text: is it equal to the text, byte by byte? */
bool pattern_equals(const pattern *p, sw_str text);

#endif
