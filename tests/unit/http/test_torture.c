/* Malformed and hostile requests over a real socket: each is refused, in our own words, and the connection ends. */
#include "tests/unit/http/fixture.h"

static test_server s;
static test_client c;

static void begin(void)
{
    test_server_start(&s, NULL);
}

static void end(void)
{
    test_server_stop(&s);
}

typedef struct {
    const char *text;
    size_t len;
    int status;
} example;

#define BYTES(literal) (literal), sizeof(literal) - 1
#define POST           "POST /p/echo HTTP/1.1\r\nHost: x\r\n"
#define SECOND         "GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n"

/* {"error","code","request_id"}, and the id is the header's. */
static void expect_failure_body(const example *e)
{
    char id[128] = "", end[160];
    ck_assert_msg(test_header(&c, "X-Request-Id", id, sizeof id) != NULL, "%s", e->text);
    snprintf(end, sizeof end, "\",\"request_id\":\"%s\"}", id);
    const char *code = strstr(c.body, "\",\"code\":\""), *tail = strstr(c.body, end);
    ck_assert_msg(strncmp(c.body, "{\"error\":\"", 10) == 0 && code && tail && code < tail, "%s", c.body);
    ck_assert_msg(tail[strlen(end)] == '\0' && strcspn(code + 10, "\"") == (size_t)(tail - code - 10), "%s", c.body);
}

/* The second request that is glued to each must never be answered. */
static void refused(const example *e)
{
    ck_assert_msg(test_once(&c, s.port, e->text, e->len) == e->status, "%d: %s", c.status, e->text);
    ck_assert_msg(test_has_header(&c, "Connection: close"), "%s: %s", e->text, c.head);
    ck_assert_msg(test_has_header(&c, "Content-Type: application/json"), "%s", e->text);
    expect_failure_body(e);
    ck_assert_msg(test_closed(&c), "%s", e->text);
    test_close(&c);
}

static void all_refused(const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        refused(&examples[i]);
    ck_assert_int_eq(TEST_ASK(&c, &s, SECOND), 200);
    test_close(&c);
}

#define ALL_REFUSED(examples) all_refused((examples), sizeof(examples) / sizeof(examples)[0])

