/* Ordinary requests over a real socket. */
#include "tests/unit/http/fixture.h"

static test_server s;
static test_client c;

START_TEST(answers_a_ping)
{
    test_server_start(&s, NULL);
    ck_assert_int_eq(TEST_ASK(&c, &s, "GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    ck_assert_str_eq(c.body, "{\"message\":\"pong\"}");
    ck_assert(test_has_header(&c, "Content-Type: application/json"));
    ck_assert(strstr(c.head, "\r\nX-Request-Id: ") && strstr(c.head, "\r\nDate: "));
    test_close(&c);
    test_server_stop(&s);
}
END_TEST

static void add(TCase *tests)
{
    ADD(answers_a_ping);
}

int main(void)
{
    return run_tests("http exchange", add);
}
