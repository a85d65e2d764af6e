/* A server with a hub and one module of probe frames, and clients of raw sockets. Tokens are "ROLE-ID": "agent-7". */
#ifndef TESTS_UNIT_WS_FIXTURE_H
#define TESTS_UNIT_WS_FIXTURE_H

#include "core/base/log.h"
#include "core/runtime/writer.h"
#include "core/ws/codec.h"
#include "core/ws/hub.h"
#include "tests/unit/db/store_fixture.h"
#include "tests/unit/run_tests.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>

typedef struct {
    test_store store;
    runtime rt;
    sw_host core, module;
    sw_db *db;
    http_server *http;
    int port;
} test_hub;

static inline sw_status hub_authenticate(runtime *rt, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    static const char *const NAMES[] = {"", "admin-", "member-", "agent-", "butler-"};
    (void)rt, (void)db;
    for (int role = SW_ROLE_ADMIN; role <= SW_ROLE_BUTLER; role++) {
        size_t n = strlen(NAMES[role]);
        if (len <= n || memcmp(token, NAMES[role], n) != 0)
            continue;
        *ret = (sw_principal){
            .size = sizeof *ret, .role = (sw_role)role, .user_id = strtoll(token + n, NULL, 10), .by_api_token = true};
        snprintf(ret->name, sizeof ret->name, "%.*s", (int)len, token);
        return SW_OK;
    }
    return SW_UNAUTHENTICATED;
}

/* `options`: environment assignments, NULL-ended; NULL: none. */
static inline void test_hub_start(test_hub *t, const sw_plugin *plugin, const char *const *options)
{
    char error[512], *environment[32] = {(char *)(uintptr_t) "STEWARD_SERVER_PORT=0",
                                         (char *)(uintptr_t) "STEWARD_LOG_ACCESS=false"};
    for (int n = 2; options != NULL && *options != NULL; options++)
        environment[n++] = (char *)(uintptr_t)*options;
    memset(t, 0, sizeof *t);
    config *c = config_new();
    ck_assert_msg(config_load(c, NULL, environment), "%s", config_errors(c));
    t->rt.config = c;
    log_set_level(SW_LOG_WARN);
    test_store_folder(&t->store);
    ck_assert_int_eq(test_store_open(&t->store), SW_OK);
    t->rt.store = t->store.store;
    pthread_mutex_init(&t->rt.readers.lock, NULL);
    t->db = db_open(t->rt.store, true);
    t->rt.principals = principals_new(1024, 1024);
    t->rt.version = "test";
    t->core = (sw_host){.rt = &t->rt, .name = "core", .status = MODULE_ENABLED};
    t->module = (sw_host){.rt = &t->rt, .name = "probe", .plugin = plugin, .status = MODULE_ENABLED};
    t->rt.modules[0] = &t->core;
    t->rt.modules[1] = &t->module;
    t->rt.module_count = 2;
    ck_assert(loops_open(&t->rt, 2));
    ck_assert_ptr_nonnull(hub_open(&t->rt));
    ck_assert_msg(hub_add_module(t->rt.hub, &t->module, error, sizeof error), "%s", error);
    t->http = http_open(&t->rt, hub_authenticate, hub_upgrade, &t->port, error, sizeof error);
    ck_assert_msg(t->http != NULL, "%s", error);
    ck_assert_ptr_nonnull(lanes_start(&t->rt, 3, 2, 2, 64));
    t->rt.defers = defers_start(&t->rt);
    t->rt.writer = writer_start(&t->rt, t->db);
    ck_assert_ptr_nonnull(t->rt.writer);
    ck_assert(loops_start(&t->rt));
    t->rt.ready = true;
}

static inline void test_hub_stop(test_hub *t)
{
    runtime_stop(&t->rt, 2000);
    loops_stop(&t->rt);
    hub_close(t->rt.hub);
    http_close(t->http);
    runtime_free(&t->rt);
    loops_close(&t->rt);
    principals_free(t->rt.principals);
    db_close(t->db);
    test_store_remove(&t->store);
    config_free(t->rt.config);
}

/* ---- the client ---- */

typedef struct {
    int fd;
    uint8_t *in; /* what has come and was not taken */
    size_t len, cap, used;
    codec_op op;      /* of the latest frame */
    const char *text; /* its payload, NUL-ended in place of the next byte (kept aside) */
    size_t text_len;
    uint8_t aside;
} test_ws;

