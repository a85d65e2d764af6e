/* WebSocket connections to other machines: libwebsockets' client on a thread of its own.
 *
 * Any thread leaves what it wants in the connection, under the lock, and wakes the service thread, still under the
 * lock: that thread ends its context only after it has seen `stopping` there. Context and thread begin with the first
 * connection: a context reads all certificates of the system, which takes 20 ms and 1 MiB. Everything else of
 * libwebsockets, and every callback of a plugin, runs on that one thread, which also frees the connections.
 *
 * Debian's 4.1.6 verifies chain and host name by default. Headers of a refused upgrade are read by
 * lws_hdr_custom_copy(), with names in lower case and the colon. */
#include "core/outbound/outbound.h"

#include "core/base/table.h"
#include "core/common/buf.h"
#include "core/crash/crash_scope.h"
#include "core/outbound/outbound_url.h"
#include "core/runtime/thread.h"

#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PROTOCOL "outbound"

enum {
    CONNECTIONS_MAX = 64,
    QUEUE_MAX = 8 << 20,
    MESSAGE_MAX = 4 << 20,
    OPEN_TIMEOUT_MS = 15000,
    CLOSE_TIMEOUT_MS = 3000, /* for the other side's half of a close handshake */
    READ_BUFFER = 16384,
    KEEPALIVE_S = 30,
    KEEPALIVE_PROBES = 3,
    UNSENT_MS = 30000 /* when bytes stay unacknowledged for so long, the connection is dead */
};

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
    char *ca_file, *proxy;
    struct lws_context *context; /* NULL before the first connection; made under the lock */
    struct lws_vhost *outside, *loopback;
    ws_connection *connections; /* under the lock; freed by the service thread alone */
    unsigned count;
    uint64_t last_handle;
    bool stopping;
    bool halted; /* the thread has ended; main thread */
};

static void *service(void *arg);
static struct lws_context *new_context(ws_client *c);
static bool begin(ws_client *c);
static ws_connection *find(ws_client *c, uint64_t handle);
static char *own_path(const char *path);
static void connection_free(ws_connection *n);

ws_client *ws_client_start(const char *ca_file, const char *proxy)
{
    ws_client *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    c->ca_file = strdup(ca_file);
    c->proxy = strdup(proxy);
    if (c->ca_file && c->proxy)
        return c;
    ws_client_stop(c);
    return NULL;
}

/* Its context and its thread, unless they are there. Under the lock. */
static bool begin(ws_client *c)
{
    if (c->context)
        return true;
    c->context = new_context(c);
    if (c->context && thread_start(&c->thread, "ws-out", service, c))
        return true;
    if (c->context)
        lws_context_destroy(c->context);
    c->context = NULL;
    return false;
}

void ws_client_halt(ws_client *c)
{
    if (!c || c->halted)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    bool runs = c->context != NULL;
    if (runs)
        lws_cancel_service(c->context);
    pthread_mutex_unlock(&c->lock);
    if (runs)
        pthread_join(c->thread, NULL);
    c->halted = true;
}

