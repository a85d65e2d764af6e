#include "core/ws/codec.h"

#include <string.h>

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
    size_t len = !reason ? 0 : strlen(reason);
    if (len > CODEC_CONTROL_MAX - 2)
        len = CODEC_CONTROL_MAX - 2;
    if (len > 0)
        memcpy(payload + 2, reason, len);
    return codec_control(out, OP_CLOSE, payload, len + 2);
}
