/* Shared by the parts of the outbound WebSocket client: ws_client.c (threads, queue), ws_client_apply.c (what other
 * threads ask for) and ws_client_lws.c (what libwebsockets tells). */
#ifndef CORE_OUTBOUND_WS_CLIENT_H
#define CORE_OUTBOUND_WS_CLIENT_H

#include "common/buf.h"
#include "core/outbound/outbound.h"
#include <libwebsockets.h>
#include <pthread.h>

#define WS_QUEUE_MAX   ((size_t)8 << 20)
#define WS_MESSAGE_MAX ((size_t)4 << 20)

/* A message on its way out, with the head room that libwebsockets writes its header into. */
typedef struct ws_outgoing {
    struct ws_outgoing *next;
    size_t len;
    bool binary;
    unsigned char bytes[];
} ws_outgoing;

typedef struct ws_connection {
    struct ws_connection *next;
    ws_client *client;
    uint64_t handle;
    char *path; /* with the query: secret, never logged */
    outbound_url url;
    sw_ws_call call;
    void *arg;
    const void *asked_by;         /* for a crash report: whose callbacks these are */
    lws_sorted_usec_list_t timer; /* until open */
    /* under the client's lock */
    ws_outgoing *first, **last;
    size_t queued;
    bool wants_write, close_asked, kill_asked, gone;
    int close_code;
    /* the service thread's */
    struct lws *wsi;
    bool dialled, opened, closing, killed, late;
    int received_code, close_with;
    bool message_binary;
    buf incoming;
} ws_connection;

struct ws_client {
    pthread_t thread;
    pthread_mutex_t lock;
    struct lws_context *context;
    struct lws_vhost *outside, *loopback;
    ws_connection *connections; /* under the lock; freed by the service thread alone */
    unsigned count;
    uint64_t last_handle;
    bool stopping;
    bool halted; /* the thread has ended; main thread */
};

/* ws_client_lws.c */
#define WS_PROTOCOL "outbound"
struct lws_context *ws_client_context(ws_client *c, const char *ca_file, const char *proxy);
/* Tells `ended` unless that was done, and marks it gone. On the service thread. */
void ws_connection_end(ws_connection *n, const char *error);
/* The same for a connection whose timer may run, with what else is known of its end. */
void ws_connection_end_with(ws_connection *n, sw_ws_end *why);

/* ws_client_apply.c: dials, wakes writers, closes. On the service thread. */
void ws_client_apply(ws_client *c);

/* ws_client.c */
void ws_connection_free(ws_connection *n);

#endif
