/* What the service configures, and how long to wait. */
#include "core/base/json.h"
#include "plugins/integrations/feishu/link/link_config.h"
#include "tests/unit/run_tests.h"
#include <stdlib.h>
#include <string.h>

static link_config taken(const char *json)
{
    link_config c = link_config_default();
    const sw_value *v = json_read(json, strlen(json), 8);

    link_config_take(&c, v);
    json_read_free(v);
    return c;
}

START_TEST(each_sane_field_is_taken_alone)
{
    link_config c = taken("{\"ReconnectCount\":3,\"ReconnectInterval\":90,\"ReconnectNonce\":25,\"PingInterval\":60}");

    ck_assert_int_eq(c.ping_ms, 60000);
    ck_assert_int_eq(c.interval_ms, 90000);
    ck_assert_int_eq(c.nonce_ms, 25000);
    ck_assert_int_eq(c.count, 3);
    c = taken("{\"PingInterval\":5}");
    ck_assert_int_eq(c.ping_ms, 5000);
    ck_assert_int_eq(c.interval_ms, 120000);
    ck_assert_int_eq(c.nonce_ms, 30000);
}
END_TEST

START_TEST(nonsense_changes_nothing)
{
    static const char *const NONSENSE[] = {
        "{\"PingInterval\":0}",
        "{\"PingInterval\":-1}",
        "{\"PingInterval\":601}",
        "{\"PingInterval\":\"60\"}",
        "{\"PingInterval\":1.5}",
        "{\"PingInterval\":null}",
        "{\"PingInterval\":1e308}",
        "{\"ReconnectInterval\":0}",
        "{\"ReconnectNonce\":-1}",
        "[]",
        "7",
        "{}",
        "",
    };
    link_config unchanged = link_config_default();

    for (size_t i = 0; i < sizeof NONSENSE / sizeof NONSENSE[0]; i++) {
        link_config c = taken(NONSENSE[i]);
        ck_assert_msg(c.ping_ms == unchanged.ping_ms && c.interval_ms == unchanged.interval_ms &&
                          c.nonce_ms == unchanged.nonce_ms,
                      "%s", NONSENSE[i]);
    }
}
END_TEST

START_TEST(a_clean_end_is_answered_within_five_seconds)
{
    link_config c = link_config_default();

    for (uint32_t chance = 0; chance < 100000; chance += 997) {
        int64_t wait = link_wait(&c, LINK_DROPPED, 0, 1000, chance);
        ck_assert(wait >= 0 && wait <= 5000);
    }
    c.nonce_ms = 0;
    ck_assert_int_eq(link_wait(&c, LINK_DROPPED, 0, 1000, 12345), 0);
}
END_TEST

START_TEST(failures_wait_longer_and_longer_up_to_a_minute_and_the_interval)
{
    link_config c = {.ping_ms = 1, .interval_ms = 90000, .nonce_ms = 0};
    static const int64_t WAITS[] = {1000, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};

    for (unsigned n = 0; n < sizeof WAITS / sizeof WAITS[0]; n++)
        ck_assert_int_eq(link_wait(&c, LINK_FAILED, n, 1000, 7), WAITS[n]);
    ck_assert_int_eq(link_wait(&c, LINK_FAILED, 1000000, 1000, 7), 60000);
    c.interval_ms = 5000;
    ck_assert_int_eq(link_wait(&c, LINK_FAILED, 20, 1000, 7), 5000);
    ck_assert_int_eq(link_wait(&c, LINK_DROPPED, 20, 1000, 7), 4000);
}
END_TEST

START_TEST(a_service_that_is_down_for_all_is_met_spread_over_the_nonce)
{
    link_config c = {.ping_ms = 1, .interval_ms = 90000, .nonce_ms = 25000};

    ck_assert_int_le(link_wait(&c, LINK_FAILED, 1, 1000, 0xffffffff), 2000);
    ck_assert_int_eq(link_wait(&c, LINK_FAILED, 5, 1000, 25000), 16000 + 25000);
}
END_TEST

START_TEST(refusals_are_tried_every_one_to_five_minutes)
{
    link_config c = link_config_default();

    for (unsigned n = 0; n < 20; n++)
        for (uint32_t chance = 0; chance < 200000; chance += 9973) {
            int64_t wait = link_wait(&c, n % 2 ? LINK_REFUSED : LINK_CROWDED, n, 1000, chance);
            ck_assert(wait >= 60000 && wait <= 300000);
        }
}
END_TEST

START_TEST(codes_mean_what_the_contract_says)
{
    ck_assert_int_eq(link_class_of_endpoint(1), LINK_FAILED);
    ck_assert_int_eq(link_class_of_endpoint(1000040343), LINK_FAILED);
    ck_assert_int_eq(link_class_of_endpoint(1000040350), LINK_CROWDED);
    ck_assert_int_eq(link_class_of_endpoint(403), LINK_REFUSED);
    ck_assert_int_eq(link_class_of_endpoint(514), LINK_REFUSED);
    ck_assert_int_eq(link_class_of_endpoint(12345), LINK_REFUSED);
    ck_assert_int_eq(link_class_of_handshake(514, 1000040350), LINK_CROWDED);
    ck_assert_int_eq(link_class_of_handshake(514, 7), LINK_FAILED);
    ck_assert_int_eq(link_class_of_handshake(403, 0), LINK_REFUSED);
    ck_assert_int_eq(link_class_of_handshake(500, 0), LINK_FAILED);
}
END_TEST

static void add(TCase *tests)
{
    ADD(each_sane_field_is_taken_alone);
    ADD(nonsense_changes_nothing);
    ADD(a_clean_end_is_answered_within_five_seconds);
    ADD(failures_wait_longer_and_longer_up_to_a_minute_and_the_interval);
    ADD(a_service_that_is_down_for_all_is_met_spread_over_the_nonce);
    ADD(refusals_are_tried_every_one_to_five_minutes);
    ADD(codes_mean_what_the_contract_says);
}

int main(void)
{
    return run_tests("feishu link_config", add);
}
