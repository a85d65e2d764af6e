/* A WebSocket client that keeps no input: it counts text messages and answers pings. */
#ifndef BENCH_WEBSOCKET_H
#define BENCH_WEBSOCKET_H

#include "bench.h"

#include <sys/types.h>

typedef struct {
    int fd;
    uint8_t matched; /* of the blank line that ends the handshake; 4: open     */
    bool refused, closed;
    uint8_t head_len, opcode;
    uint8_t head[10];
    uint8_t line[16]; /* how the answer began: its status                       */
    uint8_t line_len;
    uint8_t ping[125], ping_len;
    uint64_t left; /* of the frame's payload                                 */
} websocket;

/* Connects and sends the upgrade; `source` as in tcp_connect. */
void ws_open(websocket *w, const char *host, int port, unsigned source, const char *token);
/* Takes what arrived; answers pings. The number of text messages that are complete with it. */
size_t ws_feed(websocket *w, const uint8_t *bytes, size_t len);
/* Reads what is there. -1: the connection has ended. */
ssize_t ws_read(websocket *w, size_t *ret_messages);
/* A masked text frame; `out` has room for len + 14. */
size_t ws_frame(const char *text, size_t len, uint8_t *out);

#endif
