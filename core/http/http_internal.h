/* The inside of http, shared by the files of this folder: the server, its part of every loop, connections. README.md
 * has the layers: a file calls those below it, and what a lower one starts in a higher one goes by http_server.read and
 * .refuse, exchange.resume, or a callback of libevent.
 *
 * Everything of an http_loop and of its connections belongs to that loop's thread; other threads only read the atomic
 * counters. An exchange belongs to one thread at a time (exchange.h). */
#ifndef CORE_HTTP_HTTP_INTERNAL_H
#define CORE_HTTP_HTTP_INTERNAL_H

#include "core/base/address.h"
#include "core/config/config.h"
#include "core/http/http.h"
#include "core/http/request_check.h"
#include "core/http/router.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <sys/queue.h>

typedef struct http_loop http_loop;
typedef struct conn conn;
typedef struct entrance entrance;
typedef struct exchange exchange;

/* What http takes from the configuration, read once when it opens; [cors] is in cors.h. Texts are the configuration's.
 */
enum { TRUSTED_MAX = 64, HOSTS_MAX = 64 };

typedef struct {
    const char *host;
    int port, backlog;
    size_t body, large_body, header_bytes;
    int64_t header_timeout, body_timeout, idle_timeout, reply_stall; /* ms */
    uint32_t connections, connections_per_address;
    bool per_address_loopback;
    size_t memory;
    uint32_t rate;       /* requests a second of one address, 0: off */
    uint32_t bad_tokens; /* a minute of one address, 0: any number */
    bool access_log;
    bool check_origin; /* of WebSockets */
    bool health_unavailable;
    address_range trusted[TRUSTED_MAX];
    size_t trusted_count;
    const char *hosts[HOSTS_MAX]; /* server.hosts */
    size_t host_count;            /* 0: any */
} http_settings;

/* What a connection does. READ states wait for the client, the others do not read. */
typedef enum {
    CONN_NEW = 0, /* accepted, not looked at yet                                           */
    CONN_IDLE,    /* between requests                                                      */
    CONN_HEAD,    /* part of a head has come                                               */
    CONN_BODY,    /* the head is good; its body, or the rest of it, is still to come       */
    CONN_WORK,    /* an exchange answers the request; nobody may free the connection       */
    CONN_REPLY,   /* what the socket did not take at once is being sent                    */
    CONN_STREAM,  /* a reply in pieces goes on until its plugin ends it                    */
    CONN_LINGER,  /* answered for the last time; what still comes is thrown away           */
    CONN_TAKEN,   /* a WebSocket: ws owns it, http only counts it                          */
    CONN_DEAD     /* evhttp has freed it; the struct waits to be used again                */
} conn_state;

TAILQ_HEAD(conn_queue, conn);

/* A queue of connections with the same time limit, so in the order of their deadlines. */
typedef struct {
    struct conn_queue queue;
    int64_t limit_ms;
} deadline_queue;

enum { DEADLINE_HEAD = 0, DEADLINE_BODY, DEADLINE_IDLE, DEADLINE_REPLY, DEADLINE_LINGER, DEADLINES };

/* What connections come in by: a loop's share of the TCP port, or a door. */
struct entrance {
    http_loop *home;
    const http_door *door; /* NULL for the TCP port, whose requests are counted, limited, and need a token */
    router *router;
    struct evhttp *evhttp;
    struct evconnlistener *listener; /* evhttp's; NULL once drained */
    struct evhttp_bound_socket *bound;
    unsigned open;  /* connections of a door */
    entrance *next; /* door of the same server */
};

struct conn {
    TAILQ_ENTRY(conn) entry; /* in a deadline queue, or the loop's new or dead ones */
    http_loop *home;
    entrance *by;
    struct bufferevent *bev; /* evhttp's, as evcon: until CONN_DEAD */
    struct evhttp_connection *evcon;
    bufferevent_data_cb feed; /* evhttp's own read callback: parses what is in the input */
    bufferevent_data_cb sent; /* its write callback: for 100 Continue alone */
    int64_t deadline_ms;
    int64_t paused_ms; /* when reading was paused, 0: it is not */
    size_t charged;    /* bytes counted against limits.memory */

    conn_state state;
    uint8_t queued;    /* 1 + the deadline queue it is in, 0: none */
    bool in_gate;      /* gate_read() is on the stack */
    bool close_after;  /* this reply is the last */
    bool linger_after; /* and unread bytes may follow: a plain close would reset the client */
    bool fed;          /* evhttp has had the head already (100-continue) */
    bool trusted;      /* a trusted proxy, or loopback: no caps per address */
    bool counted;      /* in the count of its address */
    bool watched;      /* conn_watch_end() */
    bool left;         /* CONN_WORK: the client has ended the connection */

    /* The request that is being read. */
    size_t checked; /* bytes of an unfinished head that are checked, of a chunked body that are followed */
    uint64_t need;  /* bytes in the input when it is whole (not chunked) */
    uint64_t body_limit;
    request_head head; /* its spans are valid until evhttp is fed */
    /* In the target, which evhttp keeps a copy of: its path, and the host before that (length 0: there is none). */
    size_t path_at, path_len, host_at, host_len;
    chunk_walk chunks;

