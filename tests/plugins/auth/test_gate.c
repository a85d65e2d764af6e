/* The gate before password hashing, with a clock of the test's own. */
#include "tests/unit/run_tests.h"

#include "plugins/auth/failures.c" /* the linker gets gate.c alone */
#include "plugins/auth/gate.h"
#include "plugins/auth/table.c"

#include <stdio.h>

static gate *g;
static int retry;

static gate_key key_of(unsigned address, unsigned user)
{
    gate_key key = {0};

    memcpy(key.address, &address, sizeof address);
    memcpy(key.user, &address, sizeof address);
    memcpy(key.user + 4, &user, sizeof user);
    key.user[15] = 1;
    return key;
}

static gate_answer come(const gate_key *key, int64_t now)
{
    return gate_enter(g, key, false, now, &retry);
}

static void open_gate(uint32_t failures, uint32_t address_failures, uint32_t at_once, uint32_t waiting)
{
    gate_rules rules = {.failures = failures,
                        .address_failures = address_failures,
                        .at_once = at_once,
                        .waiting = waiting,
                        .remembered = 64};
    g = gate_new(&rules);
    ck_assert_ptr_nonnull(g);
}

static void fail_once(const gate_key *key, int64_t now)
{
    ck_assert_int_eq(come(key, now), GATE_OPEN);
    ck_assert_uint_eq(gate_leave(g, key, GATE_FAILED, now), 0);
}

START_TEST(five_failures_in_a_minute_are_refused_for_ever_longer)
{
    gate_key key = key_of(1, 1);
    int64_t now = 1000000;

    open_gate(5, 5, 2, 8);
    for (int i = 0; i < 5; i++)
        fail_once(&key, now + i);
    now += 4;
    for (int seconds = 1; seconds <= 256; seconds *= 2) {
        int want = seconds < 60 ? seconds : 60;
        ck_assert_int_eq(come(&key, now), GATE_REFUSED);
        ck_assert_int_eq(retry, want);
        ck_assert_int_eq(come(&key, now + want * 1000 - 1), GATE_REFUSED);
        ck_assert_int_eq(retry, 1);
        now += want * 1000;
        fail_once(&key, now);
    }
    gate_free(g);
}
END_TEST

START_TEST(failures_slower_than_that_are_no_matter)
{
    gate_key key = key_of(1, 1);

    open_gate(5, 5, 2, 8);
    for (int i = 0; i < 50; i++)
        fail_once(&key, 1000000 + i * 15001);
    gate_free(g);
}
END_TEST

START_TEST(a_minute_of_peace_and_all_is_forgotten)
{
    gate_key key = key_of(1, 1);
    int64_t now = 1000000;

    open_gate(5, 5, 2, 8);
    for (int i = 0; i < 5; i++)
        fail_once(&key, now);
    now += 1000 + 60000;
    for (int i = 0; i < 5; i++)
        fail_once(&key, now);
    ck_assert_int_eq(come(&key, now), GATE_REFUSED);
    ck_assert_int_eq(retry, 1);
    gate_free(g);
}
END_TEST

START_TEST(another_address_is_not_refused_and_another_user_is_by_the_address)
{
    gate_key first = key_of(1, 1), elsewhere = key_of(2, 1), other = key_of(1, 2);

    open_gate(5, 5, 2, 8);
    for (int i = 0; i < 5; i++)
        fail_once(&first, 1000000);
    ck_assert_int_eq(come(&first, 1000000), GATE_REFUSED);
    ck_assert_int_eq(come(&other, 1000000), GATE_REFUSED);
    ck_assert_int_eq(come(&elsewhere, 1000000), GATE_OPEN);
    gate_free(g);
}
END_TEST

START_TEST(success_clears_the_pair_but_not_the_address)
{
    gate_key key = key_of(1, 1), other = key_of(1, 2);
    int64_t now = 1000000;

    open_gate(5, 8, 2, 8);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4 - round; i++)
            fail_once(&key, now);
        ck_assert_int_eq(come(&key, now), GATE_OPEN);
        ck_assert_uint_eq(gate_leave(g, &key, GATE_PASSED, now), 0);
    }
    fail_once(&other, now);
    ck_assert_int_eq(come(&key, now), GATE_REFUSED);
    gate_free(g);
}
END_TEST

