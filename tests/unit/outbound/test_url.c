/* Addresses that plugins may speak to. */
#include "core/outbound/outbound_url.h"
#include "tests/unit/run_tests.h"

START_TEST(secure_addresses_may_have_any_host)
{
    outbound_url u;

    ck_assert(outbound_url_parse("https://open.feishu.cn/a/b?c=d", "https", "http", &u));
    ck_assert_str_eq(u.host, "open.feishu.cn");
    ck_assert_int_eq(u.port, 443);
    ck_assert(u.tls);
    ck_assert_str_eq(u.path, "/a/b?c=d");
    ck_assert(outbound_url_parse("WSS://h:8443", "wss", "ws", &u));
    ck_assert_int_eq(u.port, 8443);
    ck_assert_str_eq(u.path, "/");
    ck_assert(outbound_url_parse("wss://h?x=1", "wss", "ws", &u));
    ck_assert_str_eq(u.path, "?x=1");
    ck_assert(outbound_url_parse("https://[2001:db8::1]:9/x", "https", "http", &u));
    ck_assert_str_eq(u.host, "2001:db8::1");
    ck_assert_int_eq(u.port, 9);
}
END_TEST

START_TEST(plain_ones_only_the_loopback)
{
    static const char *const GOOD[] = {"http://127.0.0.1/", "http://127.9.9.9:1/", "http://localhost:80",
                                       "http://LOCALHOST", "http://[::1]:7/x"};
    static const char *const BAD[] = {"http://example.com/", "http://127.0.0.1.example.com",
                                      "http://10.0.0.1",     "http://localhost.example",
                                      "http://0.0.0.0",      "http://[::2]",
                                      "http://127.1"};
    outbound_url u;

    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        ck_assert_msg(outbound_url_parse(GOOD[i], "https", "http", &u) && !u.tls, "%s", GOOD[i]);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        ck_assert_msg(!outbound_url_parse(BAD[i], "https", "http", &u), "%s", BAD[i]);
}
END_TEST

START_TEST(odd_ones_are_refused)
{
    static const char *const BAD[] = {"",
                                      "h",
                                      "ftp://h",
                                      "ws://127.0.0.1",
                                      "https:/h",
                                      "https://",
                                      "https://:80",
                                      "https://u:p@h/",
                                      "https://h:0/",
                                      "https://h:65536/",
                                      "https://h:x/",
                                      "https://h:/",
                                      "https://h/a b",
                                      "https://h/\r\nX: y",
                                      "https://h/#f",
                                      "https://[::1",
                                      "https://[::1]x",
                                      "http://127.0.0.1@evil.example/",
                                      "https://h\x7f/"};
    outbound_url u;

    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        ck_assert_msg(!outbound_url_parse(BAD[i], "https", "http", &u), "%s", BAD[i]);
}
END_TEST

static void add(TCase *tests)
{
    ADD(secure_addresses_may_have_any_host);
    ADD(plain_ones_only_the_loopback);
    ADD(odd_ones_are_refused);
}

int main(void)
{
    return run_tests("outbound url", add);
}
