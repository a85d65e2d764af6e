/* WebSocket connections to other machines: libwebsockets' client on a thread of its own.
 *
 * Any thread leaves commands under the lock and wakes the service loop, still under it: the loop ends its context only
 * after it has seen `stopping` there. Everything else of libwebsockets, and every callback of a plugin, runs on that
 * one thread. What ws_client_lws.c does with a connection is told there. */
#include "core/outbound/ws_client.h"
#include "core/base/table.h"
#include "core/crash/crash_scope.h"
#include "core/runtime/thread.h"
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS_MAX = 64 };

/* Under the lock. */
static ws_connection *find(ws_client *c, uint64_t handle)
{
    for (ws_connection *at = c->connections; at; at = at->next)
        if (at->handle == handle && !at->gone)
            return at;
    return NULL;
}

/* What the request line holds; a URL may go from its host straight to a query. */
static char *own_path(const char *path)
{
    size_t len = strlen(path);
    bool bare = path[0] == '?';
    char *own = malloc(len + 2);

    if (own) {
        own[0] = '/';
        memcpy(own + (bare ? 1 : 0), path, len + 1);
    }
    return own;
}

sw_status ws_client_connect(ws_client *c, const sw_ws_call *given, void *arg, uint64_t *ret_handle)
{
    outbound_url url;
    sw_ws_call call;
    sw_status status = SW_OK;
    uint64_t handle = 0;

    if (!struct_read(&call, sizeof call, given, STRUCT_THROUGH(sw_ws_call, ended)))
        return SW_INTERNAL;
    if (!outbound_url_parse(call.url, "wss", "ws", &url))
        return SW_INVALID;
    ws_connection *n = calloc(1, sizeof *n);
    char *path = own_path(url.path);
    if (!n || !path) {
        free(n);
        free(path);
        return SW_NO_MEMORY;
    }
    *n = (ws_connection){.client = c, .path = path, .call = call, .arg = arg, .url = url};
    n->asked_by = crash_running.owner;
    n->call.url = NULL; /* the caller's */
    n->url.path = path;
    n->last = &n->first;
    buf_init(&n->incoming, call.max_message ? call.max_message : WS_MESSAGE_MAX);
    pthread_mutex_lock(&c->lock);
    if (c->stopping || c->count >= CONNECTIONS_MAX) {
        status = SW_BUSY;
    } else {
        handle = n->handle = ++c->last_handle;
        *ret_handle = handle;
        n->next = c->connections;
        c->connections = n;
        c->count++;
        lws_cancel_service(c->context);
    }
    pthread_mutex_unlock(&c->lock);
    if (status != SW_OK)
        ws_connection_free(n);
    return status;
}

bool ws_client_send(ws_client *c, uint64_t handle, bool binary, const void *data, size_t len)
{
    ws_outgoing *m = malloc(sizeof *m + LWS_PRE + len);
    bool queued = false;

    if (!m)
        return false;
    *m = (ws_outgoing){.binary = binary, .len = len};
    memcpy(m->bytes + LWS_PRE, data, len);
    pthread_mutex_lock(&c->lock);
    ws_connection *n = find(c, handle);
    if (n && n->queued + len <= WS_QUEUE_MAX) {
        *n->last = m;
        n->last = &m->next;
        n->queued += len;
        n->wants_write = true;
        queued = true;
        lws_cancel_service(c->context);
    }
    pthread_mutex_unlock(&c->lock);
    if (!queued)
        free(m);
    return queued;
}

void ws_client_close(ws_client *c, uint64_t handle, int code)
{
    pthread_mutex_lock(&c->lock);
    ws_connection *n = find(c, handle);
    if (n) {
        n->close_asked = true;
        n->close_code = code;
        n->kill_asked = code == 0;
        lws_cancel_service(c->context);
    }
    pthread_mutex_unlock(&c->lock);
}

void ws_connection_free(ws_connection *n)
{
    while (n->first) {
        ws_outgoing *m = n->first;
        n->first = m->next;
        free(m);
    }
    buf_done(&n->incoming);
    free(n->path);
    free(n);
}

/* Frees what has ended. On the service thread, outside of libwebsockets' callbacks. */
static void reap(ws_client *c)
{
    pthread_mutex_lock(&c->lock);
    for (ws_connection **at = &c->connections; *at;) {
        ws_connection *n = *at;
        if (!n->gone) {
            at = &n->next;
            continue;
        }
        *at = n->next;
        c->count--;
        ws_connection_free(n);
    }
    pthread_mutex_unlock(&c->lock);
}

static void *service(void *arg)
{
    ws_client *c = arg;

    for (;;) {
        pthread_mutex_lock(&c->lock);
        bool stopping = c->stopping;
        pthread_mutex_unlock(&c->lock);
        if (stopping)
            break;
        ws_client_apply(c);
        reap(c);
        if (lws_service(c->context, 0) < 0)
            break;
    }
    /* Ends every connection: its callback tells `ended`. */
    lws_context_destroy(c->context);
    for (ws_connection *n = c->connections; n; n = n->next)
        ws_connection_end(n, "stopped");
    reap(c);
    return NULL;
}

ws_client *ws_client_start(const char *ca_file, const char *proxy)
{
    ws_client *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    c->context = ws_client_context(c, ca_file, proxy);
    if (c->context && thread_start(&c->thread, "ws-out", service, c))
        return c;
    if (c->context)
        lws_context_destroy(c->context);
    free(c);
    return NULL;
}

void ws_client_halt(ws_client *c)
{
    if (!c || c->halted)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    lws_cancel_service(c->context);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    c->halted = true;
}

void ws_client_stop(ws_client *c)
{
    if (!c)
        return;
    ws_client_halt(c);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
