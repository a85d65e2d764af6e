/* GET /api/ws up to the point where ws takes over. */
#include "tests/unit/http/fixture.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>

static test_server s;
static test_client c;

#define KEY             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE         "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY
#define WS(query, more) "GET /api/ws" query " HTTP/1.1\r\nHost: x:8080\r\n" more "\r\n"
#define HAS(text)       ck_assert_msg(strstr(c.body, text) != NULL, "%s", c.body)

static void on_bytes(struct bufferevent *bev, void *arg)
{
    (void)arg;
    bufferevent_write_buffer(bev, bufferevent_get_input(bev)); /* an echo */
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
    (void)bev, (void)what;
    evhttp_connection_free(arg);
}

/* Stands in for ws: writes who it is, then echoes. "?refuse" refuses. */
static void take(loop *l, struct evhttp_request *request, const http_upgrade *up)
{
    if (strstr(up->query, "refuse")) {
        http_refuse(l, request, SW_BUSY, NULL, "no more sockets");
        return;
    }
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
    the_server->taken++;
    bufferevent_setcb(bev, on_bytes, NULL, on_end, evcon);
    evbuffer_add_printf(bufferevent_get_output(bev), "HTTP/1.1 101 x\r\nUser: %s\r\nProtocol: %d\r\nQuery: %s\r\n\r\n",
                        up->who->name, up->token_in_protocol, up->query);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    if (evbuffer_get_length(bufferevent_get_input(bev)))
        bufferevent_trigger(bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}

static void begin(void)
{
    static const char *const OPTIONS[] = {"STEWARD_CORS_ALLOWED_ORIGINS=http://listed", NULL};
    test_server_config(&s, OPTIONS, take);
}

static void end(void)
{
    test_close(&c);
    (void)poll(NULL, 0, 100); /* what ws took has ended before http closes */
    test_server_stop(&s);
}

static int ask(const char *text)
{
    if (c.fd > 0)
        test_close(&c);
    return TEST_ASK(&c, &s, text);
}

START_TEST(tokens_come_three_ways)
{
    for (int i = 0; i < 2; i++) { /* asked for, and remembered */
        ck_assert_int_eq(ask(WS("?x=1&token=admin&hello=1", UPGRADE)), 101);
        ck_assert(test_has_header(&c, "User: admin") && test_has_header(&c, "Query: x=1&token=admin&hello=1"));
        ck_assert(test_has_header(&c, "Protocol: 0"));
        ck_assert_int_eq(ask(WS("?token=", UPGRADE "Authorization: Bearer agent\r\n")), 101);
        ck_assert(test_has_header(&c, "User: agent") && test_has_header(&c, "Protocol: 0"));
        ck_assert_int_eq(ask(WS("", UPGRADE "Sec-WebSocket-Protocol: bearer, butler\r\n")), 101);
        ck_assert(test_has_header(&c, "User: butler") && test_has_header(&c, "Protocol: 1"));
        ck_assert_int_eq(ask(WS("?token=m%65mber", UPGRADE)), 101);
        ck_assert(test_has_header(&c, "User: member"));
    }
    ck_assert_int_eq(s.taken, 8);
    ck_assert_int_eq(s.asked, 4);
}
END_TEST

START_TEST(without_a_good_token_it_is_401)
{
    ck_assert_int_eq(ask(WS("", UPGRADE)), 401);
    HAS("\"error\":\"token is required\",\"code\":\"unauthenticated\"");
    ck_assert_int_eq(ask(WS("", "")), 401);
    HAS("token is required");
    ck_assert_int_eq(ask(WS("?token=", UPGRADE)), 401);
    HAS("token is required");
    ck_assert_int_eq(ask(WS("?other=1", UPGRADE)), 401);
    HAS("token is required");
    ck_assert_int_eq(ask(WS("", UPGRADE "Authorization: Bearer nobody\r\n")), 401);
    HAS("\"error\":\"invalid credentials\"");
    ck_assert_int_eq(ask(WS("", UPGRADE "Sec-WebSocket-Protocol: bearer, nobody\r\n")), 401);
    HAS("\"error\":\"invalid credentials\"");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(ask(WS("?token=nobody", UPGRADE)), 401);
        HAS("\"error\":\"invalid credentials\",\"code\":\"invalid_credentials\"");
    }
    ck_assert_int_eq(ask(WS("?token=broken", UPGRADE)), 503);
    ck_assert_int_eq(s.taken, 0);
    /* The connection goes on as HTTP. */
    ck_assert_int_eq(ask(WS("?token=nobody", UPGRADE)), 401);
    test_send(&c, "GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n", 36);
    ck_assert_int_eq(test_reply(&c, false), 200);
}
END_TEST

