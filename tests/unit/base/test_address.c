#include "core/base/address.h"
#include "tests/unit/run_tests.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static void expect_formatted(const char *text, const char *normal)
{
    address a;
    char out[ADDRESS_TEXT];
    ck_assert_msg(address_parse(text, &a), "%s", text);
    address_format(&a, out);
    ck_assert_str_eq(out, normal);
}

START_TEST(addresses_are_normalised)
{
    expect_formatted("127.0.0.1", "127.0.0.1");
    expect_formatted("::ffff:10.1.2.3", "10.1.2.3");
    expect_formatted("2001:DB8:0:0::1", "2001:db8::1");
    expect_formatted("::", "::");
}
END_TEST

START_TEST(other_texts_are_refused)
{
    static const char *const TEXTS[] = {"",          "1",          "1.2.3", "1.2.3.4.5",
                                        "256.1.1.1", "1.2.3.4 ",   ":::",   "fe80::1%eth0",
                                        "localhost", "1.2.3.4:80", "[::1]", "g::1"};
    address a;
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        ck_assert_msg(!address_parse(TEXTS[i], &a), "%s", TEXTS[i]);
}
END_TEST

static void expect_forwarded(const char *text, const char *normal)
{
    address a;
    char out[ADDRESS_TEXT] = "";
    if (address_parse_forwarded(text, strlen(text), &a))
        address_format(&a, out);
    ck_assert_str_eq(out, normal);
}

START_TEST(forwarded_addresses_may_have_ports_and_brackets)
{
    expect_forwarded(" 10.0.0.1 ", "10.0.0.1");
    expect_forwarded("10.0.0.1:4711", "10.0.0.1");
    expect_forwarded("[2001:db8::1]", "2001:db8::1");
    expect_forwarded("[2001:db8::1]:4711", "2001:db8::1");
    expect_forwarded("2001:db8::1", "2001:db8::1");
    expect_forwarded("unknown", "");
    expect_forwarded("", "");
    expect_forwarded("[", "");
    expect_forwarded("[]", "");
    expect_forwarded("[::1", "");
    expect_forwarded("[::1]x", "");
    expect_forwarded("[::1]:", "");
    expect_forwarded("10.0.0.1:", "");
    expect_forwarded("10.0.0.1:99999", "");
    expect_forwarded("10.0.0.1:-5", "");
    address a;
    ck_assert(!address_parse_forwarded("1.2.3.4\0x", 9, &a));
}
END_TEST

START_TEST(socket_addresses_are_taken)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0A000001)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr other = {.sa_family = AF_UNIX};
    address a, ten;
    address_parse("10.0.0.1", &ten);
    ck_assert(address_of_sockaddr((const struct sockaddr *)&four, &a));
    ck_assert(address_equal(&a, &ten));
    ck_assert(address_of_sockaddr((const struct sockaddr *)&six, &a));
    ck_assert(address_is_loopback(&a));
    ck_assert(!address_of_sockaddr(&other, &a));
}
END_TEST

static bool is_in(const char *text, const char *range)
{
    address a;
    address_range r;
    ck_assert_msg(address_parse(text, &a) && address_range_parse(range, &r), "%s %s", text, range);
    return address_in(&a, &r, 1);
}

START_TEST(networks_match)
{
    ck_assert(is_in("10.1.2.3", "10.0.0.0/8"));
    ck_assert(!is_in("11.1.2.3", "10.0.0.0/8"));
    ck_assert(is_in("10.1.2.3", "10.9.9.9/8"));
    ck_assert(is_in("192.168.1.127", "192.168.1.0/25"));
    ck_assert(!is_in("192.168.1.128", "192.168.1.0/25"));
    ck_assert(is_in("::ffff:10.1.2.3", "10.0.0.0/8"));
    ck_assert(is_in("10.1.2.3", "::ffff:10.0.0.0/104"));
    ck_assert(is_in("1.2.3.4", "0.0.0.0/0"));
    ck_assert(!is_in("2001:db8::1", "0.0.0.0/0"));
    ck_assert(is_in("2001:db8::1", "::/0"));
    ck_assert(is_in("fd12::1", "fd00::/8"));
    ck_assert(is_in("127.0.0.1", "127.0.0.1"));
    ck_assert(!is_in("127.0.0.2", "127.0.0.1"));
}
END_TEST

START_TEST(wrong_networks_are_refused)
{
    static const char *const TEXTS[] = {
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "::/129", "x/8", "10.0.0.0/8/8", "*"};
    address_range r;
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        ck_assert_msg(!address_range_parse(TEXTS[i], &r), "%s", TEXTS[i]);
}
END_TEST

START_TEST(ipv6_is_counted_by_its_64)
{
    address a, b, c, key;
    address_parse("2001:db8:1:2:3:4:5:6", &a);
    address_parse("2001:db8:1:2:9::", &b);
    address_parse("10.0.0.1", &c);
    address of_a = address_key(&a), of_b = address_key(&b);
    ck_assert(address_equal(&of_a, &of_b));
    key = address_key(&c);
    ck_assert(address_equal(&key, &c));
}
END_TEST

START_TEST(loopback_is_known_in_all_forms)
{
    static const char *const YES[] = {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"};
    static const char *const NO[] = {"128.0.0.1", "::2", "::", "10.0.0.1"};
    address a;
    for (int i = 0; i < 4; i++) {
        address_parse(YES[i], &a);
        ck_assert(address_is_loopback(&a));
        address_parse(NO[i], &a);
        ck_assert(!address_is_loopback(&a));
    }
}
END_TEST

static void add(TCase *tests)
{
    ADD(addresses_are_normalised);
    ADD(other_texts_are_refused);
    ADD(forwarded_addresses_may_have_ports_and_brackets);
    ADD(socket_addresses_are_taken);
    ADD(networks_match);
    ADD(wrong_networks_are_refused);
    ADD(ipv6_is_counted_by_its_64);
    ADD(loopback_is_known_in_all_forms);
}

int main(void)
{
    return run_tests("address", add);
}
