/* What libwebsockets tells of connections, and its context. Everything here runs on the service thread. Debian's 4.1.6
 * verifies chain and host name by default; refused upgrades are read by lws_hdr_custom_copy, names in lower case with
 * the colon. */
#include "core/crash/crash_scope.h"
#include "core/outbound/ws_client.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    READ_BUFFER = 16384,
    KEEPALIVE_S = 30,
    KEEPALIVE_PROBES = 3,
    UNSENT_MS = 30000 /* bytes that nobody acknowledges for so long: the connection is dead */
};

/* `ended` of the plugin. */
static void tell_end(const ws_connection *n, const sw_ws_end *why)
{
    crash_scope before = crash_enter(n->asked_by, "socket", "ended", NULL);
    n->call.ended(n->arg, n->handle, why);
    crash_leave(before);
}

void ws_connection_end_with(ws_connection *n, sw_ws_end *why)
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

void ws_connection_end(ws_connection *n, const char *error)
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
    ws_connection_end_with(n, &why);
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
            ws_connection_end_with(n,
                                   &(sw_ws_end){.error = n->late ? "no answer in time" : "closed before it was open"});
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        if (n)
            ws_connection_end_with(n, &(sw_ws_end){.error = "connection closed"});
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

static const struct lws_protocols PROTOCOLS[] = {
    {.name = WS_PROTOCOL, .callback = on_event, .rx_buffer_size = READ_BUFFER},
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
struct lws_context *ws_client_context(ws_client *c, const char *ca_file, const char *proxy)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = PROTOCOLS,
        .user = c,
        .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .client_ssl_ca_filepath = *ca_file ? ca_file : NULL,
        .ka_time = KEEPALIVE_S,
        .ka_probes = KEEPALIVE_PROBES,
        .ka_interval = KEEPALIVE_S / KEEPALIVE_PROBES,
    };

    lws_set_log_level(0, NULL); /* its lines may hold a URL; errors reach us by callback */
    struct lws_context *context = lws_create_context(&info);
    if (!context)
        return NULL;
    info.vhost_name = "outside";
    info.http_proxy_address = *proxy ? proxy : proxy_of_environment();
    c->outside = lws_create_vhost(context, &info);
    info.vhost_name = "loopback";
    info.http_proxy_address = "";
    c->loopback = lws_create_vhost(context, &info);
    if (c->outside && c->loopback)
        return context;
    lws_context_destroy(context);
    return NULL;
}
