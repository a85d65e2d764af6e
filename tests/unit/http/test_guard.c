/* Who gets through: tokens, roles, origins, proxies, limits of requests. */
#include "tests/unit/http/fixture.h"

static test_server s;
static test_client c;

#define GET(path, more) "GET " path " HTTP/1.1\r\nHost: x\r\n" more "\r\n"
#define BEARER(token)   "Authorization: Bearer " token "\r\n"
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

static void with(const char *const *options)
{
    test_close(&c);
    test_server_stop(&s);
    test_server_start(&s, options);
}

static int ask(const char *text)
{
    if (c.fd > 0)
        test_close(&c);
    return TEST_ASK(&c, &s, text);
}

START_TEST(protected_routes_want_a_token)
{
    static const char *const PATHS[] = {"/p/signed", "/p/signed-loop", "/p/hash", "/p/human", "/p/admin"};
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        static const char *const BAD[][2] = {
            {"", "authorization header required"},
            {"Authorization:\r\n", "authorization header required"},
            {"Authorization: admin\r\n", "invalid authorization header format"},
            {"Authorization: Basic admin\r\n", "invalid authorization header format"},
            {"Authorization: Bearer\r\n", "invalid authorization header format"},
            {"Authorization: Bearer a b\r\n", "invalid authorization header format"},
            {BEARER("nobody"), "invalid token"},
            {BEARER("nobody"), "invalid token"},
        };
        for (size_t b = 0; b < sizeof BAD / sizeof *BAD; b++) {
            char text[256];
            snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", PATHS[i], BAD[b][0]);
            ck_assert_int_eq(ask(text), 401);
            HAS(BAD[b][1]);
            HAS("\"code\":\"unauthenticated\"");
            ck_assert(test_has_header(&c, "WWW-Authenticate: Bearer"));
        }
    }
    ck_assert_int_eq(s.asked, 1); /* the refusal was kept */
}
END_TEST

START_TEST(tokens_are_asked_for_once)
{
    ck_assert_int_eq(ask(GET("/p/signed", BEARER("member"))), 200);
    HAS("\"user\":\"member\"");
    ck_assert_int_eq(ask(GET("/p/signed-loop", BEARER("member"))), 200);
    ck_assert_int_eq(ask(GET("/p/hash", "authorization: bEARER member\r\n")), 200);
    ck_assert_int_eq(s.asked, 1);
    principal_raise(s.rt.principals, SW_ROLE_MEMBER);
    ck_assert_int_eq(ask(GET("/p/hash", BEARER("member"))), 200);
    HAS("\"user\":\"member\"");
    ck_assert_int_eq(s.asked, 2);
    ck_assert_int_eq(ask(GET("/p/signed-loop", BEARER("agent"))), 200);
    HAS("\"user\":\"agent\"");
}
END_TEST

START_TEST(a_provider_that_waits_is_asked_on_the_slow_lane)
{
    ck_assert_int_eq(ask(GET("/p/signed", BEARER("member"))), 200);
    ck_assert_int_eq(strncmp(s.asked_on, "worker-", 7), 0);
    provider_lane = SW_LANE_SLOW;
    with(NULL);
    provider_lane = 0;
    static const char *const REQUESTS[] = {GET("/p/signed", BEARER("admin")), GET("/p/signed-loop", BEARER("member")),
                                           GET("/p/hash", BEARER("agent"))};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(ask(REQUESTS[i]), 200);
        ck_assert_int_eq(s.asked, i + 1);
        ck_assert_int_eq(strncmp(s.asked_on, "slow-", 5), 0);
    }
}
END_TEST

static sw_status answer_of_afar;

