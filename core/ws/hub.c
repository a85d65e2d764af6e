/* The hub as the rest of the core sees it: opened and closed, told of the modules, given upgraded connections with
 * their handshake, asked to close sockets, asked for its metrics. What happens on a loop afterwards is in
 * ws_connection.c. Opened and closed by the main thread; the rest says for itself. */
#include "core/ws/hub.h"

#include "core/base/crypto.h"
#include "core/base/log.h"
#include "core/base/str.h"
#include "core/base/table.h"
#include "core/common/buf.h"
#include "core/http/uri.h"
#include "core/runtime/quota.h"
#include "core/ws/output.h"
#include "core/ws/socket.h"
#include "core/ws/ws_connection.h"

#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room in a frame for what is written around a payload. */
enum { FRAME_ROOM = 64 * 1024, MEMORY_SHARES = 4 };

static void read_options(struct hub *h);
static void close_user(runtime *rt, int64_t user_id, int code, const char *reason);
static void close_all(runtime *rt, int code, const char *reason);

/* ---- opening and closing ---- */

hub *hub_open(runtime *rt)
{
    struct hub *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->rt = rt;
    h->loop_count = rt->loop_count;
    h->loops = calloc(h->loop_count, sizeof *h->loops);
    h->presence = presence_new(h->loop_count);
    h->self = (sw_host){.rt = rt, .name = "core"};
    atomic_init(&h->self.status, MODULE_ENABLED);
    frame_types_init(&h->types);
    h->ack_type = frame_types_find(&h->types, "ACK", 3);
    bool ok = h->loops && h->presence;
    if (ok)
        read_options(h);
    for (unsigned i = 0; ok && i < h->loop_count; i++)
        ok = ws_connection_loop_open(h, &h->loops[i], &rt->loops[i]);
    if (!ok) {
        hub_close(h);
        return NULL;
    }
    rt->hub = h;
    rt->close_user = close_user;
    rt->close_all = close_all;
    return h;
}

void hub_close(hub *h)
{
    if (!h)
        return;
    h->on_socket = NULL;
    for (unsigned i = 0; h->loops && i < h->loop_count; i++)
        if (h->loops[i].hub)
            ws_connection_loop_close(&h->loops[i]);
    if (h->rt->hub == h) {
        h->rt->hub = NULL;
        h->rt->close_user = NULL;
        h->rt->close_all = NULL;
    }
    presence_free(h->presence);
    free(h->loops);
    free(h);
}

static void read_options(struct hub *h)
{
    const config *c = h->rt->config;
    h->o = (hub_options){
        .message = (size_t)config_int(c, "ws.message"),
        .payload = (size_t)config_int(c, "ws.payload"),
        .queue = (size_t)config_int(c, "ws.queue"),
        .in_flight_bytes = (size_t)config_int(c, "ws.in_flight_bytes"),
        .in_flight_frames = (uint32_t)config_int(c, "ws.in_flight_frames"),
        .errors_per_minute = (uint32_t)config_int(c, "ws.errors_per_minute"),
        .sockets = (uint32_t)config_int(c, "ws.sockets"),
        .ping_ms = config_int(c, "ws.ping_interval"),
        .dead_ms = config_int(c, "ws.dead_after"),
        .rate_frames = config_int(c, "ws.rate_frames"),
        .rate_bytes = config_int(c, "ws.rate_bytes"),
        .burst_ms = config_int(c, "ws.rate_burst"),
        .rate_close_ms = config_int(c, "ws.rate_close_after"),
        .compression = config_bool(c, "ws.compression"),
    };
    /* A relayed payload may be as long as a message, and an escaped text six times as long as it was. */
    h->o.frame_limit = (h->o.message > 6 * h->o.payload ? h->o.message : 6 * h->o.payload) + FRAME_ROOM;
    h->o.share = (size_t)config_int(c, "limits.memory") / MEMORY_SHARES / h->loop_count;
}

/* ---- modules ---- */

void hub_reserve_types(struct hub *h, const sw_plugin *p)
{
    for (uint32_t i = 0; i < p->frames.count; i++) {
        sw_frame_handler row;
        table_row(p->frames, i, &row, sizeof row);
        if (row.type)
            frame_types_reserve(&h->types, row.type);
    }
}

bool hub_add_module(struct hub *h, sw_host *module, char *error, size_t error_size)
{
    const sw_plugin *p = module->plugin;
    for (uint32_t i = 0; i < p->frames.count; i++) {
        sw_frame_handler row;
        table_row(p->frames, i, &row, sizeof row);
        if (row.lane == 0)
            row.lane = SW_LANE_WORKER;
        if (!row.type || !row.handle) {
            snprintf(error, error_size, "%s: a frame type without name or handler", module->name);
            return false;
        }
        if (!frame_types_add(&h->types, module, &row, error, error_size))
            return false;
    }
    if (!p->recovery)
        return true;
    if (h->recovery_host) {
        snprintf(error, error_size, "%s and %s both own stored frames", h->recovery_host->name, module->name);
        return false;
    }
    memcpy(&h->recovery, p->recovery, p->recovery->size < sizeof h->recovery ? p->recovery->size : sizeof h->recovery);
    h->recovery_host = module;
    return true;
}

