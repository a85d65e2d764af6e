/* WebSocket connections to other machines: a thread of its own (ws-out) that runs libwebsockets' client. */
#ifndef CORE_OUTBOUND_WS_CLIENT_H
#define CORE_OUTBOUND_WS_CLIENT_H

#include <stdbool.h>
#include <steward/outbound.h>

typedef struct ws_client ws_client;

/* `ca_file`, `proxy`: "" for the system's. NULL: no memory or no thread. Main thread. */
ws_client *ws_client_start(const char *ca_file, const char *proxy);
/* Ends every connection (`ended` with "stopped") and joins the thread; nothing is accepted from then on. NULL is fine.
 */
void ws_client_halt(ws_client *c);
/* Halts and frees. NULL is fine. */
void ws_client_stop(ws_client *c);
/* As sw_ws_connect(), sw_ws_send() and sw_ws_close(). Any thread. */
sw_status ws_client_connect(ws_client *c, const sw_ws_call *call, void *arg, uint64_t *ret_handle);
bool ws_client_send(ws_client *c, uint64_t handle, bool binary, const void *data, size_t len);
void ws_client_close(ws_client *c, uint64_t handle, int code);

#endif
