/* The head of a request and the framing of its body: whole, and as it drips in. */
#include "core/http/request_check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

/* What is accepted is clean, and was not refused while it came. */
static void check_accepted(const char *text, size_t len, const request_head *h)
{
    const char *why = NULL;
    must(h->target.at > text && h->target.at + h->target.len < text + len);
    const char *path_end = h->path.at + h->path.len, *target_end = h->target.at + h->target.len;
    must(h->path.at >= h->target.at && path_end <= target_end && (path_end == target_end || *path_end == '?'));
    must(h->host.len > 0 ? h->host.at + h->host.len == h->path.at : h->path.at == h->target.at && h->path.len > 0);
    must(h->path.len == 0 || h->path.at[0] == '/' || h->path.at[0] == '*');
    must(h->method >= HEAD_GET && h->method <= HEAD_OPTIONS);
    must(!h->chunked || !(h->present & HAS_LENGTH));
    for (size_t i = 0; i < len; i++) {
        must(text[i] != '\0');
        must(text[i] != '\n' || text[i - 1] == '\r');
    }
    for (size_t n = 1, from = 0; n < len - 2; from = n, n += 1 + n % 7)
        must(head_check_partial(text, n, from, &why) == 0);
}

static void check_head(const char *text, size_t size)
{
    request_head h;
    const char *why = NULL, *end = memmem(text, size, "\r\n\r\n", 4);
    size_t len = end ? (size_t)(end - text) + 4 : size;
    int status = head_check(text, len, &h, &why);
    must(status == 0 ? end != NULL && why == NULL : status >= 400 && status < 600 && why != NULL);
    if (status == 0)
        check_accepted(text, len, &h);
    (void)head_check_partial(text, size, 0, &why);
}

/* In one piece and byte by byte: the same end. */
static void check_chunks(const char *text, size_t size)
{
    chunk_walk whole = {0}, pieces = {0};
    size_t used = 0, last = 0;
    chunk_answer a = chunk_feed(&whole, text, size, 1000, &used), b = CHUNK_MORE;
    for (size_t i = 0; i < size && b == CHUNK_MORE; i++) {
        b = chunk_feed(&pieces, text + i, 1, 1000, &last);
        if (b == CHUNK_END)
            must(i + last == used);
    }
    must(a == b && whole.total <= 1000);
    char *body = a == CHUNK_END ? malloc(used) : NULL;
    if (body) {
        memcpy(body, text, used);
        must(chunk_join(body, used) == whole.total);
    }
    free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size == 0 ? 1 : size); /* exactly that long: ASan sees a read behind it */
    if (size > 0)
        memcpy(text, data, size);
    check_head(text, size);
    check_chunks(text, size);
    free(text);
    return 0;
}
