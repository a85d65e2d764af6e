/* The life of one WebSocket on its loop: opened by the handshake, closed by a rule, a timer or the peer, then freed. */
#ifndef CORE_WS_SOCKET_H
#define CORE_WS_SOCKET_H

#include "core/ws/ws_internal.h"

typedef struct {
    struct evhttp_connection *connection;
    const http_upgrade *up;
    const char *head; /* the 101, whole */
    size_t head_len;
    bool deflate, hello;
    int64_t since; /* -1: none */
} socket_opening;

/* Takes the connection over, answers 101, registers, begins recovery. false: no memory, the connection is untouched. */
bool socket_open(hub_loop *hl, const socket_opening *o);
/* Sends a close frame; nothing else leaves after it. Only the peer's close is awaited, at most five seconds. */
void socket_close(ws_socket *s, uint16_t code, const char *reason);
/* The same after a broken rule: what comes is thrown away, our side of the connection is shut. */
void socket_fail(ws_socket *s, uint16_t code, const char *reason);
/* The peer's close has come: answers it with its code and ends. */
void socket_peer_close(ws_socket *s, uint16_t code);
/* The connection is over: freed before the loop sleeps. */
void socket_end(ws_socket *s);
void socket_ref(ws_socket *s);
void socket_unref(ws_socket *s);

/* Stops and starts reading, for one reason of several. */
void socket_pause(ws_socket *s, uint8_t reason);
void socket_resume(ws_socket *s, uint8_t reason);
/* Puts it on the loop's list of things to do before it sleeps. */
void socket_chores(ws_socket *s, uint8_t what);
/* Sets its timer to the next thing that will be due. */
void socket_schedule(ws_socket *s);
/* Its waiting events and its recovery are tried again then; also when it has ended. */
void socket_retry(ws_socket *s, int64_t after_ms);
/* Its timer has fired. */
void socket_tick(ws_socket *s);
/* Runs the list (loop), or what is left of it when the loops have stopped. */
void socket_run_chores(hub_loop *hl);

enum { SOCKET_CLOSE_WAIT_MS = 5000 };

#endif
