/* Time, connections and memory that clients may take. */
#include "tests/unit/http/fixture.h"

#include <sys/resource.h>
#include <time.h>

static test_server s;
static test_client c;

#define PING "GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n"

static int64_t now_ms(void)
{
    return sw_monotonic_ms();
}

/* Sends `text` and then `more` every 50 ms until the server answers or closes; how long that took. */
static int64_t drip(const char *text, const char *more)
{
    int64_t begin = now_ms();
    test_connect(&c, s.port);
    test_send(&c, text, strlen(text));
    while (now_ms() - begin < 10000 && !test_more(&c, 50))
        if (send(c.fd, more, strlen(more), MSG_NOSIGNAL) != (ssize_t)strlen(more))
            break;
    return now_ms() - begin;
}

START_TEST(slow_requests_are_cut_by_the_clock)
{
    static const char *const OPTIONS[] = {"STEWARD_LIMITS_HEADER_TIMEOUT=500ms", "STEWARD_LIMITS_BODY_TIMEOUT=800ms",
                                          "STEWARD_LIMITS_IDLE_TIMEOUT=600ms", NULL};
    test_server_start(&s, OPTIONS);
    int64_t took = drip("GET /api/ping HTTP/1.1\r\nHost: x\r\nA: ", "a");
    ck_assert(took >= 450 && took < 1500);
    ck_assert_int_eq(test_reply(&c, false), 408);
    ck_assert(test_closed(&c));
    test_close(&c);

    took = drip("POST /p/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "b");
    ck_assert(took >= 750 && took < 2000);
    ck_assert_int_eq(test_reply(&c, false), 408);
    ck_assert(test_closed(&c));
    test_close(&c);

    took = drip("POST /p/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "0");
    ck_assert(took >= 400 && took < 2000); /* too many digits, or too late */
    test_close(&c);

    took = drip("POST /p/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n");
    ck_assert(took >= 750 && took < 2000);
    ck_assert_int_eq(test_reply(&c, false), 408);
    ck_assert(test_closed(&c));
    test_close(&c);

    /* Nothing at all: closed without a word. After a reply: the idle limit. */
    test_connect(&c, s.port);
    int64_t begin = now_ms();
    ck_assert(test_closed(&c));
    ck_assert(now_ms() - begin >= 450 && now_ms() - begin < 1500);
    test_close(&c);
    ck_assert_int_eq(TEST_ASK(&c, &s, PING), 200);
    begin = now_ms();
    ck_assert(test_closed(&c));
    ck_assert(now_ms() - begin >= 550 && now_ms() - begin < 1600);
    test_close(&c);
    /* An answer that takes longer than all of them is no client's fault. */
    ck_assert_int_eq(TEST_ASK(&c, &s, "GET /p/nap?ms=1500 HTTP/1.1\r\nHost: x\r\n\r\n"), 204);
    test_close(&c);
    ck_assert_uint_ge(http_read_totals(s.http).timed_out, 2);
    test_server_stop(&s);
}
END_TEST

static void wait_stalled(unsigned count, size_t least, size_t most)
{
    for (int64_t end = sw_monotonic_ms() + 30000; sw_monotonic_ms() < end; (void)poll(NULL, 0, 10)) {
        http_totals now = http_read_totals(s.http);
        if (now.stalled == count && now.memory >= least && now.memory <= most)
            return;
    }
    ck_abort_msg("waited for %u stalled replies and %zu bytes", count, least);
}

START_TEST(replies_that_nobody_reads_are_cut)
{
    static const char *const OPTIONS[] = {"STEWARD_LIMITS_REPLY_STALL=1s", NULL};
    test_server_start(&s, OPTIONS);
    static const char TEXT[] = "GET /p/big?bytes=16000000 HTTP/1.1\r\nHost: x\r\n\r\n";
    test_connect(&c, s.port);
    test_send(&c, TEXT, sizeof TEXT - 1);
    wait_stalled(0, 1000000, SIZE_MAX);
    wait_stalled(1, 0, 0);
    ck_assert_int_eq(test_reply(&c, false), 0); /* cut short */
    test_close(&c);
    /* One that reads slowly, but reads, gets everything. */
    test_connect(&c, s.port);
    test_send(&c, TEXT, sizeof TEXT - 1);
    size_t got = 0;
    for (int i = 0; i < 30; i++) {
        (void)poll(NULL, 0, 100);
        c.len = 0;
        ck_assert(test_more(&c, 1000));
        got += c.len;
    }
    while (got < 16000000) {
        c.len = 0;
        ck_assert(test_more(&c, 2000));
        got += c.len;
    }
    test_close(&c);
    test_server_stop(&s);
}
END_TEST

START_TEST(connections_have_a_total)
{
    static const char *const OPTIONS[] = {"STEWARD_LIMITS_CONNECTIONS=20", NULL};
    static test_client many[60];
    int answered = 0;
    test_server_start(&s, OPTIONS);
    for (int i = 0; i < 60; i++) {
        test_connect(&many[i], s.port);
        test_send(&many[i], PING, sizeof PING - 1);
    }
    (void)poll(NULL, 0, 500);
    for (int i = 0; i < 60; i++)
        answered += test_more(&many[i], 0);
    /* Each of two loops may go one over. */
    ck_assert(answered >= 18 && answered <= 23);
    /* Nobody is refused: the others wait their turn. */
    for (int i = 0; i < 60; i++)
        if (many[i].len > 0) {
            ck_assert_int_eq(test_reply(&many[i], false), 200);
            test_close(&many[i]);
            many[i].fd = -1;
        }
    (void)poll(NULL, 0, 500);
    int later = 0;
    for (int i = 0; i < 60; i++)
        later += many[i].fd > 0 && test_more(&many[i], 0);
    ck_assert_int_ge(later, 18);
    for (int i = 0; i < 60; i++) {
        if (many[i].fd <= 0)
            continue;
        ck_assert_int_eq(test_reply(&many[i], false), 200);
        test_close(&many[i]);
    }
    ck_assert_int_eq(TEST_ASK(&c, &s, PING), 200);
    test_close(&c);
    test_server_stop(&s);
}
END_TEST

START_TEST(connections_have_a_total_per_address)
{
    static const char *const OPTIONS[] = {"STEWARD_LIMITS_CONNECTIONS_PER_ADDRESS=3",
                                          "STEWARD_LIMITS_PER_ADDRESS_LOOPBACK=true", NULL};
    static test_client many[5];
    test_server_start(&s, OPTIONS);
    for (int i = 0; i < 3; i++) {
        test_connect(&many[i], s.port);
        test_send(&many[i], PING, sizeof PING - 1);
        ck_assert_int_eq(test_reply(&many[i], false), 200);
    }
    test_connect(&many[3], s.port);
    ck_assert_int_eq(test_reply(&many[3], false), 503);
    ck_assert(strstr(many[3].body, "too many connections"));
    ck_assert(test_has_header(&many[3], "Retry-After: 10"));
    test_close(&many[3]);
    test_close(&many[0]);
    (void)poll(NULL, 0, 200);
    test_connect(&many[0], s.port);
    test_send(&many[0], PING, sizeof PING - 1);
    ck_assert_int_eq(test_reply(&many[0], false), 200);
    ck_assert_uint_eq(http_read_totals(s.http).refused, 1);
    for (int i = 0; i < 3; i++)
        test_close(&many[i]);
    test_server_stop(&s);
}
END_TEST

START_TEST(without_descriptors_accepting_rests)
{
    test_server_start(&s, NULL);
    ck_assert_int_eq(TEST_ASK(&c, &s, PING), 200);
    test_close(&c);
    static test_client many[4];
    for (int i = 0; i < 4; i++)
        many[i].fd = socket(AF_INET, SOCK_STREAM, 0);
    /* From here on no descriptor is left in this process, the server's included. */
    struct rlimit all, none = {3, 3};
    getrlimit(RLIMIT_NOFILE, &all);
    none.rlim_max = all.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)s.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timespec before, after;
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(connect(many[i].fd, (struct sockaddr *)&to, sizeof to), 0);
        test_send(&many[i], PING, sizeof PING - 1);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    (void)poll(NULL, 0, 1000);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    ck_assert_int_lt((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000, 200);
    setrlimit(RLIMIT_NOFILE, &all);
    for (int i = 0; i < 4; i++) {
        many[i].len = 0;
        ck_assert_int_eq(test_reply(&many[i], false), 200);
        test_close(&many[i]);
    }
    test_server_stop(&s);
}
END_TEST

START_TEST(memory_for_requests_is_bounded)
{
    static const char *const OPTIONS[] = {"STEWARD_LIMITS_MEMORY=16M", NULL};
    static test_client many[40];
    static char body[900000];
    static const char HEAD[] = "POST /p/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
    test_server_start(&s, OPTIONS);
    for (int i = 0; i < 40; i++) {
        test_connect(&many[i], s.port);
        test_send(&many[i], HEAD, sizeof HEAD - 1);
        int size = 1 << 20; /* so that this thread never waits */
        setsockopt(many[i].fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    (void)poll(NULL, 0, 100);
    for (int i = 0; i < 40; i++)
        (void)send(many[i].fd, body, sizeof body, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)poll(NULL, 0, 500);
    uint64_t used = http_read_totals(s.http).memory;
    ck_assert_msg(used > 10000000 && used < 24000000, "%llu", (unsigned long long)used);
    /* A new one with a body is refused, one without is not; a ping is never. */
    ck_assert_int_eq(TEST_ASK(&c, &s, PING), 200);
    test_close(&c);
    (void)poll(NULL, 0, 1500);
    int refused = 0;
    for (int i = 0; i < 40; i++)
        if (many[i].len > 0 || test_more(&many[i], 0)) {
            ck_assert_int_eq(test_reply(&many[i], false), 503);
            ck_assert(test_has_header(&many[i], "Retry-After: 1"));
            refused++;
        }
    ck_assert_int_ge(refused, 1);
    for (int i = 0; i < 40; i++)
        test_close(&many[i]);
    for (int i = 0; i < 100 && http_read_totals(s.http).memory > 0; i++)
        (void)poll(NULL, 0, 100); /* those that pause notice the end when they are refused */
    ck_assert_uint_eq(http_read_totals(s.http).memory, 0);
    ck_assert_int_eq(TEST_ASK(&c, &s, "POST /p/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"), 200);
    test_close(&c);
    test_server_stop(&s);
}
END_TEST

START_TEST(a_taken_port_is_not_shared)
{
    static test_server second;
    char port[64], error[512];
    int got;
    test_server_start(&s, NULL);
    snprintf(port, sizeof port, "STEWARD_SERVER_PORT=%d", s.port);
    char *environment[] = {port, NULL};
    second.rt.config = config_new();
    ck_assert(config_load(second.rt.config, NULL, environment));
    ck_assert(loops_open(&second.rt, 1));
    ck_assert_ptr_null(http_open(&second.rt, test_authenticate, NULL, &got, error, sizeof error));
    ck_assert_msg(strstr(error, "cannot listen on 127.0.0.1 port") != NULL, "%s", error);
    loops_close(&second.rt);
    config_free(second.rt.config);
    test_server_stop(&s);
}
END_TEST

static void add(TCase *tests)
{
    ADD(slow_requests_are_cut_by_the_clock);
    ADD(replies_that_nobody_reads_are_cut);
    ADD(connections_have_a_total);
    ADD(connections_have_a_total_per_address);
    ADD(without_descriptors_accepting_rests);
    ADD(memory_for_requests_is_bounded);
    ADD(a_taken_port_is_not_shared);
}

int main(void)
{
    return run_tests("http limits", add);
}
