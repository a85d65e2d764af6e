/* A growing run of bytes with a limit that is given at birth (0 for none). It remembers a failure, so that one check at
 * the end is enough. Zeroed memory is an empty buffer without a limit. */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *at; /* owned, malloc; NULL while empty */
    size_t len, cap, limit;
    bool failed;    /* over the limit or out of memory: further appends do nothing */
    bool no_memory; /* it failed for want of memory */
} buf;

/* So many bytes may always be written behind the reserved ones: for copies in whole words, and for a NUL. */
enum { BUF_SLACK = 32 };

void buf_init(buf *b, size_t limit);
/* Room for `len` more bytes; the place to write them (then add to b->len), or NULL. */
char *buf_reserve(buf *b, size_t len);
void buf_add(buf *b, const void *bytes, size_t len);
void buf_add_text(buf *b, const char *text);
void buf_printf(buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Standard base64 with its padding. */
void buf_add_base64(buf *b, const void *bytes, size_t len);
/* The same into `out`, which has room for four bytes of each three that were begun; not NUL-ended. Gives the length. */
size_t base64(const void *bytes, size_t len, char *out);
/* What it holds, NUL-ended, until the next append; NULL when it has failed. */
const char *buf_text(buf *b);
/* The bytes, NUL-ended, become the caller's (free()), and the buffer is empty. NULL when it had failed. */
char *buf_take(buf *b, size_t *ret_len);
void buf_clear(buf *b); /* empty, memory kept */
void buf_done(buf *b);

#endif
