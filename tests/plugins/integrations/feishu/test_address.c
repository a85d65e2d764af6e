/* Which domain, which service. */
#include "plugins/integrations/feishu/link/link_config.h"
#include "tests/unit/run_tests.h"
#include <stdlib.h>
#include <string.h>

static const char *base(const char *url)
{
    static char out[ADDRESS_MAX];

    address_base(url, out);
    return out;
}

START_TEST(the_url_carries_only_the_domain)
{
    ck_assert_str_eq(base("wss://open.feishu.cn/open-apis/ws/v2"), "https://open.feishu.cn");
    ck_assert_str_eq(base("wss://open.larksuite.com/x?y#z"), "https://open.larksuite.com");
    ck_assert_str_eq(base("https://feishu.example:8443"), "https://feishu.example:8443");
    ck_assert_str_eq(base("wss://user:pass@feishu.example/"), "https://feishu.example");
}
END_TEST

START_TEST(plain_http_is_for_the_loopback_alone)
{
    ck_assert_str_eq(base("ws://127.0.0.1:9000/ws"), "http://127.0.0.1:9000");
    ck_assert_str_eq(base("http://localhost:1"), "http://localhost:1");
    ck_assert_str_eq(base("ws://[::1]:9/x"), "http://[::1]:9");
    ck_assert_str_eq(base("wss://127.0.0.1:9"), "https://127.0.0.1:9");
    ck_assert_str_eq(base("ws://feishu.example"), "https://feishu.example");
    ck_assert_str_eq(base("ws://127.evil.example"), "https://127.evil.example");
    ck_assert_str_eq(base("ws://localhost.evil.example"), "https://localhost.evil.example");
    ck_assert_str_eq(base("ws://127.0.0.1@evil.example"), "https://evil.example");
}
END_TEST

START_TEST(without_a_host_it_is_feishu)
{
    ck_assert_str_eq(base(""), "https://open.feishu.cn");
    ck_assert_str_eq(base("open.larksuite.com"), "https://open.feishu.cn");
    ck_assert_str_eq(base("ws://"), "https://open.feishu.cn");
    ck_assert_str_eq(base("ws:///path"), "https://open.feishu.cn");
    ck_assert_str_eq(base("ws://a b"), "https://open.feishu.cn");
}
END_TEST

START_TEST(the_service_is_an_int32_of_the_query)
{
    ck_assert_int_eq(address_service("wss://h/ws/v2?fpid=493&service_id=33554678&ticket=x"), 33554678);
    ck_assert_int_eq(address_service("wss://h?service_id=7"), 7);
    ck_assert_int_eq(address_service("wss://h?service_id=-7&a=b"), -7);
    ck_assert_int_eq(address_service("wss://h?service_id=2147483648"), 0);
    ck_assert_int_eq(address_service("wss://h?service_id=7x"), 0);
    ck_assert_int_eq(address_service("wss://h?my_service_id=7"), 0);
    ck_assert_int_eq(address_service("wss://h/service_id=7"), 0);
    ck_assert_int_eq(address_service("wss://h?service_id="), 0);
}
END_TEST

START_TEST(a_log_gets_the_host_alone)
{
    char out[ADDRESS_MAX];

    address_host("wss://msg-frontier.feishu.cn:443/ws/v2?access_key=secret&ticket=secret", out);
    ck_assert_str_eq(out, "msg-frontier.feishu.cn:443");
    address_host("nothing", out);
    ck_assert_str_eq(out, "");
}
END_TEST

static void add(TCase *tests)
{
    ADD(the_url_carries_only_the_domain);
    ADD(plain_http_is_for_the_loopback_alone);
    ADD(without_a_host_it_is_feishu);
    ADD(the_service_is_an_int32_of_the_query);
    ADD(a_log_gets_the_host_alone);
}

int main(void)
{
    return run_tests("feishu address", add);
}
