/* A server with loops, lanes, a writer and one module of probe routes, on a free port; and a client of raw sockets. */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include "core/http/http.h"
#include "core/runtime/writer.h"
#include "tests/unit/db/store_fixture.h"
#include "tests/unit/run_tests.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    test_store store;
    runtime rt;
    sw_host module, provider;
    sw_db *db;
    http_server *http;
    int port;
    _Atomic int asked; /* how often the provider was */
    char asked_on[16]; /* the thread that did so last */
    _Atomic int taken;
} test_server;

/* ---- the probe routes ---- */

static inline sw_status probe_echo(sw_request *req)
{
    sw_str body = sw_body_raw(req);
    SW_TRY(sw_check(req));
    sw_json *j = sw_reply_json(req, 200);
    sw_json_object_begin(j, NULL);
    sw_json_int(j, "bytes", (int64_t)body.len);
    sw_json_textn(j, "body", body.at, body.len < 256 ? body.len : 256);
    sw_json_text(j, "address", sw_request_address(req));
    sw_json_text(j, "user", sw_request_principal(req)->name);
    sw_json_object_end(j);
    return SW_OK;
}

static inline sw_status probe_read(sw_request *req)
{
    int64_t id = sw_path_id(req, "id");
    int64_t limit = sw_query_int(req, "limit", 50, 1, 200);
    const char *q = sw_query_text(req, "q", 16, "");
    int64_t since = sw_query_time(req, "since", -1);
    const char *head = sw_header(req, "x-probe");
    SW_TRY(sw_check(req));
    sw_json *j = sw_reply_json(req, 200);
    sw_json_object_begin(j, NULL);
    sw_json_int(j, "id", id);
    sw_json_int(j, "limit", limit);
    sw_json_text(j, "q", q);
    sw_json_int(j, "since", since);
    sw_json_text_opt(j, "head", head);
    sw_json_object_end(j);
    sw_reply_header(req, "X-Total-Count", "7");
    return SW_OK;
}

static inline sw_status probe_body(sw_request *req)
{
    const char *name = sw_body_text(req, "name", 1, 8);
    const char *note = sw_body_text_or(req, "note", 8, "none");
    int64_t n = sw_body_int(req, "n", 5, 1, 10);
    int flag = sw_body_bool(req, "flag", -1);
    int64_t at = sw_body_time(req, "at", -1);
    SW_TRY(sw_check(req));
    sw_json *j = sw_reply_json(req, 201);
    sw_json_object_begin(j, NULL);
    sw_json_text(j, "name", name);
    sw_json_text(j, "note", note);
    sw_json_int(j, "n", n);
    sw_json_int(j, "flag", flag);
    if (sw_body_has(req, "at"))
        sw_json_int(j, "at", at);
    sw_json_object_end(j);
    return SW_OK;
}

static inline sw_status probe_big(sw_request *req)
{
    int64_t bytes = sw_query_int(req, "bytes", 1000, 1, 16 << 20);
    SW_TRY(sw_check(req));
    char *text = sw_alloc(req, (size_t)bytes, 1);
    if (!text)
        return SW_NO_MEMORY;
    memset(text, 'x', (size_t)bytes);
    sw_reply_bytes(req, 200, "text/plain", text, (size_t)bytes);
    return SW_OK;
}

static inline sw_status probe_nap(sw_request *req)
{
    (void)poll(NULL, 0, (int)sw_query_int(req, "ms", 100, 1, 5000));
    sw_reply_empty(req, 204);
    return SW_OK;
}

static inline sw_status probe_silent(sw_request *req)
{
    (void)req;
    return SW_OK;
}

