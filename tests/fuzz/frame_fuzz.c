/* The WebSocket decoder: however its input is cut, it says the same. Texts go on to the envelope. */
#include "core/ws/codec.h"
#include "core/ws/deflate.h"
#include "core/ws/envelope.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 20000, PAYLOAD_MAX = 1000 };

static void must(bool good)
{
    if (!good)
        abort();
}

static uint64_t mix(uint64_t hash, const void *at, size_t len)
{
    const uint8_t *p = at;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static void check_envelope(uint8_t *text, size_t len)
{
    envelope e;
    const char *error = NULL;
    char *begin = (char *)text;
    if (envelope_read(&e, begin, len, PAYLOAD_MAX, &error) != NULL) {
        must(error != NULL);
        return;
    }
    must(e.type_len > 0 && e.local_len <= ENVELOPE_LOCAL_MAX);
    must(e.payload.at == NULL || (e.payload.at >= begin && e.payload.at + e.payload.len <= begin + len));
}

static void check_inflate(deflater *d, const codec_event *e)
{
    uint8_t *out = NULL;
    size_t len = 0;
    if (deflater_inflate(d, e->at, e->len, MESSAGE_MAX, &out, &len) == INFLATE_OK)
        must(len <= MESSAGE_MAX);
    free(out);
}

/* Everything that is said about this input when it comes in pieces of `step`, as one number. */
static uint64_t run(const uint8_t *data, size_t size, size_t step, bool deflate)
{
    codec c = {.message = NULL};
    const codec_rules rules = {MESSAGE_MAX, deflate};
    uint8_t *waiting = malloc(size + 1);
    size_t have = 0, at = 0;
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    bool over = false;
    deflater *d = deflate ? deflater_new() : NULL;
    must(waiting != NULL);
    while (!over && at < size) {
        size_t more = size - at < step ? size - at : step, used = 0;
        memcpy(waiting + have, data + at, more);
        have += more;
        at += more;
        while (used < have && !over) {
            codec_event e;
            size_t want = 0, n = codec_feed(&c, &rules, waiting + used, have - used, &e, &want);
            must(n <= have - used && codec_held(&c) <= MESSAGE_MAX + 8192);
            used += n;
            if (e.kind == CODEC_MORE && n == 0)
                break;
            if (e.kind == CODEC_MORE)
                continue;
            hash = mix(mix(hash, &e.kind, sizeof e.kind), &e.code, sizeof e.code);
            if (e.kind != CODEC_FAIL)
                hash = mix(hash, e.at, e.len);
            if (e.kind == CODEC_TEXT && e.compressed)
                check_inflate(d, &e);
            else if (e.kind == CODEC_TEXT)
                check_envelope(e.at, e.len);
            if (e.kind == CODEC_TEXT && c.message == e.at)
                codec_message_done(&c);
            over = e.kind == CODEC_FAIL || e.kind == CODEC_CLOSE;
        }
        memmove(waiting, waiting + used, have - used);
        have -= used;
    }
    deflater_free(d);
    codec_done(&c);
    free(waiting);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    bool deflate = (data[0] & 0x80) != 0;
    uint64_t whole = run(data + 1, size - 1, size, deflate);
    must(run(data + 1, size - 1, 1, deflate) == whole);
    must(run(data + 1, size - 1, 1 + (data[0] & 0x7F), deflate) == whole);
    uint8_t *copy = malloc(size - 1);
    must(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    check_envelope(copy, size - 1);
    free(copy);
    (void)deflate_offered((sw_str){(const char *)data + 1, size - 1});
    return 0;
}
