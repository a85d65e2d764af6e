/* The sockets of a loop as the loop drives them: opened, read, written, timed, taken apart. */
#ifndef CORE_WS_WS_CONNECTION_H
#define CORE_WS_WS_CONNECTION_H

#include "core/http/http.h"
#include "core/ws/ws_internal.h"

/* What the handshake has found out. */
typedef struct {
    struct evhttp_connection *connection;
    const http_upgrade *up;
    const char *head; /* the 101, whole */
    size_t head_len;
    bool deflate, hello;
    int64_t since; /* -1 without since_id */
} ws_opening;

/* On the loop: takes the connection over, answers 101, registers, begins recovery. Returns false when there is no
 * memory; then the connection is untouched. */
bool ws_connection_open(hub_loop *hl, const ws_opening *o);

/* The hub's part on one loop, before the loops start. Returns false when there is no memory. */
bool ws_connection_loop_open(struct hub *h, hub_loop *hl, loop *l);
/* Ends what is still there, after the loops have stopped. */
void ws_connection_loop_close(hub_loop *hl);

#endif