void hub_on_socket(hub *h, hub_socket_event fn)
{
    h->on_socket = fn;
}

/* ---- the handshake ---- */

static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

enum { HEAD_MAX = 512, ACCEPT_LEN = 28, KEY_LEN = 24 };

static void accept_of(const char *key, char out[ACCEPT_LEN + 1])
{
    char text[KEY_LEN + sizeof GUID];
    uint8_t digest[20];
    int len = snprintf(text, sizeof text, "%.*s%s", KEY_LEN, key, GUID);
    sha1(text, (size_t)len, digest);
    out[base64(digest, sizeof digest, out)] = '\0';
}

/* The value of a query parameter, decoded and trimmed into `out`. Returns false when it is absent, empty, or too long
 * for a value that could be right (then *ret_long). */
static bool query_value(const char *query, const char *name, char *out, size_t size, bool *ret_long)
{
    sw_str raw;
    char text[128];
    *ret_long = false;
    if (!uri_query_find(str_of(query), name, &raw))
        return false;
    *ret_long = raw.len > sizeof text;
    if (*ret_long)
        return false;
    sw_str value = str_trim((sw_str){text, uri_decode(raw, true, text)});
    *ret_long = value.len >= size || memchr(value.at, '\0', value.len);
    if (*ret_long)
        return false;
    memcpy(out, value.at, value.len);
    out[value.len] = '\0';
    return value.len > 0;
}

/* As everywhere: what is above the largest number is cut to it. */
static bool read_since(const char *text, int64_t *ret)
{
    if (text[strspn(text, "0123456789")] != '\0')
        return false;
    if (!str_int(str_of(text), ret))
        *ret = INT64_MAX;
    return true;
}