/* A provider's request of its own: its state, a thread that may wait, a database. */
static sw_status ask_afar(sw_request *req, const char *token, size_t len, sw_principal *ret)
{
    ck_assert_ptr_eq(sw_request_state(req), &s.provider);
    ck_assert_ptr_nonnull(sw_request_db(req));
    ck_assert(len == 7 && memcmp(token, "distant", 7) == 0);
    pthread_getname_np(pthread_self(), s.asked_on, sizeof s.asked_on);
    *ret = (sw_principal){.size = sizeof *ret, .role = SW_ROLE_MEMBER, .user_id = 9, .name = "distant"};
    return answer_of_afar;
}

START_TEST(a_provider_asks_another_machine_about_some_tokens_on_the_slow_lane)
{
    static const char *const REQUESTS[] = {GET("/p/signed", BEARER("distant")),
                                           GET("/p/signed-loop", BEARER("distant")), GET("/p/hash", BEARER("distant"))};
    provider_ask = ask_afar;
    answer_of_afar = SW_OK;
    for (int i = 0; i < 3; i++) {
        with(NULL);
        ck_assert_int_eq(ask(REQUESTS[i]), 200);
        HAS("\"user\":\"distant\"");
        ck_assert_int_eq(strncmp(s.asked_on, "slow-", 5), 0);
        int asked = s.asked;
        ck_assert_int_eq(ask(REQUESTS[i]), 200); /* remembered */
        ck_assert_int_eq(s.asked, asked);
        ck_assert_int_eq(ask(GET("/p/admin", BEARER("distant"))), 403);
        ck_assert_int_eq(ask(GET("/p/signed", BEARER("agent"))), 200);
        ck_assert_int_eq(strncmp(s.asked_on, "worker-", 7), 0);
        ck_assert_int_eq(atomic_load(&s.provider.in_flight), 0);
    }
    answer_of_afar = SW_UNAUTHENTICATED;
    with(NULL);
    ck_assert_int_eq(ask(REQUESTS[0]), 401);
    HAS("\"error\":\"invalid token\"");
    ck_assert_int_eq(ask(GET("/p/echo", BEARER("distant"))), 200); /* public */
    answer_of_afar = SW_TIMED_OUT;
    with(NULL);
    ck_assert_int_eq(ask(REQUESTS[0]), 503);
    ck_assert_int_eq(atomic_load(&s.provider.in_flight), 0);
    provider_ask = NULL;
    with(NULL);
    ck_assert_int_eq(ask(REQUESTS[0]), 503); /* it says "ask", but has nothing to ask with */
}
END_TEST

START_TEST(roles_are_checked_with_and_without_the_cache)
{
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(ask(GET("/p/admin", BEARER("member"))), 403);
        HAS("\"error\":\"admin access required\",\"code\":\"forbidden\"");
        ck_assert_int_eq(ask(GET("/p/admin", BEARER("admin"))), 200);
        ck_assert_int_eq(ask(GET("/p/human", BEARER("agent"))), 403);
        ck_assert_int_eq(ask(GET("/p/human", BEARER("butler"))), 403);
        ck_assert_int_eq(ask(GET("/p/human", BEARER("member"))), 200);
        ck_assert_int_eq(ask(GET("/p/signed", BEARER("butler"))), 200);
    }
}
END_TEST

START_TEST(public_routes_ignore_bad_tokens)
{
    ck_assert_int_eq(ask(GET("/p/echo", BEARER("nobody"))), 200);
    HAS("\"user\":\"\"");
    ck_assert_int_eq(ask(GET("/p/echo", BEARER("nobody"))), 200);
    ck_assert_int_eq(ask(GET("/p/echo", BEARER("broken"))), 200);
    ck_assert_int_eq(ask(GET("/p/echo", "Authorization: nonsense\r\n")), 200);
    ck_assert_int_eq(ask(GET("/p/echo", BEARER("admin"))), 200);
    HAS("\"user\":\"admin\"");
    ck_assert_int_eq(ask(GET("/p/signed", BEARER("broken"))), 503);
    ck_assert(test_has_header(&c, "Retry-After: 1"));
}
END_TEST

