#include "websocket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void ws_open(websocket *w, const char *host, int port, unsigned source, const char *token)
{
    char request[2048];
    *w = (websocket){.fd = tcp_connect(host, port, source)};
    int len = snprintf(request, sizeof request,
                       "GET /api/ws?token=%s HTTP/1.1\r\nHost: %s:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                       token, host, port);
    if (len <= 0 || (size_t)len >= sizeof request)
        fail("the token is too long");
    write_all(w->fd, request, (size_t)len);
}

size_t ws_frame(const char *text, size_t len, uint8_t *out)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    size_t at = 0;
    out[at++] = 0x81;
    if (len < 126) {
        out[at++] = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(len >> 8);
        out[at++] = (uint8_t)len;
    } else {
        out[at++] = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            out[at++] = (uint8_t)((uint64_t)len >> shift);
    }
    memcpy(out + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < len; i++)
        out[at + i] = (uint8_t)text[i] ^ mask[i & 3];
    return at + len;
}

static void answer_ping(websocket *w)
{
    uint8_t out[6 + 125] = {0x8A, (uint8_t)(0x80 | w->ping_len), 0, 0, 0, 0};
    memcpy(out + 6, w->ping, w->ping_len);
    write_all(w->fd, out, 6u + w->ping_len);
}

/* true: a text message ended with this frame. */
static bool end_frame(websocket *w)
{
    uint8_t opcode = w->opcode;
    bool last = (w->head[0] & 0x80) != 0;
    w->head_len = 0;
    if (opcode == 9)
        answer_ping(w);
    if (opcode == 8)
        w->closed = true;
    return last && opcode <= 2;
}

/* Bytes of the head that are still wanted. */
static size_t head_missing(const websocket *w)
{
    if (w->head_len < 2)
        return 2u - w->head_len;
    unsigned len = w->head[1] & 0x7F;
    unsigned whole = len == 126 ? 4 : len == 127 ? 10 : 2;
    return whole - w->head_len;
}

static void begin_frame(websocket *w)
{
    unsigned len = w->head[1] & 0x7F;
    w->opcode = w->head[0] & 0x0F;
    w->ping_len = 0;
    w->left = len;
    if (len == 126)
        w->left = (uint64_t)w->head[2] << 8 | w->head[3];
    if (len == 127) {
        w->left = 0;
        for (int i = 2; i < 10; i++)
            w->left = w->left << 8 | w->head[i];
    }
}

/* Bytes of the handshake's answer. */
static size_t handshake(websocket *w, const uint8_t *bytes, size_t len)
{
    static const char end[] = "\r\n\r\n";
    size_t i = 0;
    while (i < len && w->matched < 4) {
        uint8_t c = bytes[i++];
        if (w->line_len < sizeof w->line)
            w->line[w->line_len++] = c;
        w->matched = c == (uint8_t)end[w->matched] ? (uint8_t)(w->matched + 1) : c == '\r' ? 1 : 0;
    }
    if (w->matched == 4)
        w->refused = memcmp(w->line, "HTTP/1.1 101", 12) != 0;
    return i;
}

size_t ws_feed(websocket *w, const uint8_t *bytes, size_t len)
{
    size_t messages = 0, i = w->matched < 4 ? handshake(w, bytes, len) : 0;
    while (i < len && !w->refused) {
        size_t missing = head_missing(w);
        if (missing > 0) {
            w->head[w->head_len++] = bytes[i++];
            if (head_missing(w) > 0)
                continue;
            begin_frame(w);
        }
        size_t take = len - i < w->left ? len - i : (size_t)w->left;
        for (size_t k = 0; w->opcode == 9 && k < take && w->ping_len < sizeof w->ping; k++)
            w->ping[w->ping_len++] = bytes[i + k];
        i += take;
        w->left -= take;
        if (w->left == 0)
            messages += end_frame(w);
    }
    return messages;
}

ssize_t ws_read(websocket *w, size_t *ret_messages)
{
    static uint8_t input[256 * 1024];
    ssize_t got = recv(w->fd, input, sizeof input, 0);
    *ret_messages = 0;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0)
        return -1;
    *ret_messages = ws_feed(w, input, (size_t)got);
    return w->refused ? -1 : got;
}