    struct evhttp_request *request; /* from dispatch until its reply has left */
    exchange *work;                 /* CONN_WORK: who answers */
    struct stream *stream;          /* CONN_STREAM: what is sent */
    size_t unsent_mark;             /* CONN_REPLY, CONN_STREAM: bytes unsent when the deadline was set */
    size_t appended;                /* CONN_STREAM: bytes that came behind these */
    void (*on_left)(conn *c);       /* while the end is watched for, see conn_watch_end() */
    void (*on_closed)(conn *c);     /* NULL: nobody is to know that it ends */
    address peer;
    uint32_t slot; /* of the address, see rate.h */
    char peer_text[ADDRESS_TEXT];
};

/* Times of this turn of the loop, see tick() in conn.h. */
typedef struct {
    int64_t mono_ms;
    int64_t awake_ms; /* the same without the time in which the loop could not run: for deadlines of clients */
    int64_t wall_s;
    char stamp[25]; /* "2026-03-05T21:42:08.123Z" */
    char date[40];  /* "Date: …\r\n" */
    size_t date_len;
} loop_clock;

/* Written by the loop alone, read by anybody: plain stores and loads of one word. */
typedef _Atomic uint64_t counter;

typedef struct {
    counter by_status[HTTP_STATUSES];
    counter buckets[HTTP_BUCKETS];
    counter microseconds;
} route_metrics;

TAILQ_HEAD(exchange_list, exchange);

enum { ACCESS_LOG_BYTES = 16384, HEAD_SCRATCH = 16384 };

struct http_loop {
    http_server *server;
    loop *loop;
    entrance port; /* its share of the TCP port */
    struct event *newborn, *timer;
    bool timer_set, accept_paused, draining;
    int64_t accept_after_ms; /* after EMFILE: not before */
    int64_t complained_ms;   /* the last log line about accepting */
    loop_clock clock;
    deadline_queue deadlines[DEADLINES];
    struct conn_queue fresh, dead;
    unsigned dead_count, paused;
    struct exchange_list busy; /* exchanges in work */
    struct exchange_list spare;
    unsigned spare_count;
    uint64_t next_id; /* of generated request ids */
    char id_prefix[16];
    size_t id_prefix_len;
    route_metrics *metrics; /* one for each route, and the last for requests without one */
    counter accepted, refused, bad_heads, timed_out, stalled, memory, in_flight;
    mail drain_mail;
    size_t log_len;
    char log[ACCESS_LOG_BYTES];
    char scratch[HEAD_SCRATCH]; /* the head of the reply being sent */
};

/* What the last check of GET /api/health found: own_routes.c. Written by whoever wins `checked_ms`; the rest are single
 * words. */
typedef struct {
    _Atomic int64_t checked_ms; /* monotonic; 0 before the first */
    _Atomic int64_t latency_us; /* of the read */
    _Atomic bool modules_ok;
} health;

struct http_server {
    runtime *rt;
    http_settings settings;
    _Atomic(struct cors_rules *) cors; /* a reload puts new ones here */
    http_authenticate authenticate;
    sw_lane authenticate_lane;
    http_ask ask;      /* NULL: authenticate tells everything */
    sw_host *provider; /* whose work asking is */
    http_take_over take_over;
    /* What connections start in the gate above them; set once by http_server.c. */
    void (*read)(conn *c);
    void (*refuse)(conn *c, int http_status, const char *code, const char *text);
    router *router;  /* of the TCP port */
    entrance *doors; /* all on loop 0 */
    struct rates *rates;
    http_loop **loops; /* one each, so that they share no cache line */
    unsigned loop_count;
    sw_host core; /* stands for module 0 while that is not there */
    health health;
    _Atomic uint32_t open; /* connections of all loops */
    _Atomic bool over_memory;
    _Atomic bool warned_of_proxy;
};

static inline void count(counter *c)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* ---- what http_server.c puts in the place of evhttp's own ---- */

/* http_gate.c, http_server.read: takes what is in the input, and all requests of it that are answered at once. */
void gate_read(conn *c);
/* http_gate.c, http_server.refuse: answers a request that is still being read (CONN_IDLE, CONN_HEAD, CONN_BODY) with a
 * failure, and ends the connection. `text` NULL: the status's own. */
void gate_refuse(conn *c, int http_status, const char *code, const char *text);
/* guard.c: evhttp's callback for every request that has passed the gate; `http_loop_` is the loop's. */
void http_dispatch(struct evhttp_request *ev, void *http_loop_);

/* ---- http_listen.c and http_server.c: the sockets of the port ---- */

/* Every loop accepts from the port. false: `error` says why. */
bool listener_open(http_server *h, int *ret_port, char *error, size_t error_size);
/* Has an entrance accept from a bound socket, which is taken over. false: `error`. */
bool listener_add(entrance *by, int fd, char *error, size_t error_size);

#endif
