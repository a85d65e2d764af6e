/* The HTTP side of every loop: listeners, evhttp with its weaknesses closed, routes, guard, replies. */
#ifndef CORE_HTTP_SERVER_H
#define CORE_HTTP_SERVER_H

#include "core/runtime/runtime.h"

struct evhttp_request;

/* What the upgrade gets: all checked but for the Origin, which http has matched already. Texts live during the call. */
typedef struct {
    const sw_principal *who;
    uint32_t generation;
    const char *address, *request_id;
    const char *query;             /* raw query string, "" when none */
    bool token_in_protocol;        /* answer Sec-WebSocket-Protocol: bearer */
} http_upgrade;

/* Asks the provider for a principal, on the thread of a worker. SW_OK, SW_UNAUTHENTICATED, other: provider failed. */
typedef sw_status (*http_authenticate)(runtime *rt, sw_db *db, const char *token, size_t len, sw_principal *ret);
/* Takes over the connection of `request` (on its loop) or answers it. Set by core/ws. */
typedef void (*http_take_over)(loop *l, struct evhttp_request *request, const http_upgrade *up);

typedef struct http_server http_server;

/* Opens listeners on every loop (after a plain bind proved the port free). Before loops_start. *ret_port is the real one
 * (port 0 in the config: any). false: `error` says why. */
http_server *http_open(runtime *rt, http_authenticate authenticate, http_take_over take_over, int *ret_port, char *error,
                       size_t error_size);
/* Adds the routes of a module. A clash: false, `error` names both. Before loops_start. */
bool http_add_routes(http_server *h, sw_host *module, char *error, size_t error_size);
/* Is this path and method routed? For tools. */
void http_each_route(http_server *h, void (*each)(void *arg, const sw_host *module, const sw_route *r), void *arg);
/* From the main thread: no new connections, keep-alive ends with each reply. */
void http_drain(http_server *h);
/* Requests that have not been answered yet. */
unsigned http_in_flight(const http_server *h);
/* After loops_stop. */
void http_close(http_server *h);

#endif
