/* The codec of protobuf frames. See feishu_frame.h. */
#include "link/feishu_frame.h"
#include "words.h"
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };
enum { HAS_SEQ = 1, HAS_LOG = 2, HAS_SERVICE = 4, HAS_METHOD = 8, HAS_REQUIRED = 15 };
enum { VARINT_MAX = 10, HEAD_MAX = 64, FIELD_OVERHEAD = 1 + VARINT_MAX };

static const char TRUNCATED[] = "truncated";

typedef struct {
    const uint8_t *at, *end;
    const char *error;
} reader;

static uint64_t read_varint(reader *r)
{
    uint64_t value = 0;

    for (unsigned shift = 0, n = 0; n < VARINT_MAX; n++, shift += 7) {
        if (r->at == r->end) {
            r->error = TRUNCATED;
            return 0;
        }
        uint8_t byte = *r->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    r->error = "varint too long";
    return 0;
}

static sw_str read_bytes(reader *r)
{
    uint64_t len = read_varint(r);
    sw_str s = {"", 0};

    if (r->error)
        return s;
    if (len > (uint64_t)(r->end - r->at)) {
        r->error = TRUNCATED;
        return s;
    }
    s = (sw_str){(const char *)r->at, (size_t)len};
    r->at += len;
    return s;
}

static void skip(reader *r, unsigned wire)
{
    size_t len = wire == WIRE_FIXED64 ? 8 : 4;

    switch (wire) {
    case WIRE_VARINT:
        (void)read_varint(r);
        return;
    case WIRE_BYTES:
        (void)read_bytes(r);
        return;
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        if ((size_t)(r->end - r->at) < len)
            r->error = TRUNCATED;
        else
            r->at += len;
        return;
    default:
        r->error = "wire type";
    }
}

/* Reads a tag and gives the number of the field; 0 on an error. */
static uint64_t read_tag(reader *r, unsigned *ret_wire)
{
    uint64_t tag = read_varint(r);

    *ret_wire = (unsigned)(tag & 7);
    if (!r->error && tag >> 3 == 0)
        r->error = "field number 0";
    return r->error ? 0 : tag >> 3;
}

static const char *decode_header(sw_str bytes, frame_header *ret)
{
    reader r = {.at = (const uint8_t *)bytes.at, .end = (const uint8_t *)bytes.at + bytes.len};
    bool key = false, value = false;
    unsigned wire;

    while (r.at < r.end && !r.error) {
        uint64_t field = read_tag(&r, &wire);
        if (field == 1 && wire == WIRE_BYTES) {
            ret->key = read_bytes(&r);
            key = true;
        } else if (field == 2 && wire == WIRE_BYTES) {
            ret->value = read_bytes(&r);
            value = true;
        } else if (!r.error) {
            skip(&r, wire);
        }
    }
    if (r.error)
        return r.error;
    return key && value ? NULL : "header without key or value";
}

static void decode_varint_field(reader *r, uint64_t field, frame *f, unsigned *seen)
{
    uint64_t value = read_varint(r);

    switch (field) {
    case 1:
        f->seq_id = value;
        *seen |= HAS_SEQ;
        break;
    case 2:
        f->log_id = value;
        *seen |= HAS_LOG;
        break;
    case 3:
        f->service = (int32_t)(uint32_t)value;
        *seen |= HAS_SERVICE;
        break;
    case 4:
        f->method = (int32_t)(uint32_t)value;
        *seen |= HAS_METHOD;
        break;
    default:
        break;
    }
}

static void decode_bytes_field(reader *r, uint64_t field, frame *f)
{
    sw_str bytes = read_bytes(r);

    if (r->error)
        return;
    switch (field) {
    case 5:
        if (f->header_count == FRAME_HEADERS_MAX)
            r->error = "too many headers";
        else
            r->error = decode_header(bytes, &f->headers[f->header_count++]);
        break;
    case 6:
        f->payload_encoding = bytes;
        break;
    case 7:
        f->payload_type = bytes;
        break;
    case 8:
        f->payload = bytes;
        break;
    case 9:
        f->log_id_new = bytes;
        break;
    default:
        break;
    }
}

const char *frame_decode(const void *bytes, size_t len, frame *ret)
{
    reader r = {.at = bytes, .end = (const uint8_t *)bytes + len};
    unsigned seen = 0, wire;

    memset(ret, 0, sizeof *ret);
    while (r.at < r.end && !r.error) {
        uint64_t field = read_tag(&r, &wire);
        if (r.error)
            break;
        if (field <= 4 && wire == WIRE_VARINT)
            decode_varint_field(&r, field, ret, &seen);
        else if (field >= 5 && field <= 9 && wire == WIRE_BYTES)
            decode_bytes_field(&r, field, ret);
        else if (field <= 9)
            r.error = "wire type of a known field";
        else
            skip(&r, wire);
    }
    if (r.error)
        return r.error;
    return seen == HAS_REQUIRED ? NULL : "required field missing";
}

/* ---- encoding ---- */

static size_t varint_size(uint64_t value)
{
    size_t n = 1;

    for (; value >= 0x80; value >>= 7)
        n++;
    return n;
}

static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *out++ = (uint8_t)(value | 0x80);
    *out++ = (uint8_t)value;
    return out;
}

