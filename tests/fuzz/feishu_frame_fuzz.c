/* The frame codec of the long connection, and the reassembly behind it: what decodes encodes again and decodes to the
 * same; parts in any shape stay within their bounds. */
#include "plugins/integrations/feishu/link/fragments.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static bool same(sw_str a, sw_str b)
{
    return (a.at == NULL) == (b.at == NULL) && a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static void check_again(const frame *f)
{
    size_t most = frame_encoded_max(f);
    uint8_t *bytes = malloc(most);
    frame again;

    must(bytes != NULL);
    size_t len = frame_encode(f, bytes);
    must(len <= most);
    must(frame_decode(bytes, len, &again) == NULL);
    must(again.seq_id == f->seq_id && again.log_id == f->log_id && again.service == f->service &&
         again.method == f->method);
    must(again.header_count == f->header_count && same(again.payload, f->payload));
    must(same(again.payload_encoding, f->payload_encoding) && same(again.payload_type, f->payload_type));
    must(same(again.log_id_new, f->log_id_new));
    for (size_t i = 0; i < f->header_count; i++)
        must(same(again.headers[i].key, f->headers[i].key) && same(again.headers[i].value, f->headers[i].value));
    free(bytes);
}

/* As it came, three times over: a part may repeat. */
static void check_as_part(const frame *f)
{
    fragments *parts = fragments_new();
    sw_str whole;

    must(parts != NULL);
    for (int64_t now = 0; now < 3; now++) {
        if (fragments_add(parts, f, now, &whole) == FRAGMENTS_WHOLE && whole.len > 0) {
            volatile char last = whole.at[whole.len - 1];
            (void)last;
        }
        must(fragments_open(parts, now) <= FRAGMENTS_GROUPS_MAX);
    }
    fragments_free(parts);
}

/* Its payload as both parts of an event. */
static void check_joined(const frame *f)
{
    fragments *parts = fragments_new();
    frame half = {.payload = f->payload};
    sw_str whole;

    must(parts != NULL);
    must(frame_header_add(&half, "message_id", "m") && frame_header_add(&half, "sum", "2"));
    must(frame_header_add(&half, "seq", "1"));
    must(fragments_add(parts, &half, 4, &whole) == FRAGMENTS_PART);
    half.headers[2].value = (sw_str){"0", 1};
    must(fragments_add(parts, &half, 5, &whole) == FRAGMENTS_WHOLE && whole.len == 2 * half.payload.len);
    fragments_free(parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    frame f;

    if (frame_decode(data, size, &f) != NULL)
        return 0;
    check_again(&f);
    check_as_part(&f);
    check_joined(&f);
    return 0;
}
