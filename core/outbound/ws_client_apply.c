/* What other threads ask of connections: to be dialled, to write, to close. Everything here runs on the service thread.
 */
#include "core/outbound/ws_client.h"
#include <string.h>

enum {
    OPEN_TIMEOUT_MS = 15000,
    CLOSE_TIMEOUT_MS = 3000 /* for the other side's half of a close handshake */
};

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
        .local_protocol_name = WS_PROTOCOL,
        .userdata = n,
        .pwsi = &n->wsi,
    };
    int timeout = n->call.timeout_ms > 0 ? n->call.timeout_ms : OPEN_TIMEOUT_MS;

    n->dialled = true;
    lws_sul_schedule(c->context, 0, &n->timer, too_late, (lws_usec_t)timeout * 1000);
    if (!lws_client_connect_via_info(&info))
        ws_connection_end_with(n, &(sw_ws_end){.error = "cannot connect"});
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

/* One connection's share of ws_client_apply. */
static void apply(ws_client *c, ws_connection *n, wishes w)
{
    if (!n->dialled && w.close) {
        ws_connection_end_with(n, &(sw_ws_end){.error = "closed"});
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

void ws_client_apply(ws_client *c)
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
