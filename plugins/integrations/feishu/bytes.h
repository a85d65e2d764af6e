/* A growing text of this plugin's own: for what must outlive the request that made it. Remembers a failure; valid on
 * zeroed memory. */
#ifndef FEISHU_BYTES_H
#define FEISHU_BYTES_H

#include <steward/base.h>

typedef struct {
    char *at; /* owned, NUL-ended; NULL while empty */
    size_t len, cap;
    bool failed;
} bytes;

void bytes_add(bytes *b, const void *from, size_t len);
void bytes_add_text(bytes *b, const char *text);
void bytes_printf(bytes *b, const char *format, ...) SW_PRINTF(2, 3);
/* Standard base64, padded. */
void bytes_add_base64(bytes *b, const void *from, size_t len);
/* The text becomes the caller's (free()), and the buffer is empty. NULL: it had failed. */
char *bytes_take(bytes *b, size_t *ret_len);
void bytes_done(bytes *b);

#endif
