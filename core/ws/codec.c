/* RFC 6455 as codec.h describes it: frames of clients first, then those of the server. No thread and no I/O of its own.
 */
#include "core/ws/codec.h"

#include <stdlib.h>
#include <string.h>

/* A data frame up to this size is waited for and handed out where it lies. */
enum { WHOLE_MAX = 4096, FIRST_CAP = 8192 };

typedef struct {
    codec_op op;
    bool fin, rsv1;
    uint64_t len;
    size_t size; /* of the header */
    uint8_t mask[4];
} frame_header;

static codec_kind fail(codec_event *out, uint16_t code, const char *reason)
{
    out->kind = CODEC_FAIL;
    out->code = code;
    out->reason = reason;
    return CODEC_FAIL;
}

/* XORs `len` bytes with the mask from its byte `at` on; gives the next byte's place. */
static uint8_t unmask(uint8_t *data, size_t len, const uint8_t mask[4], uint8_t at)
{
    uint8_t turned[8];
    uint64_t word, key;
    for (unsigned i = 0; i < 8; i++)
        turned[i] = mask[(at + i) & 3];
    memcpy(&key, turned, 8);
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        memcpy(&word, data + i, 8);
        word ^= key;
        memcpy(data + i, &word, 8);
    }
    for (; i < len; i++)
        data[i] ^= turned[i & 7];
    return (uint8_t)((at + len) & 3);
}

/* What may follow in this state. */
static codec_kind check_order(const codec *c, const codec_rules *rules, const frame_header *h, codec_event *out)
{
    switch (h->op) {
    case OP_CONTINUE:
        if (!c->in_message)
            return fail(out, 1002, "nothing to continue");
        return h->rsv1 ? fail(out, 1002, "reserved bit") : CODEC_MORE;
    case OP_TEXT:
        if (c->in_message)
            return fail(out, 1002, "expected a continuation");
        return h->rsv1 && !rules->deflate ? fail(out, 1002, "reserved bit") : CODEC_MORE;
    case OP_BINARY:
        if (c->in_message)
            return fail(out, 1002, "expected a continuation");
        return h->rsv1 && !rules->deflate ? fail(out, 1002, "reserved bit") : fail(out, 1003, "text frames only");
    case OP_CLOSE:
    case OP_PING:
    case OP_PONG:
        return h->rsv1 ? fail(out, 1002, "reserved bit") : CODEC_MORE;
    }
    return fail(out, 1002, "unknown opcode");
}

/* Reads and checks the header. MORE with h->size 0 says that it is not whole, and *ret_want
 * how many bytes it takes. */
static codec_kind read_header(const codec *c, const codec_rules *rules, const uint8_t *data, size_t len,
                              frame_header *h, codec_event *out, size_t *ret_want)
{
    *h = (frame_header){.size = 0};
    *ret_want = 2;
    if (len < 1)
        return CODEC_MORE;
    h->op = (codec_op)(data[0] & 0x0F);
    h->fin = (data[0] & 0x80) != 0;
    h->rsv1 = (data[0] & 0x40) != 0;
    if ((data[0] & 0x30) != 0)
        return fail(out, 1002, "reserved bit");
    if (check_order(c, rules, h, out) == CODEC_FAIL)
        return CODEC_FAIL;
    if (len < 2)
        return CODEC_MORE;
    unsigned short_len = data[1] & 0x7F;
    if ((data[1] & 0x80) == 0)
        return fail(out, 1002, "unmasked frame");
    if (h->op >= OP_CLOSE && (short_len > CODEC_CONTROL_MAX || !h->fin))
        return fail(out, 1002, "bad control frame");
    size_t more = short_len == 126 ? 2 : short_len == 127 ? 8 : 0;
    *ret_want = 2 + more + 4;
    if (len < 2 + more)
        return CODEC_MORE;
    h->len = short_len;
    if (more > 0) {
        h->len = 0;
        for (size_t i = 0; i < more; i++)
            h->len = h->len << 8 | data[2 + i];
        if (h->len < (more == 2 ? 126u : 65536u) || (h->len >> 63) != 0)
            return fail(out, 1002, "bad length");
    }
    if (h->op < OP_CLOSE && (h->len > rules->message_max || c->len > rules->message_max - h->len))
        return fail(out, 1009, "message too large");
    if (len < 2 + more + 4)
        return CODEC_MORE;
    memcpy(h->mask, data + 2 + more, 4);
    h->size = 2 + more + 4;
    return CODEC_MORE;
}

static bool close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static void control(const frame_header *h, uint8_t *payload, codec_event *out)
{
    size_t len = (size_t)h->len;
    out->at = payload;
    out->len = len;
    if (h->op != OP_CLOSE) {
        out->kind = h->op == OP_PING ? CODEC_PING : CODEC_PONG;
        return;
    }
    out->kind = CODEC_CLOSE;
    out->code = 1005;
    if (len == 0)
        return;
    unsigned code = len == 1 ? 0 : (unsigned)(payload[0] << 8 | payload[1]);
    if (!close_code_valid(code)) {
        fail(out, 1002, "bad close code");
        return;
    }
    if (!utf8_valid((const char *)payload + 2, len - 2)) {
        fail(out, 1007, "invalid UTF-8");
        return;
    }
    out->code = (uint16_t)code;
    out->at = payload + 2;
    out->len = len - 2;
}

