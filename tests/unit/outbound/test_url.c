/* Addresses that plugins may speak to. */
#include "core/outbound/outbound_url.h"
#include "tests/unit/run_tests.h"
#include <arpa/inet.h>

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

START_TEST(networks_are_told_apart)
{
    static const struct {
        const char *text;
        outbound_network network;
    } ROWS[] = {
        {"8.8.8.8", NETWORK_PUBLIC},
        {"10.1.2.3", NETWORK_PRIVATE},
        {"172.15.255.255", NETWORK_PUBLIC},
        {"172.16.0.1", NETWORK_PRIVATE},
        {"172.31.255.255", NETWORK_PRIVATE},
        {"172.32.0.0", NETWORK_PUBLIC},
        {"192.168.9.9", NETWORK_PRIVATE},
        {"100.64.0.1", NETWORK_PRIVATE},
        {"100.128.0.0", NETWORK_PUBLIC},
        {"169.254.169.254", NETWORK_LINK_LOCAL},
        {"127.8.9.1", NETWORK_LOOPBACK},
        {"0.0.0.0", NETWORK_LOOPBACK},
        {"::1", NETWORK_LOOPBACK},
        {"::", NETWORK_LOOPBACK},
        {"fd00::1", NETWORK_PRIVATE},
        {"fe80::1", NETWORK_LINK_LOCAL},
        {"2001:db8::1", NETWORK_PUBLIC},
        {"::ffff:10.0.0.1", NETWORK_PRIVATE},
        {"::ffff:127.0.0.1", NETWORK_LOOPBACK},
        {"::ffff:8.8.8.8", NETWORK_PUBLIC},
    };

    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        bool four = inet_pton(AF_INET, ROWS[i].text, &v4.sin_addr) == 1;
        ck_assert(four || inet_pton(AF_INET6, ROWS[i].text, &v6.sin6_addr) == 1);
        const void *address = four ? (const void *)&v4 : (const void *)&v6;
        ck_assert_msg(outbound_network_of(address) == ROWS[i].network, "%s", ROWS[i].text);
    }
}
END_TEST

static void add(TCase *tests)
{
    ADD(networks_are_told_apart);
    ADD(secure_addresses_may_have_any_host);
    ADD(plain_ones_only_the_loopback);
    ADD(odd_ones_are_refused);
}

int main(void)
{
    return run_tests("outbound url", add);
}