START_TEST(what_is_no_handshake_is_told_so)
{
    ck_assert_int_eq(ask(WS("?token=admin", "")), 426);
    ck_assert(test_has_header(&c, "Upgrade: websocket") && test_has_header(&c, "Sec-WebSocket-Version: 13"));
    ck_assert_int_eq(
        ask(WS("?token=admin", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n" KEY)), 426);
    ck_assert_int_eq(ask(WS("?token=admin", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY)), 426);
    ck_assert_int_eq(
        ask(WS("?token=admin", "Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Version: 13\r\n" KEY)), 426);
    ck_assert_int_eq(ask(WS("?token=admin", "Connection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
                                            "Sec-WebSocket-Key: abc\r\n")),
                     400);
    ck_assert_int_eq(
        ask(WS("?token=admin", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")), 400);
    ck_assert_int_eq(ask("POST /api/ws?token=admin HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 405);
    ck_assert_int_eq(ask("HEAD /api/ws?token=admin HTTP/1.1\r\nHost: x\r\n" UPGRADE "\r\n"), 426);
    ck_assert_int_eq(ask("GET /api/ws?token=admin HTTP/1.0\r\nHost: x\r\n" UPGRADE "\r\n"), 426);
    ck_assert_int_eq(ask(WS("?token=admin", UPGRADE "Content-Length: 2\r\n") "hi"), 400);
    ck_assert_int_eq(s.taken, 0);
}
END_TEST

START_TEST(origins_bind_browsers_but_not_agents)
{
    ck_assert_int_eq(ask(WS("?token=admin", UPGRADE "Origin: http://evil\r\n")), 403);
    HAS("\"error\":\"origin not allowed\"");
    ck_assert_int_eq(ask(WS("?token=admin", UPGRADE "Origin: null\r\n")), 403);
    HAS("\"error\":\"origin not allowed\"");
    ck_assert_int_eq(ask(WS("?token=admin", UPGRADE "Origin: http://listed\r\n")), 101);
    ck_assert_int_eq(ask(WS("?token=admin", UPGRADE "Origin: https://X:9\r\n")), 101);
    ck_assert_int_eq(ask(WS("?token=agent", UPGRADE "Origin: http://evil\r\n")), 101);
    ck_assert_int_eq(ask(WS("?token=agent", UPGRADE "Origin: null\r\n")), 101);
    ck_assert_int_eq(ask(WS("?token=agent", UPGRADE "Origin: http://listed\r\n")), 101);
    ck_assert_int_eq(ask(WS("?token=agent", UPGRADE "Origin: https://X:9\r\n")), 101);
    ck_assert_int_eq(ask(WS("?token=admin", UPGRADE)), 101);
}
END_TEST

START_TEST(bytes_behind_the_head_are_the_sockets)
{
    ck_assert_int_eq(ask(WS("?token=admin", UPGRADE) "GET / HTTP/1.1\r\n\r\nno head"), 101);
    while (c.len < 25 && test_more(&c, 2000))
        continue;
    ck_assert_str_eq(c.bytes, "GET / HTTP/1.1\r\n\r\nno head");
    /* Also behind a pipelined request. */
    ck_assert_int_eq(ask("GET /p/read/1 HTTP/1.1\r\nHost: x\r\n\r\n" WS("?token=admin", UPGRADE) "glued"), 200);
    ck_assert_int_eq(test_reply(&c, true), 101);
    while (c.len < 5 && test_more(&c, 2000))
        continue;
    ck_assert_str_eq(c.bytes, "glued");
}
END_TEST

START_TEST(ws_may_refuse)
{
    ck_assert_int_eq(ask(WS("?token=admin&refuse", UPGRADE)), 503);
    HAS("no more sockets");
    ck_assert(test_has_header(&c, "Connection: close") && test_closed(&c));
    ck_assert_int_eq(ask(WS("?token=member&refuse", UPGRADE)), 503);
    ck_assert(test_closed(&c));
}
END_TEST

START_TEST(sockets_count_as_connections)
{
    ck_assert_int_eq(ask(WS("?token=admin", UPGRADE)), 101);
    ck_assert_uint_eq(http_read_totals(s.http).open, 1);
    test_close(&c);
    c.fd = 0;
    (void)poll(NULL, 0, 300);
    ck_assert_uint_eq(http_read_totals(s.http).open, 0);
    s.rt.draining = true;
    ck_assert_int_eq(ask(WS("?token=admin", UPGRADE)), 503);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    ADD(tokens_come_three_ways);
    ADD(without_a_good_token_it_is_401);
    ADD(what_is_no_handshake_is_told_so);
    ADD(origins_bind_browsers_but_not_agents);
    ADD(bytes_behind_the_head_are_the_sockets);
    ADD(ws_may_refuse);
    ADD(sockets_count_as_connections);
}

int main(void)
{
    return run_tests("http upgrade", add);
}
