/* Ordinary requests over a real socket: routing, reading, replies. */
#include "tests/unit/http/fixture.h"

static test_server s;
static test_client c;

#define HOST            "Host: x\r\n"
#define GET(path, more) "GET " path " HTTP/1.1\r\n" HOST more "\r\n"
#define HAS(text)       ck_assert_msg(strstr(c.body, text) != NULL, "%s", c.body)

static void begin(void)
{
    test_server_start(&s, NULL);
}

static void end(void)
{
    test_close(&c);
    test_server_stop(&s);
}

static int ask(const char *text)
{
    if (c.fd > 0)
        test_close(&c);
    return TEST_ASK(&c, &s, text);
}

static int post(const char *path, const char *type, const char *body)
{
    char text[4096];
    snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: x\r\n%s%s%sContent-Length: %zu\r\n\r\n%s", path,
             type ? "Content-Type: " : "", type ? type : "", type ? "\r\n" : "", strlen(body), body);
    return ask(text);
}

START_TEST(answers_a_ping)
{
    ck_assert_int_eq(ask(GET("/api/ping", "")), 200);
    ck_assert_str_eq(c.body, "{\"message\":\"pong\"}");
    ck_assert(test_has_header(&c, "Content-Type: application/json"));
    ck_assert(test_has_header(&c, "Vary: Origin"));
    ck_assert(strstr(c.head, "\r\nX-Request-Id: ") && strstr(c.head, "\r\nDate: ") && !strstr(c.head, "Connection"));
    ck_assert_int_eq(ask(GET("/api/p%69ng?x=1", "")), 200);
}
END_TEST

START_TEST(request_ids_are_the_callers_when_sane)
{
    char id[128];
    ck_assert_int_eq(ask(GET("/api/ping", "X-Request-Id: a-B_9.z\r\n")), 200);
    ck_assert(test_has_header(&c, "X-Request-Id: a-B_9.z"));
    ck_assert_int_eq(ask(GET("/nowhere", "X-Request-Id: mine\r\n")), 404);
    ck_assert_str_eq(c.body, "{\"error\":\"not found\",\"code\":\"not_found\",\"request_id\":\"mine\"}");
    ck_assert_int_eq(ask(GET("/api/ping", "X-Request-Id: no spaces\r\n")), 200);
    ck_assert_str_ne(test_header(&c, "X-Request-Id", id, sizeof id), "no spaces");
    ck_assert_int_eq(ask(GET("/api/ping", "X-Request-Id: 01234567890123456789012345678901234567890123456789"
                                          "012345678901234\r\n")),
                     200);
    ck_assert_uint_lt(strlen(test_header(&c, "X-Request-Id", id, sizeof id)), 30);
}
END_TEST