/* Returns false when since_id is not a number from 0 on. */
static bool read_query(const char *query, ws_opening *o)
{
    char value[32];
    bool too_long;
    o->since = -1;
    o->hello = query_value(query, "hello", value, sizeof value, &too_long) &&
               (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
    if (query_value(query, "since_id", value, sizeof value, &too_long))
        return read_since(value, &o->since);
    return !too_long;
}

static bool offers_deflate(struct evhttp_request *request)
{
    const char *offers = http_header(request, "Sec-WebSocket-Extensions");
    return offers && deflate_offered(str_of(offers));
}

/* The 101; its length. */
static size_t write_head(char head[HEAD_MAX], const http_upgrade *up, const char *key, bool deflate)
{
    char accept[ACCEPT_LEN + 1];
    accept_of(key, accept);
    int len = snprintf(head, HEAD_MAX,
                       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: %s\r\n%s%s%s%.64s\r\n\r\n",
                       accept, up->token_in_protocol ? "Sec-WebSocket-Protocol: bearer\r\n" : "",
                       deflate ? "Sec-WebSocket-Extensions: " DEFLATE_ANSWER "\r\n" : "",
                       "X-Request-Id: ", up->request_id ? up->request_id : "");
    return len > 0 && len < HEAD_MAX ? (size_t)len : 0;
}

/* May that user have one more? Else it is refused. */
static bool user_may_open(struct hub *h, loop *l, struct evhttp_request *request, const sw_principal *who)
{
    const quotas *q = h->rt->quotas;
    uint32_t most = quota_counts(q, who) ? quota_sockets(q) : 0;
    if (most == 0 || presence_sockets(h->presence, who->user_id) < most)
        return true;
    char text[80];
    snprintf(text, sizeof text, "too many sockets: quota.sockets allows one user %u", most);
    http_refuse(l, request, SW_RATE_LIMITED, NULL, text);
    return false;
}

/* From an HTTP request that was found to be a good upgrade to an open socket. On its loop. */
void hub_upgrade(loop *l, struct evhttp_request *request, const http_upgrade *up)
{
    hub_loop *hl = l->ws;
    struct hub *h = hl->hub;
    const char *key = http_header(request, "Sec-WebSocket-Key");
    char head[HEAD_MAX];
    ws_opening o = {.connection = evhttp_request_get_connection(request), .up = up, .head = head};
    hub_now(hl);
    if (!read_query(up->query ? up->query : "", &o)) {
        http_refuse(l, request, SW_INVALID, "invalid_parameter", "invalid since_id");
        return;
    }
    sw_str trimmed = str_trim(str_of(key));
    if (!key || trimmed.len != KEY_LEN) {
        http_refuse(l, request, SW_INVALID, NULL, "invalid Sec-WebSocket-Key");
        return;
    }
    bool full = h->o.sockets > 0 && atomic_load(&h->open) >= h->o.sockets;
    if (full || atomic_load(&h->stopping)) {
        http_refuse(l, request, SW_BUSY, NULL, full ? "too many sockets" : "the server is shutting down");
        return;
    }
    if (!user_may_open(h, l, request, up->who))
        return;
    o.deflate = h->o.compression && hl->deflate && offers_deflate(request);
    o.head_len = write_head(head, up, trimmed.at, o.deflate);
    if (!ws_connection_open(hl, &o)) {
        http_refuse(l, request, SW_NO_MEMORY, NULL, NULL);
        return;
    }
    /* The request lives as long as the connection: what it holds is not needed any more. */
    evhttp_clear_headers(evhttp_request_get_input_headers(request));
}

/* ---- closing sockets, from any thread: by mail to every loop ---- */

enum { REASON_MAX = 124 };

typedef struct {
    mail mail;
    int64_t user_id;    /* 0 for everybody */
    sw_frame *farewell; /* sent before; NULL when there is none. A reference */
    uint16_t code;
    char reason[REASON_MAX];
} close_mail;

static void close_one(ws_socket *s, void *arg)
{
    const close_mail *c = arg;
    if (c->farewell)
        output_frame(s, c->farewell);
    output_close(s, c->code, c->reason);
}

static void on_close_mail(mail *m, loop *l)
{
    close_mail *c = (close_mail *)m;
    hub_loop *hl = l->ws;
    if (hl) {
        hub_now(hl);
        if (c->user_id != 0)
            socket_each_of_user(hl, c->user_id, close_one, c);
        else
            for (ws_socket *s = hl->all; s; s = s->next)
                close_one(s, c);
    }
    frame_unref(c->farewell);
    free(c);
}

static void post(struct hub *h, unsigned loop_index, int64_t user_id, sw_frame *farewell, int code, const char *reason)
{
    close_mail *c = calloc(1, sizeof *c);
    if (!c) {
        log_error("ws", "no memory to close sockets");
        return; /* revoked ones end at their next frame all the same */
    }
    c->mail.run = on_close_mail;
    c->user_id = user_id;
    c->farewell = farewell ? frame_ref(farewell) : NULL;
    c->code = (uint16_t)code;
    snprintf(c->reason, sizeof c->reason, "%s", reason ? reason : "");
    loop_post(h->loops[loop_index].loop, &c->mail);
}

void hub_close_user(hub *h, int64_t user_id, int code, const char *reason)
{
    uint64_t loops = presence_loops(h->presence, user_id);
    for (unsigned i = 0; i < h->loop_count; i++)
        if ((loops >> (i % 64) & 1) != 0)
            post(h, i, user_id, NULL, code, reason);
}

void hub_close_all(hub *h, int code, const char *reason)
{
    for (unsigned i = 0; i < h->loop_count; i++)
        post(h, i, 0, NULL, code, reason);
}

static void close_user(runtime *rt, int64_t user_id, int code, const char *reason)
{
    hub_close_user(rt->hub, user_id, code, reason);
}

static void close_all(runtime *rt, int code, const char *reason)
{
    hub_close_all(rt->hub, code, reason);
}

/* {"type":"SHUTDOWN",…}: a new reference. */
static sw_frame *shutdown_frame(struct hub *h, int64_t restart_expected_ms)
{
    sw_frame *f = frame_new(h->o.frame_limit);
    sw_json *j = &f->json;
    sw_json_text(j, "type", "SHUTDOWN");
    sw_json_object_begin(j, "payload");
    sw_json_int(j, "restart_expected_ms", restart_expected_ms);
    sw_json_object_end(j);
    sw_json_time(j, "timestamp", sw_now_ms());
    frame_seal(f, &h->types);
    return f;
}

void hub_shutdown(hub *h, int64_t restart_expected_ms)
{
    atomic_store(&h->stopping, true);
    sw_frame *farewell = shutdown_frame(h, restart_expected_ms);
    for (unsigned i = 0; i < h->loop_count; i++)
        post(h, i, 0, farewell, 1001, "shutting down");
    frame_unref(farewell);
}

/* ---- metrics, from any thread ---- */

unsigned hub_open_sockets(const hub *h)
{
    return atomic_load(&h->open);
}

hub_metrics hub_read_metrics(const hub *h)
{
    hub_metrics n = {
        .open = atomic_load(&h->open),
        .slow_closed = atomic_load(&h->slow_closed),
        .dropped = atomic_load(&h->dropped),
        .errors = atomic_load(&h->errors),
    };
    for (unsigned i = 0; i < h->loop_count; i++)
        for (unsigned role = 1; role < ROLE_COUNT; role++)
            n.by_role[role] += atomic_load(&h->loops[i].role_count[role]);
    return n;
}

void hub_each_type(const hub *h, void (*each)(void *arg, const char *type, uint64_t in, uint64_t out), void *arg)
{
    for (unsigned i = 0; i < h->types.count; i++) {
        const frame_type *t = &h->types.all[i];
        each(arg, i == 0 ? "other" : t->row.type, atomic_load(&t->in), atomic_load(&t->out));
    }
}
