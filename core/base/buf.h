/* A growing run of bytes with a bound given at birth. Remembers a failure: check once at the end. */
#ifndef CORE_BASE_BUF_H
#define CORE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *at;            /* owned, malloc; NULL while empty */
    size_t len, cap, limit;
    bool failed;         /* over the limit or out of memory: further appends do nothing */
} buf;

void buf_init(buf *b, size_t limit);
/* Room for `len` more bytes; the place to write them (then add to b->len), or NULL. */
char *buf_reserve(buf *b, size_t len);
void buf_add(buf *b, const void *bytes, size_t len);
void buf_add_text(buf *b, const char *text);
void buf_printf(buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The bytes become the caller's (free()); the buffer is empty. */
char *buf_take(buf *b, size_t *ret_len);
void buf_clear(buf *b);  /* empty, memory kept */
void buf_done(buf *b);

#endif