static const sw_route PROBES[] = {
    {.method = SW_POST, .path = "/p/echo", .access = SW_PUBLIC, .handle = probe_echo},
    {.method = SW_GET, .path = "/p/echo", .access = SW_PUBLIC, .handle = probe_echo},
    {.method = SW_POST, .path = "/p/loop", .access = SW_PUBLIC, .lane = SW_LANE_LOOP, .handle = probe_echo},
    {.method = SW_POST, .path = "/p/large", .access = SW_PUBLIC, .handle = probe_echo, .flags = SW_ROUTE_LARGE_BODY},
    {.method = SW_POST, .path = "/p/raw", .access = SW_PUBLIC, .handle = probe_echo, .flags = SW_ROUTE_RAW_BODY},
    {.method = SW_GET, .path = "/p/read/:id", .access = SW_PUBLIC, .handle = probe_read},
    {.method = SW_POST, .path = "/p/body", .access = SW_PUBLIC, .handle = probe_body},
    {.method = SW_GET, .path = "/p/big", .access = SW_PUBLIC, .handle = probe_big},
    {.method = SW_GET, .path = "/p/nap", .access = SW_PUBLIC, .handle = probe_nap},
    {.method = SW_GET, .path = "/p/silent", .access = SW_PUBLIC, .handle = probe_silent},
    {.method = SW_GET, .path = "/p/signed", .access = SW_SIGNED_IN, .handle = probe_echo},
    {.method = SW_GET, .path = "/p/signed-loop", .access = SW_SIGNED_IN, .lane = SW_LANE_LOOP, .handle = probe_echo},
    {.method = SW_GET, .path = "/p/hash", .access = SW_SIGNED_IN, .lane = SW_LANE_HASH, .handle = probe_echo},
    {.method = SW_GET, .path = "/p/human", .access = SW_HUMAN, .handle = probe_echo},
    {.method = SW_GET, .path = "/p/admin", .access = SW_ADMIN, .handle = probe_echo},
};

static const sw_plugin PROBE = {SW_PLUGIN_HEAD, .name = "probe", .version = "1", .routes = SW_TABLE(PROBES)};

/* ---- the server ---- */

static test_server *the_server; /* the provider and ws have no argument of their own */
static sw_lane provider_lane;   /* of the next server; 0: as http_open() has it */
static http_ask provider_ask;   /* of the next server; NULL: none */

/* "admin", "member", "agent", "butler" are tokens; "broken": the provider fails. */
static inline sw_status test_authenticate(runtime *rt, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    static const char *const NAMES[] = {
        [SW_ROLE_ADMIN] = "admin", [SW_ROLE_MEMBER] = "member", [SW_ROLE_AGENT] = "agent", [SW_ROLE_BUTLER] = "butler"};
    (void)rt;
    ck_assert_ptr_nonnull(db);
    the_server->asked++;
    pthread_getname_np(pthread_self(), the_server->asked_on, sizeof the_server->asked_on);
    if (len == 6 && memcmp(token, "broken", 6) == 0)
        return SW_UNAVAILABLE;
    if (len == 7 && memcmp(token, "distant", 7) == 0)
        return SW_OK; /* role 0: ask */
    for (int role = SW_ROLE_ADMIN; role <= SW_ROLE_BUTLER; role++)
        if (strlen(NAMES[role]) == len && memcmp(NAMES[role], token, len) == 0) {
            *ret = (sw_principal){
                .size = sizeof *ret, .role = (sw_role)role, .user_id = role, .by_api_token = role == SW_ROLE_AGENT};
            memcpy(ret->name, token, len);
            return SW_OK;
        }
    return SW_UNAUTHENTICATED;
}

static inline void test_server_config(test_server *s, const char *const *options, http_take_over take_over)
{
    char error[512], *environment[32] = {"STEWARD_SERVER_PORT=0"};
    int n = 1;
    for (; options && *options; options++)
        environment[n++] = (char *)(uintptr_t)*options;
    memset(s, 0, sizeof *s);
    the_server = s;
    s->rt.config = config_new();
    ck_assert_msg(config_load(s->rt.config, NULL, environment), "%s", config_errors(s->rt.config));
    test_store_folder(&s->store);
    ck_assert_int_eq(test_store_open(&s->store), SW_OK);
    s->rt.store = s->store.store;
    pthread_mutex_init(&s->rt.readers.lock, NULL);
    s->db = db_open(s->rt.store, true);
    s->rt.principals = principals_new(1024, 1024);
    s->rt.version = "test";
    s->module = (sw_host){.rt = &s->rt, .name = "probe", .plugin = &PROBE, .status = MODULE_ENABLED};
    s->provider = (sw_host){.rt = &s->rt, .name = "provider", .state = &s->provider, .status = MODULE_ENABLED};
    s->rt.modules[0] = &s->module;
    s->rt.module_count = 1;
    ck_assert(loops_open(&s->rt, 2));
    s->http = http_open(&s->rt, test_authenticate, take_over, &s->port, error, sizeof error);
    ck_assert_msg(s->http != NULL, "%s", error);
    ck_assert_msg(http_add_routes(s->http, &s->module, error, sizeof error), "%s", error);
    if (provider_lane)
        http_authenticate_on(s->http, provider_lane);
    if (provider_ask)
        http_ask_with(s->http, &s->provider, provider_ask);
    ck_assert_ptr_nonnull(lanes_start(&s->rt, 2, 1, 2, 128));
    s->rt.writer = writer_start(&s->rt, s->db);
    ck_assert_ptr_nonnull(s->rt.writer);
    ck_assert(loops_start(&s->rt));
    s->rt.ready = true;
}

