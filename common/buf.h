/* A growing run of bytes with a bound given at birth (0: none). Remembers a failure: check once at the end.
 * Valid on zeroed memory. */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *at; /* owned, malloc; NULL while empty */
    size_t len, cap, limit;
    bool failed; /* over the limit or out of memory: further appends do nothing */
} buf;

/* Bytes that may always be written behind the reserved ones: for copies in whole words, and a NUL. */
enum { BUF_SLACK = 32 };

void buf_init(buf *b, size_t limit);
/* Room for `len` more bytes; the place to write them (then add to b->len), or NULL. */
char *buf_reserve(buf *b, size_t len);
void buf_add(buf *b, const void *bytes, size_t len);
void buf_add_text(buf *b, const char *text);
void buf_printf(buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The bytes, NUL-ended, become the caller's (free()); the buffer is empty. NULL: it had failed. */
char *buf_take(buf *b, size_t *ret_len);
void buf_clear(buf *b); /* empty, memory kept */
void buf_done(buf *b);

#endif