static inline bool ws_more(test_ws *w, int ms)
{
    struct pollfd p = {.fd = w->fd, .events = POLLIN};
    if (poll(&p, 1, ms) != 1)
        return false;
    if (w->len + 65536 + 1 > w->cap) {
        w->cap = w->len * 2 + 65536 + 1;
        w->in = realloc(w->in, w->cap);
    }
    ssize_t n = recv(w->fd, w->in + w->len, 65536, 0);
    if (n <= 0)
        return false;
    w->len += (size_t)n;
    return true;
}

static inline void ws_connect(test_ws *w, int port, const char *token, const char *query)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char head[512];
    *w = (test_ws){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ck_assert_int_eq(connect(w->fd, (struct sockaddr *)&to, sizeof to), 0);
    int len = snprintf(head, sizeof head,
                       "GET /api/ws?token=%s%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                       token, query);
    ck_assert_int_eq(send(w->fd, head, (size_t)len, MSG_NOSIGNAL), len);
    void *end = NULL;
    while (w->len == 0 || (end = memmem(w->in, w->len, "\r\n\r\n", 4)) == NULL)
        ck_assert_msg(ws_more(w, 5000), "no answer to the handshake");
    ck_assert_msg(memmem(w->in, w->len, " 101 ", 5) != NULL, "%.*s", (int)w->len, (char *)w->in);
    w->used = (size_t)((uint8_t *)end - w->in) + 4;
}

static inline void ws_send_op(const test_ws *w, codec_op op, const char *text, size_t len)
{
    uint8_t head[14] = {(uint8_t)(0x80 | op), (uint8_t)(0x80 | (len < 126 ? len : 126))};
    size_t n = 2;
    if (len >= 126) {
        head[n++] = (uint8_t)(len >> 8);
        head[n++] = (uint8_t)len;
    }
    n += 4; /* a mask of zeros */
    (void)!send(w->fd, head, n, MSG_NOSIGNAL | MSG_MORE);
    (void)!send(w->fd, text, len, MSG_NOSIGNAL);
}

__attribute__((format(printf, 2, 3))) static inline void ws_say(const test_ws *w, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ws_send_op(w, OP_TEXT, text, (size_t)len);
}

/* The next frame; false: none within `ms`, or the end. */
static inline bool ws_next(test_ws *w, int ms)
{
    if (w->text != NULL)
        w->in[w->used] = w->aside;
    w->text = NULL;
    if (w->used > 1 << 20 || w->used == w->len) {
        if (w->len > w->used)
            memmove(w->in, w->in + w->used, w->len - w->used);
        w->len -= w->used;
        w->used = 0;
    }
    for (;;) {
        const uint8_t *at = w->in + w->used;
        size_t have = w->len - w->used, more = have < 2 ? 0 : at[1] == 126 ? 2 : at[1] == 127 ? 8 : 0;
        if (have >= 2 + more && have >= 2) {
            size_t len = more == 0 ? at[1] : 0;
            for (size_t i = 0; i < more; i++)
                len = len << 8 | at[2 + i];
            if (have >= 2 + more + len) {
                w->op = (codec_op)(at[0] & 15);
                w->text = (const char *)at + 2 + more;
                w->text_len = len;
                w->used += 2 + more + len;
                if (w->used == w->cap)
                    w->in = realloc(w->in, ++w->cap);
                w->text = (const char *)w->in + w->used - len;
                w->aside = w->in[w->used];
                w->in[w->used] = '\0';
                return true;
            }
        }
        if (!ws_more(w, ms))
            return false;
    }
}

/* The next text frame. */
static inline const char *ws_text(test_ws *w)
{
    do
        ck_assert_msg(ws_next(w, 10000), "no frame");
    while (w->op == OP_PING);
    ck_assert_msg(w->op == OP_TEXT, "closed: %u",
                  w->op == OP_CLOSE ? (unsigned)((uint8_t)w->text[0] << 8 | (uint8_t)w->text[1]) : 0);
    return w->text;
}

/* The code of the close frame that comes next, 0: the end without one. */
static inline unsigned ws_close_code(test_ws *w)
{
    while (ws_next(w, 10000))
        if (w->op == OP_CLOSE)
            return w->text_len < 2 ? 1005 : (unsigned)((uint8_t)w->text[0] << 8 | (uint8_t)w->text[1]);
    return 0;
}

static inline long long ws_number(const char *text, const char *name)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"%s\":", name);
    const char *at = strstr(text, wanted);
    return at == NULL ? -1 : strtoll(at + strlen(wanted), NULL, 10);
}

static inline void ws_done(test_ws *w)
{
    close(w->fd);
    free(w->in);
}

#endif