START_TEST(listed_origins_get_cors_headers)
{
    ck_assert_int_eq(ask(GET("/api/ping", "Origin: http://localhost:3000\r\n")), 200);
    ck_assert(test_has_header(&c, "Access-Control-Allow-Origin: http://localhost:3000"));
    ck_assert(test_has_header(&c, "Access-Control-Allow-Credentials: true"));
    ck_assert(test_has_header(&c, "Vary: Origin"));
    ck_assert(strstr(c.head, "Access-Control-Expose-Headers: X-Total-Count, X-Request-Id"));
    ck_assert_int_eq(ask(GET("/p/admin", "Origin: http://localhost:5173\r\n")), 401);
    ck_assert(test_has_header(&c, "Access-Control-Allow-Origin: http://localhost:5173"));
    ck_assert_int_eq(ask(GET("/nowhere", "Origin: http://localhost:5173\r\n")), 404);
    ck_assert(test_has_header(&c, "Access-Control-Allow-Origin: http://localhost:5173"));
    ck_assert_int_eq(ask(GET("/api/ping", "Origin: http://evil\r\n")), 200);
    ck_assert(!strstr(c.head, "Access-Control"));
    ck_assert_int_eq(ask(GET("/api/ping", "Origin: *\r\n")), 200);
    ck_assert(!strstr(c.head, "Access-Control"));
}
END_TEST

#define PREFLIGHT(path, origin) \
    "OPTIONS " path " HTTP/1.1\r\nHost: x\r\nOrigin: " origin "\r\nAccess-Control-Request-Method: PATCH\r\n\r\n"

START_TEST(preflights_are_answered_for_every_path)
{
    ck_assert_int_eq(ask(PREFLIGHT("/p/admin", "http://localhost:3000")), 204);
    ck_assert(test_has_header(&c, "Access-Control-Allow-Origin: http://localhost:3000"));
    ck_assert(test_has_header(&c, "Access-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE, OPTIONS"));
    ck_assert(test_has_header(&c, "Access-Control-Allow-Headers: Origin, Content-Type, Authorization, X-Request-Id, "
                                  "Idempotency-Key"));
    ck_assert(test_has_header(&c, "Access-Control-Max-Age: 43200"));
    ck_assert_int_eq(ask(PREFLIGHT("/nowhere", "http://localhost:3000")), 204);
    ck_assert_int_eq(ask(PREFLIGHT("/p/admin", "http://evil")), 204);
    ck_assert(!strstr(c.head, "Access-Control"));
    ck_assert_int_eq(ask("OPTIONS /p/body HTTP/1.1\r\nHost: x\r\n\r\n"), 204);
    ck_assert(test_has_header(&c, "Allow: POST, OPTIONS"));
    ck_assert_int_eq(ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), 204);
}
END_TEST

START_TEST(any_origin_never_goes_with_credentials)
{
    static const char *const OPTIONS[] = {"STEWARD_CORS_ALLOWED_ORIGINS=*, http://a", NULL};
    with(OPTIONS);
    ck_assert_int_eq(ask(GET("/api/ping", "Origin: http://evil\r\n")), 200);
    ck_assert(test_has_header(&c, "Access-Control-Allow-Origin: *"));
    ck_assert(!strstr(c.head, "Credentials"));
    ck_assert_int_eq(ask(GET("/api/ping", "Origin: http://a\r\n")), 200);
    ck_assert(test_has_header(&c, "Access-Control-Allow-Origin: http://a"));
    ck_assert(strstr(c.head, "Credentials"));
}
END_TEST