START_TEST(parallel_attempts_wait_their_turn_and_never_pass_the_limit)
{
    gate_key key = key_of(1, 1);
    int64_t now = 1000000;
    unsigned tried = 0, refused = 0;

    open_gate(5, 5, 2, 64);
    ck_assert_int_eq(come(&key, now), GATE_OPEN);
    ck_assert_int_eq(come(&key, now), GATE_OPEN);
    for (uint64_t handle = 1; handle <= 20; handle++) {
        ck_assert_int_eq(come(&key, now), GATE_WAIT);
        ck_assert(gate_park(g, &key, handle, now));
    }
    for (unsigned running = 2; running > 0; running--) {
        uint64_t handle = gate_leave(g, &key, GATE_FAILED, now);
        gate_answer answer = GATE_REFUSED;
        tried++;
        while (handle && answer == GATE_REFUSED) {
            answer = gate_enter(g, &key, true, now, &retry);
            if (answer == GATE_WAIT)
                ck_assert(gate_park(g, &key, handle, now));
            if (answer == GATE_OPEN)
                running++;
            if (answer == GATE_REFUSED) {
                refused++;
                handle = gate_next(g, &key, false, now);
            }
        }
    }
    ck_assert_uint_eq(tried, 5);
    ck_assert_uint_eq(tried + refused, 22);
    gate_free(g);
}
END_TEST

START_TEST(a_full_line_refuses)
{
    gate_key key = key_of(1, 1);

    open_gate(0, 0, 1, 2);
    ck_assert_int_eq(come(&key, 1), GATE_OPEN);
    for (uint64_t handle = 1; handle <= 2; handle++) {
        ck_assert_int_eq(come(&key, 1), GATE_WAIT);
        ck_assert(gate_park(g, &key, handle, 1));
    }
    ck_assert_int_eq(come(&key, 1), GATE_REFUSED);
    ck_assert_int_eq(retry, 1);
    gate_free(g);
}
END_TEST

START_TEST(who_parks_too_late_is_woken_at_once)
{
    gate_key key = key_of(1, 1);

    open_gate(5, 5, 1, 8);
    ck_assert_int_eq(come(&key, 1), GATE_OPEN);
    ck_assert_int_eq(come(&key, 1), GATE_WAIT);
    ck_assert_uint_eq(gate_leave(g, &key, GATE_PASSED, 1), 0);
    ck_assert(!gate_park(g, &key, 7, 1));
    ck_assert_int_eq(gate_enter(g, &key, true, 1, &retry), GATE_OPEN);
    gate_free(g);
}
END_TEST

START_TEST(who_has_gone_is_passed_over)
{
    gate_key key = key_of(1, 1);

    open_gate(5, 5, 1, 8);
    ck_assert_int_eq(come(&key, 1), GATE_OPEN);
    for (uint64_t handle = 1; handle <= 3; handle++) {
        ck_assert_int_eq(come(&key, 1), GATE_WAIT);
        ck_assert(gate_park(g, &key, handle, 1));
    }
    ck_assert_uint_eq(gate_leave(g, &key, GATE_PASSED, 1), 1);
    ck_assert_uint_eq(gate_next(g, &key, true, 1), 2);
    ck_assert_uint_eq(gate_next(g, &key, true, 1), 3);
    ck_assert_int_eq(gate_enter(g, &key, true, 1, &retry), GATE_OPEN);
    ck_assert_uint_eq(gate_leave(g, &key, GATE_PASSED, 1), 0);
    gate_free(g);
}
END_TEST

START_TEST(lost_attempts_give_their_places_back)
{
    int64_t now = 1000000;

    open_gate(5, 5, 2, 8);
    for (unsigned a = 1; a <= 24; a++) {
        gate_key key = key_of(a, 1);
        ck_assert_int_eq(come(&key, now), GATE_OPEN);
        ck_assert_int_eq(come(&key, now), GATE_OPEN);
    }
    gate_key key = key_of(1000, 1);
    ck_assert_int_eq(come(&key, now), GATE_BUSY);
    ck_assert_int_eq(come(&key, now + 61000), GATE_OPEN);
    gate_free(g);
}
END_TEST

START_TEST(ten_thousand_addresses_fit_into_a_small_table)
{
    open_gate(5, 5, 2, 8);
    for (unsigned a = 1; a <= 10000; a++) {
        gate_key key = key_of(a, a);
        fail_once(&key, 1000 + a);
    }
    gate_free(g);
}
END_TEST

static void add(TCase *tests)
{
    ADD(five_failures_in_a_minute_are_refused_for_ever_longer);
    ADD(failures_slower_than_that_are_no_matter);
    ADD(a_minute_of_peace_and_all_is_forgotten);
    ADD(another_address_is_not_refused_and_another_user_is_by_the_address);
    ADD(success_clears_the_pair_but_not_the_address);
    ADD(parallel_attempts_wait_their_turn_and_never_pass_the_limit);
    ADD(a_full_line_refuses);
    ADD(who_parks_too_late_is_woken_at_once);
    ADD(who_has_gone_is_passed_over);
    ADD(lost_attempts_give_their_places_back);
    ADD(ten_thousand_addresses_fit_into_a_small_table);
}

int main(void)
{
    return run_tests("auth gate", add);
}