START_TEST(other_methods_are_405_with_allow)
{
    ck_assert_int_eq(ask("POST /api/ping HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 405);
    ck_assert(test_has_header(&c, "Allow: GET, HEAD, OPTIONS"));
    HAS("\"code\":\"method_not_allowed\"");
    ck_assert_int_eq(ask(GET("/p/body", "")), 405);
    ck_assert(test_has_header(&c, "Allow: POST, OPTIONS"));
    ck_assert_int_eq(ask("HEAD /p/body HTTP/1.1\r\nHost: x\r\n\r\n"), 405);
    ck_assert_int_eq(ask(GET("/api/ping/x", "")), 404);
}
END_TEST

START_TEST(head_is_get_without_a_body)
{
    ck_assert_int_eq(ask("HEAD /api/ping HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    ck_assert(test_has_header(&c, "Content-Length: 18"));
    test_send(&c, GET("/p/read/5", ""), strlen(GET("/p/read/5", "")));
    ck_assert_int_eq(test_reply(&c, false), 200); /* nothing stood between */
    HAS("{\"id\":5,");
    ck_assert_int_eq(ask("HEAD /p/big?bytes=300000 HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    ck_assert(test_has_header(&c, "Content-Length: 300000"));
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    static const char TEXT[] = GET("/p/nap?ms=50", "")
        GET("/p/read/1", "") "POST /p/echo HTTP/1.1\r\nHost: x\r\n"
                             "Content-Length: 5\r\n\r\nhello" GET(
                                 "/api/ping", "") "HEAD /api/ping HTTP/1.1\r\nHost: x\r\n\r\n" GET("/p/read/2", "");
    ck_assert_int_eq(ask(TEXT), 204);
    ck_assert_int_eq(test_reply(&c, false), 200);
    HAS("\"id\":1,");
    ck_assert_int_eq(test_reply(&c, false), 200);
    HAS("\"body\":\"hello\"");
    ck_assert_int_eq(test_reply(&c, false), 200);
    HAS("pong");
    ck_assert_int_eq(test_reply(&c, true), 200);
    ck_assert_int_eq(test_reply(&c, false), 200);
    HAS("\"id\":2,");
}
END_TEST

START_TEST(five_hundred_pipelined_pings_on_one_stack)
{
    char text[64 * 500] = "";
    size_t len = 0;
    for (int i = 0; i < 500; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, GET("/api/ping", ""));
    test_connect(&c, s.port);
    test_send(&c, text, len);
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(test_reply(&c, false), 200);
}
END_TEST

START_TEST(a_request_may_come_byte_by_byte)
{
    static const char TEXT[] = "POST /p/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" GET("/api/ping", "");
    int on = 1;
    test_connect(&c, s.port);
    setsockopt(c.fd, 6, 1, &on, sizeof on); /* TCP_NODELAY */
    for (size_t i = 0; i < sizeof TEXT - 1; i++)
        test_send(&c, TEXT + i, 1);
    ck_assert_int_eq(test_reply(&c, false), 200);
    HAS("\"body\":\"abc\"");
    ck_assert_int_eq(test_reply(&c, false), 200);
    HAS("pong");
}
END_TEST

START_TEST(one_empty_line_before_a_request_is_ignored)
{
    ck_assert_int_eq(ask("\r\n" GET("/api/ping", "") "\r\n" GET("/p/read/1", "")), 200);
    ck_assert_int_eq(test_reply(&c, false), 200);
    ck_assert_int_eq(ask("\r\n\r\n" GET("/api/ping", "")), 400);
}
END_TEST

START_TEST(http_1_0_closes_unless_asked)
{
    ck_assert_int_eq(ask("GET /api/ping HTTP/1.0\r\n\r\n"), 200);
    ck_assert(test_has_header(&c, "Connection: close") && test_closed(&c));
    ck_assert_int_eq(ask("GET /p/read/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 200);
    ck_assert(test_has_header(&c, "Connection: keep-alive"));
    test_send(&c, GET("/api/ping", "Connection: close\r\n"), strlen(GET("/api/ping", "Connection: close\r\n")));
    ck_assert_int_eq(test_reply(&c, false), 200);
    ck_assert(test_has_header(&c, "Connection: close") && test_closed(&c));
    ck_assert_int_eq(ask(GET("/api/ping", "Connection: foo, Close\r\n")), 200);
    ck_assert(test_closed(&c));
}
END_TEST

START_TEST(parameters_are_decoded_and_checked)
{
    ck_assert_int_eq(
        ask(GET("/p/read/12?limit=%20+500&q=%E4%BD%A0+x%2B&since=2026-03-05T21:42:08.5Z", "x-PROBE: yes\r\n")), 200);
    ck_assert_str_eq(c.body,
                     "{\"id\":12,\"limit\":200,\"q\":\"\xE4\xBD\xA0 x+\",\"since\":1772746928500,\"head\":\"yes\"}");
    ck_assert(test_has_header(&c, "X-Total-Count: 7"));
    ck_assert_int_eq(ask(GET("/p/read/1?limit=&q=&since=", "")), 200);
    ck_assert_str_eq(c.body, "{\"id\":1,\"limit\":50,\"q\":\"\",\"since\":-1}");
    ck_assert_int_eq(ask(GET("/p/read/1?since=2026-03-06T05:42:08+08:00&limit=99999999999999999999999", "")), 200);
    HAS("\"limit\":200,\"q\":\"\",\"since\":1772746928000");
    static const char *const BAD[][2] = {
        {GET("/p/read/x", ""), "invalid id"},
        {GET("/p/read/0", ""), "invalid id"},
        {GET("/p/read/-1", ""), "invalid id"},
        {GET("/p/read/99999999999999999999", ""), "invalid id"},
        {GET("/p/read/1?limit=0", ""), "invalid limit"},
        {GET("/p/read/1?limit=-3", ""), "invalid limit"},
        {GET("/p/read/1?limit=1.5", ""), "invalid limit"},
        {GET("/p/read/1?limit=ten", ""), "invalid limit"},
        {GET("/p/read/1?q=%ff", ""), "invalid q"},
        {GET("/p/read/1?since=today", ""), "invalid since"},
        {GET("/p/read/1?q=01234567890123456", ""), "q must be at most 16 bytes"},
        {GET("/p/read/x?limit=0", ""), "invalid id"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        ck_assert_int_eq(ask(BAD[i][0]), 400);
        HAS(BAD[i][1]);
    }
}
END_TEST

START_TEST(bodies_are_read_member_by_member)
{
    ck_assert_int_eq(post("/p/body", "application/json", "{\"name\":\"a\",\"n\":99,\"flag\":false,\"x\":[1]}"), 201);
    ck_assert_str_eq(c.body, "{\"name\":\"a\",\"note\":\"none\",\"n\":10,\"flag\":0}");
    ck_assert_int_eq(post("/p/body", NULL, "{\"name\":\"a\",\"note\":null}"), 201);
    static const char *const BAD[][3] = {
        {"", "name is required", "missing_field"},
        {"{}", "name is required", "missing_field"},
        {"{\"name\":\"\"}", "name is required", "missing_field"},
        {"{\"name\":null}", "name is required", "missing_field"},
        {"{\"name\":5}", "name must be a string", "invalid_parameter"},
        {"{\"name\":\"012345678\"}", "name must be at most 8 bytes", "field_too_long"},
        {"{\"name\":\"a\",\"n\":0}", "invalid n", "invalid_parameter"},
        {"{\"name\":\"a\",\"n\":1.5}", "invalid n", "invalid_parameter"},
        {"{\"name\":\"a\",\"n\":\"1\"}", "invalid n", "invalid_parameter"},
        {"{\"name\":\"a\",\"n\":9223372036854775808}", "invalid n", "invalid_parameter"},
        {"{\"name\":\"a\",\"n\":1e3}", "invalid n", "invalid_parameter"},
        {"{\"name\":\"a\",\"at\":\"\"}", "invalid at", "invalid_parameter"},
        {"{\"name\":\"a\",\"at\":\"1772746928123\"}", "invalid at", "invalid_parameter"},
        {"{\"name\":\"a\",\"at\":\"2026-03-05\"}", "invalid at", "invalid_parameter"},
        {"{\"name\":\"a\",\"at\":\"2026-03-05T21:42:08Z\\u0000\"}", "invalid at", "invalid_parameter"},
        {"{\"name\":\"a\",\"at\":-1}", "invalid at", "invalid_parameter"},
        {"{\"name\":\"a\",\"at\":1.5}", "invalid at", "invalid_parameter"},
        {"{\"name\":\"a\",\"at\":9223372036854775808}", "invalid at", "invalid_parameter"},
        {"{\"name\":\"a\",\"at\":true}", "invalid at", "invalid_parameter"},
        {"{\"name\":\"a\",\"flag\":1}", "flag must be a boolean", "invalid_parameter"},
        {"{\"name\":\"a\"", "invalid request body", "invalid_request"},
        {"[]", "invalid request body", "invalid_request"},
        {"null", "invalid request body", "invalid_request"},
        {"{\"name\":\"a\"}x", "invalid request body", "invalid_request"},
        {"{\"name\":\"\xff\"}", "invalid request body", "invalid_request"},
        {" ", "invalid request body", "invalid_request"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        ck_assert_msg(post("/p/body", "application/json", BAD[i][0]) == 400, "%s", BAD[i][0]);
        HAS(BAD[i][1]);
        HAS(BAD[i][2]);
    }
}
END_TEST

START_TEST(times_of_a_body_are_texts_or_milliseconds)
{
    static const char *const GOOD[][2] = {
        {"\"2026-03-05T21:42:08.5Z\"", "\"at\":1772746928500}"},
        {"\"2026-03-06T05:42:08+08:00\"", "\"at\":1772746928000}"},
        {"\"1969-12-31T23:59:59Z\"", "\"at\":-1000}"},
        {"1772746928123", "\"at\":1772746928123}"},
        {"9223372036854775807", "\"at\":9223372036854775807}"},
        {"0", "\"at\":0}"},
        {"null", "\"at\":-1}"},
    };
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        char body[128];
        snprintf(body, sizeof body, "{\"name\":\"a\",\"at\":%s}", GOOD[i][0]);
        ck_assert_msg(post("/p/body", "application/json", body) == 201, "%s", body);
        HAS(GOOD[i][1]);
    }
}
END_TEST

START_TEST(content_types_are_json_or_nothing)
{
    ck_assert_int_eq(post("/p/echo", "application/json; charset=utf-8", "{}"), 200);
    ck_assert_int_eq(post("/p/echo", "Application/Problem+JSON", "{}"), 200);
    ck_assert_int_eq(post("/p/echo", "application/x-www-form-urlencoded", "{}"), 200);
    ck_assert_int_eq(post("/p/echo", "text/plain", ""), 200);
    ck_assert_int_eq(post("/p/raw", "text/plain", "x"), 200);
    ck_assert_int_eq(post("/p/echo", "text/plain", "{}"), 415);
    HAS("\"code\":\"unsupported_media_type\"");
    ck_assert_int_eq(post("/p/echo", "multipart/form-data; boundary=x", "{}"), 415);
    ck_assert_int_eq(post("/p/echo", "application/jsonx", "{}"), 415);
    ck_assert_int_eq(ask("GET /p/echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"),
                     200);
    HAS("\"bytes\":2");
}
END_TEST

START_TEST(a_compressed_body_is_told_that_it_is_not_read)
{
#define CODED(path, coding, more) \
    "POST " path " HTTP/1.1\r\nHost: x\r\nContent-Encoding: " coding "\r\n" more "Content-Length: 2\r\n\r\n{}"
    ck_assert_int_eq(ask(CODED("/p/body", "gzip", "")), 415);
    ck_assert_msg(strstr(c.body, "Content-Encoding") != NULL, "%s", c.body);
    ck_assert(test_has_header(&c, "Accept-Encoding: identity"));
    ck_assert_int_eq(ask(CODED("/p/body", "identity, br", "Content-Type: application/json\r\n")), 415);
    ck_assert_int_eq(ask(CODED("/p/loop", "x-gzip", "")), 415);
    ck_assert_int_eq(ask(CODED("/p/echo", "Identity", "")), 200);
    ck_assert_int_eq(ask(CODED("/p/echo", "", "")), 200);
    ck_assert_int_eq(ask(CODED("/p/raw", "gzip", "")), 200); /* its module reads it as it came */
    ck_assert_int_eq(ask("GET /p/echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n\r\n"), 200);
}
END_TEST

START_TEST(a_whole_url_is_a_target_as_its_path_is)
{
    ck_assert_int_eq(ask("GET http://x:80/api/ping HTTP/1.1\r\nHost: y\r\n\r\n"), 200);
    ck_assert_int_eq(ask("GET HTTPS://[::1]/p/read/7?limit=3 HTTP/1.1\r\nHost: y\r\n\r\n"), 200);
    ck_assert_msg(strstr(c.body, "\"id\":7,\"limit\":3") != NULL, "%s", c.body);
    ck_assert_int_eq(ask("GET http://x?a HTTP/1.1\r\nHost: y\r\n\r\n"), 404);
    ck_assert_int_eq(ask("OPTIONS http://x HTTP/1.1\r\nHost: y\r\n\r\n"), 204);
    ck_assert_int_eq(ask("POST http://x/p/large HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "2\r\nhi\r\n0\r\n\r\n"),
                     200);
    ck_assert_msg(strstr(c.body, "\"body\":\"hi\"") != NULL, "%s", c.body);
}
END_TEST

START_TEST(one_slash_at_the_end_is_the_same_route)
{
    ck_assert_int_eq(ask("GET /api/ping/ HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    ck_assert_int_eq(ask("GET /p/read/7/?limit=3 HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    ck_assert_msg(strstr(c.body, "\"id\":7,\"limit\":3") != NULL, "%s", c.body);
    ck_assert_int_eq(ask("PUT /p/echo/ HTTP/1.1\r\nHost: x\r\n\r\n"), 405);
    ck_assert_int_eq(ask("GET /p/read// HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
    ck_assert_int_eq(ask("GET /api/ping// HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
    ck_assert_int_eq(ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
}
END_TEST

START_TEST(chunk_extensions_and_trailers_do_not_reach_the_handler)
{
#define CHUNKED "POST /p/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
#define BODY    "3;a=b\r\nhel\r\n2 ; c=\"d;e\"\r\nlo\r\n0;f\r\nAuthorization: Bearer admin\r\nContent-Length: 3\r\n\r\n"
    static const char *const TEXTS[] = {CHUNKED "\r\n" BODY, CHUNKED "\r\n" BODY "GET /api/ping HTTP/1.1\r\n"};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(ask(TEXTS[i]), 200);
        ck_assert_msg(strstr(c.body, "\"bytes\":5,\"body\":\"hello\"") && strstr(c.body, "\"user\":\"\""), "%s",
                      c.body);
        ck_assert(test_closed(&c));
    }
    ck_assert_int_eq(ask(CHUNKED "\r\n0;f\r\nA: b\r\n\r\n"), 200);
    ck_assert_msg(strstr(c.body, "\"bytes\":0") != NULL, "%s", c.body);
    /* As it drips in, and behind 100 Continue. */
    test_connect(&c, s.port);
    test_send(&c, CHUNKED "Expect: 100-continue\r\n\r\n", strlen(CHUNKED "Expect: 100-continue\r\n\r\n"));
    ck_assert_int_eq(test_reply(&c, false), 100);
    for (const char *at = BODY; *at; at++)
        test_send(&c, at, 1);
    ck_assert_int_eq(test_reply(&c, false), 200);
    ck_assert_msg(strstr(c.body, "\"bytes\":5,\"body\":\"hello\"") != NULL, "%s", c.body);
    /* Not without end. */
    char endless[20000] = CHUNKED "\r\n5;";
    memset(endless + strlen(endless), 'x', sizeof endless - strlen(endless) - 1);
    ck_assert_int_eq(test_once(&c, s.port, endless, sizeof endless - 1), 413);
    ck_assert_msg(strstr(c.body, "extensions") != NULL, "%s", c.body);
}
END_TEST

START_TEST(replies_of_any_size_arrive_whole)
{
    ck_assert_int_eq(ask(GET("/p/big?bytes=10000000", "")), 200);
    ck_assert_uint_eq(c.body_len, 10000000);
    ck_assert(test_has_header(&c, "Content-Type: text/plain"));
    test_send(&c, GET("/api/ping", ""), strlen(GET("/api/ping", "")));
    ck_assert_int_eq(test_reply(&c, false), 200);
    ck_assert_int_eq(ask(GET("/p/big?bytes=10000000", "Connection: close\r\n")), 200);
    ck_assert_uint_eq(c.body_len, 10000000);
    ck_assert(test_closed(&c));
}
END_TEST

START_TEST(a_handler_without_a_reply_is_an_internal_error)
{
    ck_assert_int_eq(ask(GET("/p/silent", "")), 500);
    HAS("\"code\":\"internal\"");
    ck_assert_int_eq(ask(GET("/p/nap", "")), 204);
    ck_assert(!strstr(c.head, "Content-Length") && !strstr(c.head, "Content-Type"));
}
END_TEST

START_TEST(modules_that_are_off_have_no_routes)
{
    s.module.status = MODULE_DISABLED;
    ck_assert_int_eq(ask(GET("/p/read/1", "")), 404);
    s.module.status = MODULE_QUARANTINED;
    ck_assert_int_eq(ask(GET("/p/admin", "")), 404);
    s.module.status = MODULE_DRAINING;
    ck_assert_int_eq(ask(GET("/p/read/1", "")), 503);
    ck_assert(test_has_header(&c, "Retry-After: 1"));
    s.module.status = MODULE_ENABLED;
    ck_assert_int_eq(ask(GET("/p/read/1", "")), 200);
}
END_TEST

START_TEST(clients_that_leave_early_disturb_nobody)
{
    static const char TEXT[] = GET("/p/nap?ms=100", "") GET("/p/big?bytes=9000000", "");
    for (int i = 0; i < 50; i++) {
        test_connect(&c, s.port);
        struct linger now = {1, 0};
        if (i % 2)
            setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now); /* a reset instead of an end */
        test_send(&c, TEXT, (size_t)(i % 3 ? strlen(TEXT) : strlen(TEXT) / 3));
        test_close(&c);
        c.fd = 0;
    }
    ck_assert_int_eq(ask(GET("/p/read/1", "")), 200);
}
END_TEST

START_TEST(half_closed_clients_get_their_answers)
{
    static const char TEXT[] = GET("/p/nap?ms=50", "") GET("/p/read/1", "") GET("/api/ping", "");
    test_connect(&c, s.port);
    test_send(&c, TEXT, sizeof TEXT - 1);
    shutdown(c.fd, SHUT_WR);
    ck_assert_int_eq(test_reply(&c, false), 204);
    ck_assert_int_eq(test_reply(&c, false), 200);
    ck_assert_int_eq(test_reply(&c, false), 200);
    ck_assert(test_closed(&c));
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    ADD(answers_a_ping);
    ADD(request_ids_are_the_callers_when_sane);
    ADD(other_methods_are_405_with_allow);
    ADD(head_is_get_without_a_body);
    ADD(pipelined_requests_are_answered_in_order);
    ADD(five_hundred_pipelined_pings_on_one_stack);
    ADD(a_request_may_come_byte_by_byte);
    ADD(one_empty_line_before_a_request_is_ignored);
    ADD(http_1_0_closes_unless_asked);
    ADD(parameters_are_decoded_and_checked);
    ADD(bodies_are_read_member_by_member);
    ADD(times_of_a_body_are_texts_or_milliseconds);
    ADD(content_types_are_json_or_nothing);
    ADD(a_compressed_body_is_told_that_it_is_not_read);
    ADD(a_whole_url_is_a_target_as_its_path_is);
    ADD(one_slash_at_the_end_is_the_same_route);
    ADD(chunk_extensions_and_trailers_do_not_reach_the_handler);
    ADD(replies_of_any_size_arrive_whole);
    ADD(a_handler_without_a_reply_is_an_internal_error);
    ADD(modules_that_are_off_have_no_routes);
    ADD(clients_that_leave_early_disturb_nobody);
    ADD(half_closed_clients_get_their_answers);
}

int main(void)
{
    return run_tests("http exchange", add);
}