static uint8_t *put_number(uint8_t *out, unsigned field, uint64_t value)
{
    *out++ = (uint8_t)(field << 3 | WIRE_VARINT);
    return put_varint(out, value);
}

static uint8_t *put_bytes(uint8_t *out, unsigned field, sw_str s)
{
    if (!s.at)
        return out;
    *out++ = (uint8_t)(field << 3 | WIRE_BYTES);
    out = put_varint(out, s.len);
    memcpy(out, s.at, s.len);
    return out + s.len;
}

static size_t header_size(const frame_header *h)
{
    return 2 + varint_size(h->key.len) + h->key.len + varint_size(h->value.len) + h->value.len;
}

size_t frame_encoded_max(const frame *f)
{
    size_t size = HEAD_MAX;

    for (size_t i = 0; i < f->header_count; i++)
        size += FIELD_OVERHEAD + header_size(&f->headers[i]);
    size += FIELD_OVERHEAD + f->payload_encoding.len + FIELD_OVERHEAD + f->payload_type.len;
    return size + FIELD_OVERHEAD + f->payload.len + FIELD_OVERHEAD + f->log_id_new.len;
}

size_t frame_encode(const frame *f, void *to)
{
    uint8_t *out = to;

    out = put_number(out, 1, f->seq_id);
    out = put_number(out, 2, f->log_id);
    out = put_number(out, 3, (uint64_t)(int64_t)f->service);
    out = put_number(out, 4, (uint64_t)(int64_t)f->method);
    for (size_t i = 0; i < f->header_count; i++) {
        const frame_header *h = &f->headers[i];
        *out++ = 5 << 3 | WIRE_BYTES;
        out = put_varint(out, header_size(h));
        out = put_bytes(out, 1, h->key);
        out = put_bytes(out, 2, h->value);
    }
    out = put_bytes(out, 6, f->payload_encoding);
    out = put_bytes(out, 7, f->payload_type);
    out = put_bytes(out, 8, f->payload);
    out = put_bytes(out, 9, f->log_id_new);
    return (size_t)(out - (uint8_t *)to);
}

/* ---- headers ---- */

sw_str frame_header_get(const frame *f, const char *key)
{
    for (size_t i = 0; i < f->header_count; i++)
        if (text_is(f->headers[i].key, key))
            return f->headers[i].value;
    return (sw_str){"", 0};
}

bool frame_header_add(frame *f, const char *key, const char *value)
{
    if (f->header_count == FRAME_HEADERS_MAX)
        return false;
    f->headers[f->header_count++] = (frame_header){{key, strlen(key)}, {value, strlen(value)}};
    return true;
}

int frame_header_number(const frame *f, const char *key, int max)
{
    sw_str text = frame_header_get(f, key);
    int value = 0;

    if (text.len == 0 || text.len > 9)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        value = value * 10 + (text.at[i] - '0');
    }
    return value <= max ? value : -1;
}

void frame_ping(frame *ret, int32_t service)
{
    memset(ret, 0, sizeof *ret);
    ret->service = service;
    ret->method = FRAME_CONTROL;
    (void)frame_header_add(ret, "type", "ping");
}
