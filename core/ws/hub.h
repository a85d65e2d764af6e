/* The hub: every open WebSocket, by user and role, and delivery to them from any thread. */
#ifndef CORE_WS_HUB_H
#define CORE_WS_HUB_H

#include "core/http/http.h"

typedef struct hub hub;

/* Before loops_start. Sets rt->hub, close_user and close_all. Returns NULL when there is no memory. */
hub *hub_open(runtime *rt);
/* http's take_over. */
void hub_upgrade(loop *l, struct evhttp_request *request, const http_upgrade *up);
/* The names of a plugin's frames are its own, whether or not it will run. Before loops_start. */
void hub_reserve_types(hub *h, const sw_plugin *plugin);
/* Adds the frame types and the recovery of a module. Returns false, with the error, when another module has one of
 * them. Before loops_start. */
bool hub_add_module(hub *h, sw_host *module, char *error, size_t error_size);
/* Any thread: closes the sockets of a user, or all, by mail to each loop. */
void hub_close_user(hub *h, int64_t user_id, int code, const char *reason);
void hub_close_all(hub *h, int code, const char *reason);
/* SHUTDOWN frame, then 1001, to all. */
void hub_shutdown(hub *h, int64_t restart_expected_ms);
unsigned hub_open_sockets(const hub *h);
/* After loops_stop, before http_close: frees the connections that it took over. NULL is fine. */
void hub_close(hub *h);
/* Publishes socket events: set by core/plugin. */
typedef void (*hub_socket_event)(runtime *rt, bool opened, int64_t user_id, sw_role role, bool last);
void hub_on_socket(hub *h, hub_socket_event fn);

/* ---- metrics; any thread ---- */

typedef struct {
    uint32_t open;                         /* sockets, closing ones too */
    uint32_t by_role[SW_ROLE_BUTLER + 1];  /* registered ones           */
    uint64_t slow_closed, dropped, errors; /* sockets closed with 4008; stream pieces not sent; ERROR frames */
} hub_metrics;
hub_metrics hub_read_metrics(const hub *h);
/* Frames in and out by type; "other": every type that is not listed. */
void hub_each_type(const hub *h, void (*each)(void *arg, const char *type, uint64_t in, uint64_t out), void *arg);

#endif
