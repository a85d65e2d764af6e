/* permessage-deflate by zlib. A deflater is its loop's alone. */
#include "core/ws/deflate.h"

#include "core/base/str.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { WINDOW_BITS = -15, MEM_LEVEL = 8, FIRST_OUT = 4096 };

struct deflater {
    z_stream in, out;
    bool in_open, out_open;
};

static const uint8_t TAIL[4] = {0x00, 0x00, 0xFF, 0xFF};

deflater *deflater_new(void)
{
    return calloc(1, sizeof(deflater));
}

void deflater_free(deflater *d)
{
    if (!d)
        return;
    if (d->in_open)
        inflateEnd(&d->in);
    if (d->out_open)
        deflateEnd(&d->out);
    free(d);
}

/* Makes room behind what has come out; never more than one byte over `max`, to see that there is more. */
static bool more_room(uint8_t **out, size_t *cap, size_t max)
{
    if (*cap > max)
        return false;
    size_t next = *cap == 0 ? FIRST_OUT : *cap * 2;
    if (next > max + 1)
        next = max + 1;
    uint8_t *at = realloc(*out, next);
    if (!at)
        return false;
    *out = at;
    *cap = next;
    return true;
}

static inflate_result inflate_part(z_stream *z, const uint8_t *at, size_t len, size_t max, uint8_t **out, size_t *cap,
                                   size_t *used)
{
    z->next_in = (z_const Bytef *)at;
    z->avail_in = (uInt)len;
    for (;;) {
        if (*used == *cap && !more_room(out, cap, max))
            return INFLATE_NO_MEMORY;
        z->next_out = *out + *used;
        z->avail_out = (uInt)(*cap - *used);
        int status = inflate(z, Z_SYNC_FLUSH);
        *used = *cap - z->avail_out;
        if (*used > max)
            return INFLATE_TOO_LARGE;
        if (status == Z_STREAM_END) {
            /* A final block: allowed, what follows (the tail) is another stream. */
            if (inflateReset(z) != Z_OK)
                return INFLATE_BAD;
            if (z->avail_in == 0)
                return INFLATE_OK;
            continue;
        }
        if (status != Z_OK && status != Z_BUF_ERROR)
            return status == Z_MEM_ERROR ? INFLATE_NO_MEMORY : INFLATE_BAD;
        if (z->avail_in == 0 && z->avail_out > 0)
            return INFLATE_OK;
        if (status == Z_BUF_ERROR && z->avail_out > 0)
            return INFLATE_BAD;
    }
}

inflate_result deflater_inflate(deflater *d, const uint8_t *at, size_t len, size_t max, uint8_t **ret, size_t *ret_len)
{
    uint8_t *out = NULL;
    size_t cap = 0, used = 0;
    if (!d->in_open && inflateInit2(&d->in, WINDOW_BITS) != Z_OK)
        return INFLATE_NO_MEMORY;
    d->in_open = true;
    if (inflateReset(&d->in) != Z_OK)
        return INFLATE_BAD;
    inflate_result result = inflate_part(&d->in, at, len, max, &out, &cap, &used);
    if (result == INFLATE_OK)
        result = inflate_part(&d->in, TAIL, sizeof TAIL, max, &out, &cap, &used);
    if (result != INFLATE_OK) {
        free(out);
        return result;
    }
    *ret = out;
    *ret_len = used;
    return INFLATE_OK;
}

uint8_t *deflater_deflate(deflater *d, const uint8_t *at, size_t len, size_t *ret_len)
{
    if (!d->out_open && deflateInit2(&d->out, 3, Z_DEFLATED, WINDOW_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    d->out_open = true;
    uint8_t *out = malloc(len);
    if (!out || deflateReset(&d->out) != Z_OK)
        goto fail;
    d->out.next_in = (z_const Bytef *)at;
    d->out.avail_in = (uInt)len;
    d->out.next_out = out;
    d->out.avail_out = (uInt)len;
    if (deflate(&d->out, Z_SYNC_FLUSH) != Z_OK || d->out.avail_in > 0 || d->out.avail_out == 0)
        goto fail;
    size_t made = len - d->out.avail_out;
    if (made < sizeof TAIL || memcmp(out + made - sizeof TAIL, TAIL, sizeof TAIL) != 0)
        goto fail;
    *ret_len = made - sizeof TAIL;
    return out;
fail:
    free(out);
    return NULL;
}

/* One parameter of an offer: can we keep it? */
static bool parameter_fits(sw_str name, sw_str value, unsigned *seen)
{
    static const char *const NAMES[] = {"server_no_context_takeover", "client_no_context_takeover",
                                        "client_max_window_bits", "server_max_window_bits"};
    unsigned i = 0;
    while (i < 4 && !str_equal_nocase(name, NAMES[i]))
        i++;
    if (i == 4 || (*seen & 1u << i) != 0)
        return false;
    *seen |= 1u << i;
    int64_t bits = 0;
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = (sw_str){value.at + 1, value.len - 2};
    switch (i) {
    case 2:
        return !value.at || (str_int(value, &bits) && bits >= 8 && bits <= 15);
    case 3:
        return value.at && str_int(value, &bits) && bits == 15; /* a smaller window: we do not offer */
    default:
        return !value.at;
    }
}

bool deflate_offered(sw_str header)
{
    sw_str offer;
    while (str_next(&header, ',', &offer)) {
        sw_str part;
        unsigned seen = 0;
        if (!str_next(&offer, ';', &part) || !str_equal_nocase(part, "permessage-deflate"))
            continue;
        bool fits = true;
        while (fits && str_next(&offer, ';', &part)) {
            sw_str name, value = part;
            str_next(&value, '=', &name);
            bool has_value = name.len < part.len && memchr(part.at, '=', part.len);
            fits = parameter_fits(name, has_value ? str_trim(value) : (sw_str){NULL, 0}, &seen);
        }
        if (fits)
            return true;
    }
    return false;
}
