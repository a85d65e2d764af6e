/* The HTTP side of every loop: listeners, evhttp with its weaknesses closed, routes, guard, replies. */
#ifndef CORE_HTTP_HTTP_H
#define CORE_HTTP_HTTP_H

#include "core/runtime/runtime.h"

struct evhttp_request;

/* What the upgrade gets: all checked but for the Origin, which http has matched already. Texts live during the call. */
typedef struct {
    const sw_principal *who;
    uint32_t generation;
    const char *address, *request_id;
    const char *query;      /* raw query string, "" when none */
    bool token_in_protocol; /* answer Sec-WebSocket-Protocol: bearer */
} http_upgrade;

/* Asks the provider for a principal, on a worker or a slow worker. SW_OK, SW_UNAUTHENTICATED, other: provider failed.
 */
typedef sw_status (*http_authenticate)(runtime *rt, sw_db *db, const char *token, size_t len, sw_principal *ret);
/* Asks the machine behind the provider, on a slow worker, when http_authenticate said SW_OK with role 0. */
typedef sw_status (*http_ask)(sw_request *req, const char *token, size_t len, sw_principal *ret);
/* Takes over the connection of `request`, on its loop, or answers with http_refuse(). Set by core/ws. The handshake is
 * checked: GET, HTTP/1.1, Connection, Upgrade, version 13, a key of 16 bytes. Frames that came with the head are in the
 * bufferevent's input. From then on the bufferevent's callbacks are the taker's and its end is
 * evhttp_connection_free(); evhttp's close callback stays http's, which counts the connection by it: leave it alone. */
typedef void (*http_take_over)(loop *l, struct evhttp_request *request, const http_upgrade *up);
/* From inside http_take_over alone: a JSON answer, and the connection closes. `code` NULL: the status's own. */
void http_refuse(loop *l, struct evhttp_request *request, sw_status status, const char *code, const char *text);

/* The value of a request's header without the blanks before it, which may be spaces and tabs (RFC 9110, 5.5; evhttp
 * leaves the tabs). NULL when there is none. */
const char *http_header(struct evhttp_request *request, const char *name);

typedef struct http_server http_server;

/* Opens listeners on every loop (after a plain bind proved the port free). Before loops_start. *ret_port is the real
 * one (port 0 in the config: any). false: `error` says why. */
/* Takes the port of the configuration and does not listen yet: before anything is made that a server would leave behind
 * when another program has it. http_open() goes on with it; without this call it does both. Not with rt->listen_fd or a
 * socket of systemd's. false: `error`. */
bool http_bind(runtime *rt, char *error, size_t error_size);
/* Does server.host name an address? For `steward check`. false: `error`. */
bool http_resolves(const config *c, char *error, size_t error_size);
http_server *http_open(runtime *rt, http_authenticate authenticate, http_take_over take_over, int *ret_port,
                       char *error, size_t error_size);
/* A further listener, with routes of its own that ask for no token: whoever gets in may call them. */
typedef struct {
    const sw_route *routes;
    size_t route_count;
    unsigned connections;   /* at once; a further one is answered with 503 and `crowded` */
    bool (*admits)(int fd); /* NULL: whoever reaches the socket gets in. Others are answered with 403 and `refused` */
    const char *crowded, *refused;
    bool quiet;          /* its requests are not in the access log */
    bool while_draining; /* it answers then, too */
} http_door;

/* Opens a door on loop 0. `fd` is bound, and taken over; `module` is whose routes they are; `door` is const data.
 * Before loops_start. false: `error` says why. */
bool http_open_door(http_server *h, const http_door *door, sw_host *module, int fd, char *error, size_t error_size);
/* Where `authenticate` is called: SW_LANE_WORKER, or SW_LANE_SLOW for a provider that waits. Before loops_start. */
void http_authenticate_on(http_server *h, sw_lane lane);
/* What asks further, as work of `provider`. Before loops_start. */
void http_ask_with(http_server *h, sw_host *provider, http_ask ask);
/* Adds the routes of a module. A clash: false, `error` names both. Before loops_start. */
bool http_add_routes(http_server *h, sw_host *module, char *error, size_t error_size);
/* Is this path and method routed? For tools. */
void http_each_route(http_server *h, void (*each)(void *arg, const sw_host *module, const sw_route *r), void *arg);
/* The routes that http answers itself: ping, health, the socket. */
void http_each_own_route(void (*each)(void *arg, const sw_route *r), void *arg);
/* Takes [cors] of a new configuration, which must outlive the next reload. Main thread. false: `error`, nothing
 * changed. */
bool http_reload(http_server *h, const config *c, char *error, size_t error_size);
/* From the main thread: no new connections, keep-alive ends with each reply. */
void http_drain(http_server *h);
/* Requests that have not been answered yet. */
unsigned http_in_flight(const http_server *h);
/* After loops_stop, and after the sockets that ws took over have gone. */
void http_close(http_server *h);

/* ---- replies in pieces (reply_stream.c), of the runtime's `streams` ---- */

struct streams;
/* No stream of that module takes another byte, or of any with NULL; what is queued still leaves, then the connections
 * close. Any thread. */
void streams_cut(struct streams *all, const sw_host *module);
/* How many are open. Any thread. */
unsigned streams_open(struct streams *all);
/* Ends all at once, with their `ended`. When no loop runs any more, before the modules are stopped. */
void streams_end(struct streams *all);

/* ---- for the metrics; any thread ---- */

enum { HTTP_STATUSES = 25, HTTP_BUCKETS = 12 };
/* What by_status[i] counts; 0: every other status. */
extern const int HTTP_STATUS_LIST[HTTP_STATUSES];
/* Upper bounds of buckets[i] in microseconds; the last one is unbounded (0). */
extern const uint32_t HTTP_BUCKET_US[HTTP_BUCKETS];

typedef struct {
    uint64_t by_status[HTTP_STATUSES];
    uint64_t buckets[HTTP_BUCKETS]; /* not cumulative */
    uint64_t microseconds;          /* of all of them */
} http_metrics;

typedef struct {
    uint64_t accepted, refused;             /* connections; refused by a cap */
    uint64_t bad_heads, timed_out, stalled; /* connections ended for a malformed head, a slow request, a stuck reply */
    uint32_t open, limit;                   /* connections, WebSockets too */
    uint64_t memory;                        /* bytes counted against limits.memory */
} http_totals;

/* For every route, and once with `route` NULL for requests that had none. */
void http_each_metrics(const http_server *h, void (*each)(void *arg, const sw_route *route, const http_metrics *n),
                       void *arg);
http_totals http_read_totals(const http_server *h);

#endif
