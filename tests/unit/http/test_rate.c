/* Limits per address. */
#include "core/http/rate.h"
#include "tests/unit/run_tests.h"

START_TEST(a_bucket_holds_one_second)
{
    rates *r = rates_new(5, 0);
    for (int i = 0; i < 5; i++)
        ck_assert(rates_request(r, 7, 1000));
    ck_assert(!rates_request(r, 7, 1000));
    ck_assert(rates_request(r, 8, 1000));
    ck_assert(!rates_request(r, 7, 1100));
    ck_assert(rates_request(r, 7, 1200));
    ck_assert(!rates_request(r, 7, 1200));
    /* A loop whose clock is behind takes nothing twice. */
    ck_assert(!rates_request(r, 7, 900));
    for (int i = 0; i < 5; i++)
        ck_assert(rates_request(r, 7, 999999));
    ck_assert(!rates_request(r, 7, 999999));
    rates_free(r);
}
END_TEST

START_TEST(connections_are_counted_by_slot)
{
    rates *r = rates_new(0, 0);
    address a, b, c;
    ck_assert(address_parse("10.1.2.3", &a) && address_parse("2001:db8::1", &b) && address_parse("2001:db8::2", &c));
    ck_assert_uint_eq(rates_slot(r, &b), rates_slot(r, &c)); /* one /64 */
    uint32_t slot = rates_slot(r, &a);
    ck_assert(rates_connect(r, slot, 2) && rates_connect(r, slot, 2) && !rates_connect(r, slot, 2));
    rates_disconnect(r, slot);
    ck_assert(rates_connect(r, slot, 2));
    for (int i = 0; i < 100; i++)
        ck_assert(rates_request(r, slot, 1));
    rates_free(r);
}
END_TEST

START_TEST(bad_tokens_have_a_bucket_of_their_own)
{
    rates *r = rates_new(1, 30);
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(rates_bad_token(r, 7, false, 1000), 0);
    ck_assert_int_eq(rates_bad_token(r, 7, false, 1000), 2);
    ck_assert_int_eq(rates_bad_token(r, 8, false, 1000), 0);
    ck_assert(rates_request(r, 7, 1000));
    for (int ms = 1001; ms < 3000; ms++) /* asking again and again does not lengthen it */
        ck_assert_int_ne(rates_bad_token(r, 7, false, ms), 0);
    ck_assert_int_eq(rates_bad_token(r, 7, false, 3000), 0);
    ck_assert_int_ne(rates_bad_token(r, 7, false, 3000), 0);
    for (int i = 0; i < 30 * 20 - 19; i++) /* until less than one is left */
        ck_assert_int_eq(rates_bad_token(r, 9, true, 1000), 0);
    ck_assert_int_eq(rates_bad_token(r, 9, true, 1000), 2);
    rates_free(r);
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_bucket_holds_one_second);
    ADD(bad_tokens_have_a_bucket_of_their_own);
    ADD(connections_are_counted_by_slot);
}

int main(void)
{
    return run_tests("http rate", add);
}