static inline void test_server_start(test_server *s, const char *const *options)
{
    test_server_config(s, options, NULL);
}

static inline void test_server_stop(test_server *s)
{
    runtime_stop(&s->rt, 2000);
    loops_stop(&s->rt);
    http_close(s->http);
    runtime_free(&s->rt);
    loops_close(&s->rt);
    principals_free(s->rt.principals);
    db_close(s->db);
    test_store_remove(&s->store);
    config_free(s->rt.config);
}

/* ---- the client ---- */

typedef struct {
    int fd;
    char bytes[1 << 16]; /* what has come and was not taken */
    size_t len;
    /* The latest reply. */
    int status;
    char head[8192], body[1 << 15];
    size_t body_len;
} test_client;

static inline void test_connect(test_client *c, int port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->len = 0;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
}

static inline void test_close(test_client *c)
{
    close(c->fd);
}

static inline void test_send(const test_client *c, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server has closed: the reply, if any, tells */
        bytes += n;
        len -= (size_t)n;
    }
}

/* Reads more; false: the end, a reset, or nothing for `ms`. */
static inline bool test_more(test_client *c, int ms)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (poll(&p, 1, ms) != 1 || c->len == sizeof c->bytes - 1)
        return false;
    ssize_t n = recv(c->fd, c->bytes + c->len, sizeof c->bytes - 1 - c->len, 0);
    if (n <= 0)
        return false;
    c->len += (size_t)n;
    c->bytes[c->len] = '\0';
    return true;
}

static inline const char *test_header(const test_client *c, const char *name, char *out, size_t size)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\r\n%s: ", name);
    const char *at = strstr(c->head, wanted);
    if (!at)
        return NULL;
    at += strlen(wanted);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
    return out;
}

static inline bool test_has_header(const test_client *c, const char *line)
{
    char wanted[256];
    snprintf(wanted, sizeof wanted, "\r\n%s\r\n", line);
    return strstr(c->head, wanted) != NULL;
}

/* Reads one reply into status, head and body (a longer body is counted, not kept). 0: none came. */
static inline int test_reply(test_client *c, bool head_only)
{
    char *end;
    c->status = 0;
    c->head[0] = '\0';
    c->body_len = 0;
    while (c->len == 0 || !(end = strstr(c->bytes, "\r\n\r\n")))
        if (!test_more(c, 5000))
            return 0;
    size_t head_len = (size_t)(end - c->bytes) + 4;
    ck_assert_uint_lt(head_len, sizeof c->head);
    memcpy(c->head, c->bytes, head_len);
    c->head[head_len] = '\0';
    char number[32];
    const char *length = test_header(c, "Content-Length", number, sizeof number);
    size_t left = length && !head_only ? (size_t)strtoull(length, NULL, 10) : 0;
    memmove(c->bytes, end + 4, c->len - head_len + 1);
    c->len -= head_len;
    while (left > 0) {
        size_t n = c->len < left ? c->len : left;
        for (size_t i = 0; i < n; i++, c->body_len++)
            if (c->body_len < sizeof c->body - 1)
                c->body[c->body_len] = c->bytes[i];
        memmove(c->bytes, c->bytes + n, c->len - n + 1);
        c->len -= n;
        left -= n;
        if (left > 0 && !test_more(c, 5000))
            return 0;
    }
    c->body[c->body_len < sizeof c->body ? c->body_len : sizeof c->body - 1] = '\0';
    c->status = (int)strtol(c->head + 9, NULL, 10);
    return c->status;
}

/* Has the server closed, with nothing more to read? */
static inline bool test_closed(test_client *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    char byte;
    if (c->len > 0 || poll(&p, 1, 5000) != 1)
        return false;
    return recv(c->fd, &byte, 1, 0) <= 0;
}

/* One request on a connection of its own; the reply's status, negative when the server then closed. */
static inline int test_once(test_client *c, int port, const char *bytes, size_t len)
{
    test_connect(c, port);
    test_send(c, bytes, len);
    return test_reply(c, len > 5 && memcmp(bytes, "HEAD ", 5) == 0);
}

#define TEST_ASK(c, s, text) test_once((c), (s)->port, (text), strlen(text))

#endif