START_TEST(smuggling_is_refused)
{
    static const example EXAMPLES[] = {
        {BYTES(POST "Content-Length: 5\r\nContent-Length: 10\r\n\r\nhello" SECOND), 400},
        {BYTES(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" SECOND), 400},
        {BYTES(POST "Content-Length: +5\r\n\r\nhello" SECOND), 400},
        {BYTES(POST "Content-Length: 5, 5\r\n\r\nhello" SECOND), 400},
        {BYTES(POST "Content-Length: -5\r\n\r\nhello" SECOND), 400},
        {BYTES(POST "Content-Length : 5\r\n\r\nhello" SECOND), 400},
        {BYTES(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked\r\n\r\n5;x=y\nhello\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 3\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "A: b\r\n\0Content-Length: 5\r\n\r\nhello" SECOND), 400},
        {BYTES(POST "A: b\0\r\n\r\n" SECOND), 400},
        {BYTES(POST "A: b\r\n folded\r\n\r\n" SECOND), 400},
        {BYTES(POST "A: b\nC: d\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping HTTP/1.1\nHost: x\n\n"), 400},
        {BYTES(POST "A: b\n\n" SECOND), 400},
        {BYTES(POST "Content-Length: 0x5\r\n\r\nhello" SECOND), 400},
        {BYTES(POST "Content-Length: \r\n\r\n" SECOND), 400},
        {BYTES(POST "Content-Length: five\r\n\r\n" SECOND), 400},
        {BYTES(POST "Content-Length\t: 5\r\n\r\nhello" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: cow\r\n\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: \x0b"
                    "chunked\r\n\r\n0\r\n\r\n" SECOND),
         400},
        {BYTES(POST "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello\r\n0\r\n\r\n" SECOND), 413},
        {BYTES(POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n" SECOND), 400},
        {BYTES(POST "Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization : x\r\n\r\n" SECOND), 400},
        {BYTES(POST "A\0B: c\r\n\r\n" SECOND), 400},
        {BYTES(POST "A: \x07\r\n\r\n" SECOND), 400},
        {BYTES(POST "A: \x7f\r\n\r\n" SECOND), 400},
        {BYTES(POST "A: b\rContent-Length: 5\r\n\r\nhello" SECOND), 400},
    };
    ALL_REFUSED(EXAMPLES);
}
END_TEST

START_TEST(malformed_heads_are_refused)
{
    static const example EXAMPLES[] = {
        {BYTES("GET /api/ping HTTP/1.1\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" SECOND), 400},
        {BYTES("GET //evil/a HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET ftp://x/api/ping HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/%00ping HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/pi ng HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/pi\x01ng HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping HTTP/1.1x\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping HTTP/2.0\r\nHost: x\r\n\r\n" SECOND), 505},
        {BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505},
        {BYTES("get /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 501},
        {BYTES("TRACE /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 501},
        {BYTES("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 501},
        {BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400},
        {BYTES("nonsense\r\n"), 400},
        {BYTES(POST "no colon\r\n\r\n" SECOND), 400},
        {BYTES(POST ": x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping HTTP/1.1\r\n Host: x\r\n\r\n" SECOND), 400},
        {BYTES(POST "Content-Length\r\n\r\n" SECOND), 400},
        {BYTES(POST "A B: c\r\n\r\n" SECOND), 400},
        {BYTES(POST "A(B): c\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping HTTP/1.1\r\nHost: a b\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping HTTP/1.1\r\nHost: a/b\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n" SECOND), 400},
        {BYTES("GET api/ping HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping#a HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET  /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping\0 HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping?q=\xff HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping?q=% HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping?q=%00 HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("GET /api/ping \r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES(" /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 400},
        {BYTES("BREW /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" SECOND), 501},
        {BYTES(POST "Expect: pigs\r\nContent-Length: 5\r\n\r\nhello" SECOND), 417},
    };
    ALL_REFUSED(EXAMPLES);
    char noise[256];
    for (int i = 0; i < 256; i++)
        noise[i] = (char)i;
    refused(&(example){noise, sizeof noise, 400});
    ck_assert_int_eq(TEST_ASK(&c, &s, "GET /api/ping?q=错误 HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    test_close(&c);
}
END_TEST

START_TEST(a_bad_request_behind_a_good_one_is_refused_too)
{
    static const char TEXT[] = SECOND "GET //x HTTP/1.1\r\nHost: x\r\n\r\n" SECOND;
    ck_assert_int_eq(test_once(&c, s.port, TEXT, sizeof TEXT - 1), 200);
    ck_assert_int_eq(test_reply(&c, false), 400);
    ck_assert(test_closed(&c));
    test_close(&c);
    static const char WORKER[] = "GET /p/read/1 HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n" SECOND;
    ck_assert_int_eq(test_once(&c, s.port, WORKER, sizeof WORKER - 1), 200);
    ck_assert_int_eq(test_reply(&c, false), 400);
    ck_assert(test_closed(&c));
    test_close(&c);
}
END_TEST

START_TEST(connections_end_where_evhttp_would_lose_its_place)
{
    /* Chunked, well formed: answered, and what is glued to it dropped. */
    static const char CHUNKED[] =
        POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n" SECOND;
    ck_assert_int_eq(test_once(&c, s.port, CHUNKED, sizeof CHUNKED - 1), 200);
    ck_assert(strstr(c.body, "{\"bytes\":11,\"body\":\"hello world\""));
    ck_assert(test_has_header(&c, "Connection: close") && test_closed(&c));
    test_close(&c);
    /* A HEAD with a body, whose bytes evhttp does not read. */
    static const char HEAD[] = "HEAD /api/ping HTTP/1.1\r\nHost: x\r\nContent-Length: 36\r\n\r\n" SECOND;
    ck_assert_int_eq(test_once(&c, s.port, HEAD, sizeof HEAD - 1), 200);
    ck_assert(test_has_header(&c, "Connection: close") && test_closed(&c));
    test_close(&c);
    /* A chunked body in pieces of one byte. */
    test_connect(&c, s.port);
    for (size_t i = 0; i < sizeof CHUNKED - sizeof SECOND; i++) {
        test_send(&c, CHUNKED + i, 1);
        if (i % 7 == 0)
            (void)poll(NULL, 0, 1);
    }
    ck_assert_int_eq(test_reply(&c, false), 200);
    ck_assert(strstr(c.body, "hello world") && test_closed(&c));
    test_close(&c);
}
END_TEST

START_TEST(bodies_over_their_limit_are_413_at_once)
{
    static const struct {
        const char *path;
        size_t length;
        int status;
    } CASES[] = {
        {"/p/echo", 1 << 20, 200},        {"/p/echo", (1 << 20) + 1, 413}, {"/p/large", 8 << 20, 200},
        {"/p/large", (8 << 20) + 1, 413}, {"/nowhere", 2 << 20, 413},      {"/p/echo", 1ul << 50, 413},
    };
    static char body[1 << 20];
    memset(body, 'b', sizeof body);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char head[256];
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", CASES[i].path,
                 CASES[i].length);
        test_connect(&c, s.port);
        test_send(&c, head, strlen(head));
        if (CASES[i].status == 413) { /* before any of the body */
            ck_assert_int_eq(test_reply(&c, false), 413);
            ck_assert(strstr(c.body, "\"code\":\"too_large\"") && test_has_header(&c, "Connection: close"));
            test_send(&c, body, sizeof body); /* what is sent all the same does no harm */
        } else {
            for (size_t left = CASES[i].length; left > 0; left -= sizeof body < left ? sizeof body : left)
                test_send(&c, body, sizeof body < left ? sizeof body : left);
            ck_assert_int_eq(test_reply(&c, false), 200);
        }
        test_close(&c);
    }
}
END_TEST

START_TEST(a_client_that_sends_it_all_still_reads_its_413)
{
    static char body[1 << 20];
    test_connect(&c, s.port);
    static const char HEAD[] = POST "Content-Length: 31457280\r\n\r\n";
    test_send(&c, HEAD, sizeof HEAD - 1);
    for (int i = 0; i < 30; i++)
        test_send(&c, body, sizeof body);
    ck_assert_int_eq(test_reply(&c, false), 413);
    ck_assert(test_closed(&c));
    test_close(&c);
    /* Chunked: nobody knows before. */
    static const char CHUNKED[] = POST "Transfer-Encoding: chunked\r\n\r\n";
    test_connect(&c, s.port);
    test_send(&c, CHUNKED, sizeof CHUNKED - 1);
    for (int i = 0; i < 20; i++) {
        test_send(&c, "40000\r\n", 7);
        test_send(&c, body, 0x40000);
        test_send(&c, "\r\n", 2);
    }
    ck_assert_int_eq(test_reply(&c, false), 413);
    ck_assert(test_closed(&c));
    test_close(&c);
}
END_TEST

START_TEST(heads_over_their_limit_are_refused)
{
    static char text[40000];
    size_t len = (size_t)snprintf(text, sizeof text, "GET /api/ping HTTP/1.1\r\nHost: x\r\nA: ");
    memset(text + len, 'a', 20000);
    ck_assert_int_eq(test_once(&c, s.port, text, len + 20000), 431);
    ck_assert(strstr(c.body, "\"code\":\"too_large\"") && test_closed(&c));
    test_close(&c);
    memcpy(text + len + 20000, "\r\n\r\n", 4);
    ck_assert_int_eq(test_once(&c, s.port, text, len + 20004), 431);
    test_close(&c);
    memcpy(text + 15000, "\r\n\r\n", 4);
    ck_assert_int_eq(test_once(&c, s.port, text, 15004), 200);
    test_close(&c);
    memset(text + 14, 'a', 20000);
    ck_assert_int_eq(test_once(&c, s.port, text, 20000), 414);
    test_close(&c);
}
END_TEST

START_TEST(expectations_are_met_before_the_body)
{
    test_connect(&c, s.port);
    static const char HEAD[] = POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    test_send(&c, HEAD, sizeof HEAD - 1);
    ck_assert_int_eq(test_reply(&c, false), 100);
    test_send(&c, "hello" SECOND, 5 + sizeof SECOND - 1);
    ck_assert_int_eq(test_reply(&c, false), 200);
    ck_assert(strstr(c.body, "\"body\":\"hello\""));
    ck_assert_int_eq(test_reply(&c, false), 200);
    test_send(&c, HEAD, sizeof HEAD - 1);
    ck_assert_int_eq(test_reply(&c, false), 100);
    test_send(&c, "hello", 5);
    ck_assert_int_eq(test_reply(&c, false), 200);
    test_close(&c);
    /* Chunked. */
    static const char CHUNKED[] = POST "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    test_connect(&c, s.port);
    test_send(&c, CHUNKED, sizeof CHUNKED - 1);
    ck_assert_int_eq(test_reply(&c, false), 100);
    test_send(&c, "5\r\nhel", 6);
    (void)poll(NULL, 0, 20);
    test_send(&c, "lo\r\n0\r\n\r\n", 9);
    ck_assert_int_eq(test_reply(&c, false), 200);
    ck_assert(strstr(c.body, "\"body\":\"hello\"") && test_closed(&c));
    test_close(&c);
    /* Too large: no 100. */
    static const char LARGE[] = POST "Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n";
    ck_assert_int_eq(test_once(&c, s.port, LARGE, sizeof LARGE - 1), 413);
    test_close(&c);
    /* The body came unasked. */
    static const char GLUED[] = POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello" SECOND;
    ck_assert_int_eq(test_once(&c, s.port, GLUED, sizeof GLUED - 1), 200);
    ck_assert_int_eq(test_reply(&c, false), 200);
    test_close(&c);
}
END_TEST

/* A thousand mutations of a good request: whatever they are, the server answers or closes, and lives. */
START_TEST(random_damage_harms_nobody)
{
    static const char GOOD[] = "POST /p/echo?x=%20 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" SECOND;
    char text[sizeof GOOD];
    srand(7);
    for (int i = 0; i < 1000; i++) {
        memcpy(text, GOOD, sizeof GOOD);
        for (int n = rand() % 4; n >= 0; n--)
            text[(size_t)rand() % (sizeof GOOD - 1)] = (char)(rand() % 256);
        test_connect(&c, s.port);
        test_send(&c, text, (size_t)rand() % sizeof GOOD);
        shutdown(c.fd, SHUT_WR);
        while (c.len < sizeof c.bytes - 1 && test_more(&c, 2000))
            continue;
        test_close(&c);
    }
    ck_assert_int_eq(TEST_ASK(&c, &s, SECOND), 200);
    test_close(&c);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    ADD(smuggling_is_refused);
    ADD(malformed_heads_are_refused);
    ADD(a_bad_request_behind_a_good_one_is_refused_too);
    ADD(connections_end_where_evhttp_would_lose_its_place);
    ADD(bodies_over_their_limit_are_413_at_once);
    ADD(a_client_that_sends_it_all_still_reads_its_413);
    ADD(heads_over_their_limit_are_refused);
    ADD(expectations_are_met_before_the_body);
    ADD(random_damage_harms_nobody);
}

int main(void)
{
    return run_tests("http torture", add);
}