void ws_client_stop(ws_client *c)
{
    if (!c)
        return;
    ws_client_halt(c);
    pthread_mutex_destroy(&c->lock);
    free(c->ca_file);
    free(c->proxy);
    free(c);
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
    buf_init(&n->incoming, call.max_message ? call.max_message : MESSAGE_MAX);
    pthread_mutex_lock(&c->lock);
    if (c->stopping || c->count >= CONNECTIONS_MAX) {
        status = SW_BUSY;
    } else if (!begin(c)) {
        status = SW_NO_MEMORY;
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
        connection_free(n);
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
    if (n && n->queued + len <= QUEUE_MAX) {
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

static void connection_free(ws_connection *n)
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

/* ---- the service thread: how a connection ends ---- */

/* `ended` of the plugin. */
static void tell_end(const ws_connection *n, const sw_ws_end *why)
{
    crash_scope before = crash_enter(n->asked_by, "socket", "ended", NULL);
    n->call.ended(n->arg, n->handle, why);
    crash_leave(before);
}

/* Tells `ended`, once, with what is known of the end, and marks the connection as gone. Its timer ends. */
static void end_with(ws_connection *n, sw_ws_end *why)
{
    pthread_mutex_lock(&n->client->lock);
    bool first = !n->gone;
    n->gone = true;
    pthread_mutex_unlock(&n->client->lock);
    if (!first)
        return;
    lws_sul_schedule(n->client->context, 0, &n->timer, NULL, LWS_SET_TIMER_USEC_CANCEL);
    n->wsi = NULL;
    why->size = sizeof *why;
    why->opened = n->opened;
    why->close_code = n->received_code;
    if (!why->handshake_status)
        why->handshake_status = why->handshake_message = why->handshake_code = "";
    tell_end(n, why);
}

/* The same when the context is gone, and all timers with it. */
static void end_without_timer(ws_connection *n, const char *error)
{
    pthread_mutex_lock(&n->client->lock);
    bool first = !n->gone;
    n->gone = true;
    pthread_mutex_unlock(&n->client->lock);
    if (first) {
        sw_ws_end why = {.size = sizeof why,
                         .opened = n->opened,
                         .close_code = n->received_code,
                         .error = error,
                         .handshake_status = "",
                         .handshake_message = "",
                         .handshake_code = ""};
        tell_end(n, &why);
    }
}

/* ---- the service thread: what other threads ask for ---- */

static void too_late(lws_sorted_usec_list_t *timer)
{
    ws_connection *n = lws_container_of(timer, ws_connection, timer);
    n->late = !n->opened;
    if (n->wsi && (!n->opened || n->closing))
        lws_set_timeout(n->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

static void dial(ws_client *c, ws_connection *n)
{
    char host[300];
    bool v6 = strchr(n->url.host, ':') != NULL;
    snprintf(host, sizeof host, v6 ? "[%s]:%d" : "%s:%d", n->url.host, n->url.port);
    struct lws_client_connect_info info = {
        .context = c->context,
        .vhost = outbound_is_loopback(n->url.host) ? c->loopback : c->outside,
        .address = n->url.host,
        .port = n->url.port,
        .path = n->url.path,
        .host = host,
        .ssl_connection = n->url.tls ? LCCSCF_USE_SSL : 0,
        .local_protocol_name = PROTOCOL,
        .userdata = n,
        .pwsi = &n->wsi,
    };
    int timeout = n->call.timeout_ms > 0 ? n->call.timeout_ms : OPEN_TIMEOUT_MS;
    n->dialled = true;
    lws_sul_schedule(c->context, 0, &n->timer, too_late, (lws_usec_t)timeout * 1000);
    if (!lws_client_connect_via_info(&info))
        end_with(n, &(sw_ws_end){.error = "cannot connect"});
}

/* What other threads ask of one connection, read under the lock. */
typedef struct {
    bool write, close, kill;
    int code;
} wishes;

static void apply_close(ws_client *c, ws_connection *n, bool kill, int code)
{
    if (kill && !n->killed) {
        n->killed = true;
        lws_set_timeout(n->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    }
    if (!n->closing)
        lws_sul_schedule(c->context, 0, &n->timer, too_late, (lws_usec_t)CLOSE_TIMEOUT_MS * 1000);
    n->closing = true;
    n->close_with = code;
}

/* One connection's share of apply_all. */
static void apply(ws_client *c, ws_connection *n, wishes w)
{
    if (!n->dialled && w.close) {
        end_with(n, &(sw_ws_end){.error = "closed"});
        return;
    }
    if (!n->dialled)
        dial(c, n);
    if (!n->wsi)
        return;
    if (w.close)
        apply_close(c, n, w.kill || !n->opened, w.code);
    if (n->opened && !n->killed && (w.write || n->closing))
        lws_callback_on_writable(n->wsi);
}

/* Carries out what other threads have asked for: dials, wakes writers, closes. */
static void apply_all(ws_client *c)
{
    pthread_mutex_lock(&c->lock);
    ws_connection *n = c->connections;
    while (n) {
        wishes w = {.write = n->wants_write, .close = n->close_asked, .kill = n->kill_asked, .code = n->close_code};
        bool gone = n->gone;
        if (n->opened)
            n->wants_write = false;
        pthread_mutex_unlock(&c->lock);
        if (!gone)
            apply(c, n, w);
        pthread_mutex_lock(&c->lock);
        n = n->next;
    }
    pthread_mutex_unlock(&c->lock);
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
        connection_free(n);
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
        apply_all(c);
        reap(c);
        if (lws_service(c->context, 0) < 0)
            break;
    }
    /* Ends every connection: its callback tells `ended`. */
    lws_context_destroy(c->context);
    for (ws_connection *n = c->connections; n; n = n->next)
        end_without_timer(n, "stopped");
    reap(c);
    return NULL;
}

/* ---- the service thread: what libwebsockets tells ---- */

static void copy_header(struct lws *wsi, const char *name, char *out, int size)
{
    int len = (int)strlen(name);
    out[0] = '\0';
    if (lws_hdr_custom_length(wsi, name, len) > 0 && lws_hdr_custom_copy(wsi, out, size, name, len) < 0)
        out[0] = '\0';
}

static void on_refused(struct lws *wsi, ws_connection *n, const char *text, size_t len)
{
    char status[32], message[256], code[32], error[160];
    sw_ws_end why = {.error = error, .handshake_status = status, .handshake_message = message, .handshake_code = code};

    snprintf(error, sizeof error, "%.*s", text ? (int)len : 14, text ? text : "cannot connect");
    copy_header(wsi, "handshake-status:", status, sizeof status);
    copy_header(wsi, "handshake-msg:", message, sizeof message);
    copy_header(wsi, "handshake-autherrcode:", code, sizeof code);
    why.http_status = (int)lws_http_client_http_response(wsi);
    end_with(n, &why);
}

static int on_received(struct lws *wsi, ws_connection *n, const char *bytes, size_t len)
{
    if (lws_is_first_fragment(wsi)) {
        buf_clear(&n->incoming);
        n->message_binary = lws_frame_is_binary(wsi);
    }
    buf_add(&n->incoming, bytes, len);
    if (n->incoming.failed) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
        return -1;
    }
    if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
        crash_scope before = crash_enter(n->asked_by, "socket", "message", NULL);
        n->call.message(n->arg, n->handle, n->message_binary, n->incoming.at ? n->incoming.at : "", n->incoming.len);
        crash_leave(before);
        buf_clear(&n->incoming);
    }
    return 0;
}

static int on_writable(struct lws *wsi, ws_connection *n)
{
    if (n->closing) {
        lws_close_reason(wsi, (enum lws_close_status)n->close_with, NULL, 0);
        return -1;
    }
    pthread_mutex_lock(&n->client->lock);
    ws_outgoing *m = n->first;
    if (m) {
        n->first = m->next;
        if (!n->first)
            n->last = &n->first;
        n->queued -= m->len;
    }
    bool more = n->first != NULL;
    pthread_mutex_unlock(&n->client->lock);
    if (!m)
        return 0;
    int sent = lws_write(wsi, m->bytes + LWS_PRE, m->len, m->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
    bool failed = sent < (int)m->len;
    free(m);
    if (more)
        lws_callback_on_writable(wsi);
    return failed ? -1 : 0;
}

static void on_peer_close(ws_connection *n, const unsigned char *bytes, size_t len)
{
    if (len >= 2)
        n->received_code = bytes[0] << 8 | bytes[1];
}

static void on_open(struct lws *wsi, ws_connection *n)
{
    unsigned unsent = UNSENT_MS;

    n->opened = true;
    (void)setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent, sizeof unsent);
    lws_sul_schedule(n->client->context, 0, &n->timer, NULL, LWS_SET_TIMER_USEC_CANCEL);
    crash_scope before = crash_enter(n->asked_by, "socket", "opened", NULL);
    n->call.opened(n->arg, n->handle);
    crash_leave(before);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    ws_connection *n = user;

    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        on_open(wsi, n);
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        if (n)
            on_refused(wsi, n, in, len);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return on_received(wsi, n, in, len);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return on_writable(wsi, n);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        on_peer_close(n, in, len);
        return 0;
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP: /* killed before it was open: nothing else is told */
        if (n)
            end_with(n, &(sw_ws_end){.error = n->late ? "no answer in time" : "closed before it was open"});
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        if (n)
            end_with(n, &(sw_ws_end){.error = "connection closed"});
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

static const struct lws_protocols PROTOCOLS[] = {
    {.name = PROTOCOL, .callback = on_event, .rx_buffer_size = READ_BUFFER},
    {.name = NULL},
};

/* What curl looks at, too. */
static const char *proxy_of_environment(void)
{
    const char *proxy = getenv("https_proxy");
    if (!proxy)
        proxy = getenv("HTTPS_PROXY");
    return proxy ? proxy : "";
}

/* Two virtual hosts: one that goes by the proxy, one for the loopback, which never does. An empty proxy address keeps
 * libwebsockets from looking at http_proxy. */
static struct lws_context *new_context(ws_client *c)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = PROTOCOLS,
        .user = c,
        .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .client_ssl_ca_filepath = *c->ca_file ? c->ca_file : NULL,
        .ka_time = KEEPALIVE_S,
        .ka_probes = KEEPALIVE_PROBES,
        .ka_interval = KEEPALIVE_S / KEEPALIVE_PROBES,
    };

    lws_set_log_level(0, NULL); /* its lines may hold a URL; errors reach us by callback */
    struct lws_context *context = lws_create_context(&info);
    if (!context)
        return NULL;
    info.vhost_name = "outside";
    info.http_proxy_address = *c->proxy ? c->proxy : proxy_of_environment();
    c->outside = lws_create_vhost(context, &info);
    info.vhost_name = "loopback";
    info.http_proxy_address = "";
    c->loopback = lws_create_vhost(context, &info);
    if (c->outside && c->loopback)
        return context;
    lws_context_destroy(context);
    return NULL;
}