START_TEST(only_trusted_proxies_name_the_client)
{
    ck_assert_int_eq(ask(GET("/p/echo", "X-Forwarded-For: 1.2.3.4\r\n")), 200);
    HAS("\"address\":\"127.0.0.1\"");
    static const char *const OPTIONS[] = {"STEWARD_SERVER_TRUSTED_PROXIES=127.0.0.0/8, 10.0.0.0/8", NULL};
    with(OPTIONS);
    ck_assert_int_eq(ask(GET("/p/echo", "")), 200);
    HAS("\"address\":\"127.0.0.1\"");
    ck_assert_int_eq(ask(GET("/p/echo", "X-Forwarded-For: 9.9.9.9, 1.2.3.4:55, 10.1.1.1\r\n")), 200);
    HAS("\"address\":\"1.2.3.4\"");
    ck_assert_int_eq(ask(GET("/p/echo", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 2001:DB8::1, 10.0.0.1\r\n")),
                     200);
    HAS("\"address\":\"2001:db8::1\"");
    ck_assert_int_eq(ask(GET("/p/echo", "X-Forwarded-For: 1.2.3.4, unknown, 10.0.0.1\r\n")), 200);
    HAS("\"address\":\"10.0.0.1\"");
    ck_assert_int_eq(ask(GET("/p/echo", "X-Forwarded-For: ,,\r\n")), 200);
    HAS("\"address\":\"127.0.0.1\"");
}
END_TEST

START_TEST(requests_are_limited_per_address)
{
    static const char *const OPTIONS[] = {"STEWARD_LIMITS_REQUESTS_PER_SECOND_PER_ADDRESS=5",
                                          "STEWARD_SERVER_TRUSTED_PROXIES=127.0.0.1", NULL};
    with(OPTIONS);
    int fine = 0, limited = 0;
    for (int i = 0; i < 10; i++) {
        int status = ask(GET("/api/ping", "X-Forwarded-For: 1.2.3.4\r\n"));
        fine += status == 200;
        limited += status == 429;
    }
    ck_assert(fine >= 5 && limited >= 3 && fine + limited == 10);
    ck_assert(test_has_header(&c, "Retry-After: 1"));
    HAS("\"code\":\"rate_limited\"");
    ck_assert_int_eq(ask(GET("/api/ping", "X-Forwarded-For: 1.2.3.5\r\n")), 200);
}
END_TEST

START_TEST(bad_tokens_are_limited_per_address_and_good_ones_go_on)
{
    static const char *const OPTIONS[] = {"STEWARD_LIMITS_BAD_TOKENS_PER_ADDRESS=5",
                                          "STEWARD_SERVER_TRUSTED_PROXIES=127.0.0.1", NULL};
    char text[256];
    with(OPTIONS);
    for (int i = 0; i < 12; i++) { /* those of sockets, too; the last ones are in the cache */
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bad%d\r\n\r\n",
                 i % 3 == 2 ? "/api/ws" : "/p/signed", i < 8 ? i : 7);
        ck_assert_int_eq(ask(text), i < 5 ? 401 : 429);
        if (i >= 5) {
            HAS("\"error\":\"too many bad tokens from this address\",\"code\":\"rate_limited\"");
            ck_assert(test_has_header(&c, "Retry-After: 12"));
        }
        ck_assert_int_eq(ask(GET("/p/signed", "Authorization: Bearer admin\r\n")), 200);
        ck_assert_int_eq(ask(GET("/p/echo", "Authorization: Bearer bad0\r\n")), 200); /* anybody's */
    }
    ck_assert_int_eq(ask(GET("/p/signed", "Authorization: Bearer member\r\n")), 200); /* seen for the first time */
    ck_assert_int_eq(ask(GET("/p/signed", "")), 401);
    ck_assert_int_eq(ask(GET("/p/signed", "X-Forwarded-For: 1.2.3.4\r\nAuthorization: Bearer bad0\r\n")), 401);
}
END_TEST

START_TEST(a_full_lane_is_503)
{
    static test_client many[80];
    int busy = 0;
    /* 2 workers and 64 places. */
    for (int i = 0; i < 80; i++) {
        test_connect(&many[i], s.port);
        test_send(&many[i], GET("/p/nap?ms=100", ""), strlen(GET("/p/nap?ms=100", "")));
    }
    ck_assert_int_eq(ask(GET("/api/ping", "")), 200);
    for (int i = 0; i < 80; i++) {
        (void)test_reply(&many[i], false);
        if (many[i].status == 503) {
            busy++;
            ck_assert(test_has_header(&many[i], "Retry-After: 1"));
        }
        test_close(&many[i]);
    }
    ck_assert_int_ge(busy, 10);
}
END_TEST

START_TEST(health_says_more_to_admins)
{
    ck_assert_int_eq(ask(GET("/api/health", "")), 200);
    ck_assert_str_eq(c.body, "{\"status\":\"ok\"}");
    ck_assert_int_eq(ask(GET("/api/health", BEARER("member"))), 200);
    ck_assert_str_eq(c.body, "{\"status\":\"ok\"}");
    ck_assert_int_eq(ask(GET("/api/health", BEARER("admin"))), 200);
    HAS("{\"status\":\"ok\",\"version\":\"test\",\"uptime_seconds\":");
    HAS("\"checks\":{\"storage\":{\"ok\":true,\"latency_ms\":");
    HAS("\"plugins\":{\"probe\":\"enabled\"}");
    s.module.status = MODULE_QUARANTINED;
    (void)poll(NULL, 0, 1100);
    ck_assert_int_eq(ask(GET("/api/health", "")), 200);
    ck_assert_str_eq(c.body, "{\"status\":\"degraded\"}");
    s.rt.ready = false;
    ck_assert_int_eq(ask(GET("/api/health", "")), 503);
    ck_assert_str_eq(c.body, "{\"status\":\"starting\"}");
    ck_assert(test_has_header(&c, "Retry-After: 1"));
}
END_TEST

START_TEST(draining_answers_503_and_closes)
{
    test_client kept, napping, health;
    test_connect(&kept, s.port);
    test_send(&kept, GET("/api/ping", ""), strlen(GET("/api/ping", "")));
    ck_assert_int_eq(test_reply(&kept, false), 200);
    test_connect(&health, s.port);
    test_connect(&napping, s.port);
    test_send(&napping, GET("/p/nap?ms=500", ""), strlen(GET("/p/nap?ms=500", "")));
    (void)poll(NULL, 0, 150);
    ck_assert_uint_eq(http_in_flight(s.http), 1);
    s.rt.draining = true;
    http_drain(s.http);
    (void)poll(NULL, 0, 150);
    test_send(&kept, GET("/p/read/1", ""), strlen(GET("/p/read/1", "")));
    ck_assert_int_eq(test_reply(&kept, false), 503);
    ck_assert(test_has_header(&kept, "Connection: close") && test_has_header(&kept, "Retry-After: 1"));
    ck_assert(test_closed(&kept));
    test_send(&health, GET("/api/health", ""), strlen(GET("/api/health", "")));
    ck_assert_int_eq(test_reply(&health, false), 503);
    ck_assert_str_eq(health.body, "{\"status\":\"draining\"}");
    ck_assert_int_eq(test_reply(&napping, false), 204);
    ck_assert(test_closed(&napping));
    ck_assert_uint_eq(http_in_flight(s.http), 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)s.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ne(connect(c.fd, (struct sockaddr *)&to, sizeof to), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    ADD(protected_routes_want_a_token);
    ADD(tokens_are_asked_for_once);
    ADD(a_provider_that_waits_is_asked_on_the_slow_lane);
    ADD(a_provider_asks_another_machine_about_some_tokens_on_the_slow_lane);
    ADD(roles_are_checked_with_and_without_the_cache);
    ADD(public_routes_ignore_bad_tokens);
    ADD(listed_origins_get_cors_headers);
    ADD(preflights_are_answered_for_every_path);
    ADD(any_origin_never_goes_with_credentials);
    ADD(only_trusted_proxies_name_the_client);
    ADD(requests_are_limited_per_address);
    ADD(bad_tokens_are_limited_per_address_and_good_ones_go_on);
    ADD(a_full_lane_is_503);
    ADD(health_says_more_to_admins);
    ADD(draining_answers_503_and_closes);
}

int main(void)
{
    return run_tests("http guard", add);
}