/* Room for `more` bytes of the message: grows with what has really come, never with what was announced. */
static bool gather_room(codec *c, size_t more, size_t max)
{
    size_t need = c->len + more;
    if (need <= c->cap)
        return true;
    size_t cap = c->cap == 0 ? FIRST_CAP : c->cap;
    while (cap < need)
        cap *= 2;
    if (cap > max)
        cap = max > need ? max : need;
    uint8_t *at = realloc(c->message, cap);
    if (!at)
        return false;
    c->message = at;
    c->cap = (uint32_t)cap;
    return true;
}

/* Payload of the open frame: gathers it; at the end of the message gives it out. Returns the bytes taken. */
static size_t gather(codec *c, const codec_rules *rules, uint8_t *data, size_t len, codec_event *out)
{
    size_t take = c->left < len ? (size_t)c->left : len;
    if (take > 0) {
        if (!gather_room(c, take, rules->message_max)) {
            fail(out, 1013, "try again later");
            return 0;
        }
        c->mask_at = unmask(data, take, c->mask, c->mask_at);
        memcpy(c->message + c->len, data, take);
        if (!c->compressed && !utf8_feed(&c->text, (const char *)data, take)) {
            fail(out, 1007, "invalid UTF-8");
            return take;
        }
        c->len += (uint32_t)take;
        c->left -= take;
    }
    if (c->left > 0)
        return take;
    c->in_frame = false;
    if (!c->fin)
        return take;
    if (!c->compressed && !utf8_complete(&c->text)) {
        fail(out, 1007, "invalid UTF-8");
        return take;
    }
    c->in_message = false;
    out->kind = CODEC_TEXT;
    out->compressed = c->compressed;
    out->at = c->message ? c->message : data; /* an empty message has no buffer */
    out->len = c->len;
    return take;
}

/* A whole message in one small frame. */
static void whole(const frame_header *h, uint8_t *payload, codec_event *out)
{
    out->at = payload;
    out->len = (size_t)h->len;
    out->compressed = h->rsv1;
    out->kind = CODEC_TEXT;
    if (!h->rsv1 && !utf8_valid((const char *)payload, out->len))
        fail(out, 1007, "invalid UTF-8");
}

static void open_frame(codec *c, const frame_header *h)
{
    if (h->op == OP_TEXT) {
        c->in_message = true;
        c->compressed = h->rsv1;
        c->text = (utf8_state){0};
        c->len = 0;
    }
    c->in_frame = true;
    c->fin = h->fin;
    c->left = h->len;
    c->mask_at = 0;
    memcpy(c->mask, h->mask, 4);
}

size_t codec_feed(codec *c, const codec_rules *rules, uint8_t *data, size_t len, codec_event *out, size_t *ret_want)
{
    *out = (codec_event){.kind = CODEC_MORE};
    *ret_want = 1;
    if (c->in_frame)
        return gather(c, rules, data, len, out);
    frame_header h;
    if (read_header(c, rules, data, len, &h, out, ret_want) == CODEC_FAIL || h.size == 0)
        return 0;
    bool is_control = h.op >= OP_CLOSE;
    if (is_control || (h.op == OP_TEXT && h.fin && h.len <= WHOLE_MAX)) {
        *ret_want = h.size + (size_t)h.len;
        if (len < *ret_want)
            return 0;
        out->frame = true;
        unmask(data + h.size, (size_t)h.len, h.mask, 0);
        if (is_control)
            control(&h, data + h.size, out);
        else
            whole(&h, data + h.size, out);
        return *ret_want;
    }
    open_frame(c, &h);
    size_t taken = h.size + gather(c, rules, data + h.size, len - h.size, out);
    out->frame = true;
    *ret_want = 1;
    return taken;
}

void codec_message_done(codec *c)
{
    if (c->in_message)
        return; /* a control or small frame between the fragments of another */
    free(c->message);
    c->message = NULL;
    c->len = c->cap = 0;
}

void codec_done(codec *c)
{
    free(c->message);
    *c = (codec){.message = NULL};
}

/* ---- what the server sends ---- */

size_t codec_header(uint8_t out[CODEC_HEADER_MAX], codec_op op, bool compressed, size_t len)
{
    out[0] = (uint8_t)(0x80u | (compressed ? 0x40u : 0u) | (unsigned)op);
    if (len < 126) {
        out[1] = (uint8_t)len;
        return 2;
    }
    size_t more = len < 65536 ? 2 : 8;
    out[1] = more == 2 ? 126 : 127;
    for (size_t i = 0; i < more; i++)
        out[2 + i] = (uint8_t)((uint64_t)len >> (8 * (more - 1 - i)));
    return 2 + more;
}

size_t codec_control(uint8_t out[2 + CODEC_CONTROL_MAX], codec_op op, const void *payload, size_t len)
{
    out[0] = (uint8_t)(0x80u | (unsigned)op);
    out[1] = (uint8_t)len;
    if (len > 0)
        memcpy(out + 2, payload, len);
    return 2 + len;
}

size_t codec_close_frame(uint8_t out[2 + CODEC_CONTROL_MAX], uint16_t code, const char *reason)
{
    uint8_t payload[CODEC_CONTROL_MAX];
    if (code == 1005)
        return codec_control(out, OP_CLOSE, NULL, 0);
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)(code & 0xFF);
    size_t len = reason ? strlen(reason) : 0;
    if (len > CODEC_CONTROL_MAX - 2)
        len = CODEC_CONTROL_MAX - 2;
    if (len > 0)
        memcpy(payload + 2, reason, len);
    return codec_control(out, OP_CLOSE, payload, len + 2);
}
