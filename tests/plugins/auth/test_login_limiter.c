/* The limiter of logins, with a clock of the test's own. */
#include "tests/unit/run_tests.h"

#include "plugins/auth/login_limiter.h"

#include <stdio.h>

static login_limiter *l;
static int retry;

static login_key key_of(unsigned address, unsigned user)
{
    login_key key = {0};

    memcpy(key.address, &address, sizeof address);
    memcpy(key.user, &address, sizeof address);
    memcpy(key.user + 4, &user, sizeof user);
    key.user[15] = 1;
    return key;
}

static login_answer come(const login_key *key, int64_t now)
{
    return limiter_enter(l, key, false, now, &retry);
}

static void make_limiter(uint32_t failures, uint32_t address_failures, uint32_t at_once, uint32_t waiting)
{
    login_rules rules = {.failures = failures,
                         .address_failures = address_failures,
                         .at_once = at_once,
                         .waiting = waiting,
                         .remembered = 64};
    l = limiter_new(&rules);
    ck_assert_ptr_nonnull(l);
}

static void fail_once(const login_key *key, int64_t now)
{
    ck_assert_int_eq(come(key, now), LOGIN_ADMITTED);
    ck_assert_uint_eq(limiter_leave(l, key, LOGIN_FAILED, now), 0);
}

START_TEST(five_failures_in_a_minute_are_refused_for_ever_longer)
{
    login_key key = key_of(1, 1);
    int64_t now = 1000000;

    make_limiter(5, 5, 2, 8);
    for (int i = 0; i < 5; i++)
        fail_once(&key, now + i);
    now += 4;
    for (int seconds = 1; seconds <= 256; seconds *= 2) {
        int want = seconds < 60 ? seconds : 60;
        ck_assert_int_eq(come(&key, now), LOGIN_REFUSED);
        ck_assert_int_eq(retry, want);
        ck_assert_int_eq(come(&key, now + want * 1000 - 1), LOGIN_REFUSED);
        ck_assert_int_eq(retry, 1);
        now += want * 1000;
        fail_once(&key, now);
    }
    limiter_free(l);
}
END_TEST

START_TEST(failures_slower_than_that_are_no_matter)
{
    login_key key = key_of(1, 1);

    make_limiter(5, 5, 2, 8);
    for (int i = 0; i < 50; i++)
        fail_once(&key, 1000000 + i * 15001);
    limiter_free(l);
}
END_TEST

START_TEST(a_minute_of_peace_and_all_is_forgotten)
{
    login_key key = key_of(1, 1);
    int64_t now = 1000000;

    make_limiter(5, 5, 2, 8);
    for (int i = 0; i < 5; i++)
        fail_once(&key, now);
    now += 1000 + 60000;
    for (int i = 0; i < 5; i++)
        fail_once(&key, now);
    ck_assert_int_eq(come(&key, now), LOGIN_REFUSED);
    ck_assert_int_eq(retry, 1);
    limiter_free(l);
}
END_TEST

START_TEST(another_address_is_not_refused_and_another_user_is_by_the_address)
{
    login_key first = key_of(1, 1), elsewhere = key_of(2, 1), other = key_of(1, 2);

    make_limiter(5, 5, 2, 8);
    for (int i = 0; i < 5; i++)
        fail_once(&first, 1000000);
    ck_assert_int_eq(come(&first, 1000000), LOGIN_REFUSED);
    ck_assert_int_eq(come(&other, 1000000), LOGIN_REFUSED);
    ck_assert_int_eq(come(&elsewhere, 1000000), LOGIN_ADMITTED);
    limiter_free(l);
}
END_TEST

START_TEST(success_clears_the_pair_but_not_the_address)
{
    login_key key = key_of(1, 1), other = key_of(1, 2);
    int64_t now = 1000000;

    make_limiter(5, 8, 2, 8);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4 - round; i++)
            fail_once(&key, now);
        ck_assert_int_eq(come(&key, now), LOGIN_ADMITTED);
        ck_assert_uint_eq(limiter_leave(l, &key, LOGIN_PASSED, now), 0);
    }
    fail_once(&other, now);
    ck_assert_int_eq(come(&key, now), LOGIN_REFUSED);
    limiter_free(l);
}
END_TEST

START_TEST(parallel_attempts_wait_their_turn_and_never_pass_the_limit)
{
    login_key key = key_of(1, 1);
    int64_t now = 1000000;
    unsigned tried = 0, refused = 0;

    make_limiter(5, 5, 2, 64);
    ck_assert_int_eq(come(&key, now), LOGIN_ADMITTED);
    ck_assert_int_eq(come(&key, now), LOGIN_ADMITTED);
    for (uint64_t handle = 1; handle <= 20; handle++) {
        ck_assert_int_eq(come(&key, now), LOGIN_WAIT);
        ck_assert(limiter_park(l, &key, handle, now));
    }
    for (unsigned running = 2; running > 0; running--) {
        uint64_t handle = limiter_leave(l, &key, LOGIN_FAILED, now);
        login_answer answer = LOGIN_REFUSED;
        tried++;
        while (handle && answer == LOGIN_REFUSED) {
            answer = limiter_enter(l, &key, true, now, &retry);
            if (answer == LOGIN_WAIT)
                ck_assert(limiter_park(l, &key, handle, now));
            if (answer == LOGIN_ADMITTED)
                running++;
            if (answer == LOGIN_REFUSED) {
                refused++;
                handle = limiter_next(l, &key, false, now);
            }
        }
    }
    ck_assert_uint_eq(tried, 5);
    ck_assert_uint_eq(tried + refused, 22);
    limiter_free(l);
}
END_TEST

START_TEST(a_full_line_refuses)
{
    login_key key = key_of(1, 1);

    make_limiter(0, 0, 1, 2);
    ck_assert_int_eq(come(&key, 1), LOGIN_ADMITTED);
    for (uint64_t handle = 1; handle <= 2; handle++) {
        ck_assert_int_eq(come(&key, 1), LOGIN_WAIT);
        ck_assert(limiter_park(l, &key, handle, 1));
    }
    ck_assert_int_eq(come(&key, 1), LOGIN_REFUSED);
    ck_assert_int_eq(retry, 1);
    limiter_free(l);
}
END_TEST

START_TEST(who_parks_too_late_is_woken_at_once)
{
    login_key key = key_of(1, 1);

    make_limiter(5, 5, 1, 8);
    ck_assert_int_eq(come(&key, 1), LOGIN_ADMITTED);
    ck_assert_int_eq(come(&key, 1), LOGIN_WAIT);
    ck_assert_uint_eq(limiter_leave(l, &key, LOGIN_PASSED, 1), 0);
    ck_assert(!limiter_park(l, &key, 7, 1));
    ck_assert_int_eq(limiter_enter(l, &key, true, 1, &retry), LOGIN_ADMITTED);
    limiter_free(l);
}
END_TEST

START_TEST(who_has_gone_is_passed_over)
{
    login_key key = key_of(1, 1);

    make_limiter(5, 5, 1, 8);
    ck_assert_int_eq(come(&key, 1), LOGIN_ADMITTED);
    for (uint64_t handle = 1; handle <= 3; handle++) {
        ck_assert_int_eq(come(&key, 1), LOGIN_WAIT);
        ck_assert(limiter_park(l, &key, handle, 1));
    }
    ck_assert_uint_eq(limiter_leave(l, &key, LOGIN_PASSED, 1), 1);
    ck_assert_uint_eq(limiter_next(l, &key, true, 1), 2);
    ck_assert_uint_eq(limiter_next(l, &key, true, 1), 3);
    ck_assert_int_eq(limiter_enter(l, &key, true, 1, &retry), LOGIN_ADMITTED);
    ck_assert_uint_eq(limiter_leave(l, &key, LOGIN_PASSED, 1), 0);
    limiter_free(l);
}
END_TEST

START_TEST(lost_attempts_give_their_places_back)
{
    int64_t now = 1000000;

    make_limiter(5, 5, 2, 8);
    for (unsigned a = 1; a <= 24; a++) {
        login_key key = key_of(a, 1);
        ck_assert_int_eq(come(&key, now), LOGIN_ADMITTED);
        ck_assert_int_eq(come(&key, now), LOGIN_ADMITTED);
    }
    login_key key = key_of(1000, 1);
    ck_assert_int_eq(come(&key, now), LOGIN_BUSY);
    ck_assert_int_eq(come(&key, now + 61000), LOGIN_ADMITTED);
    limiter_free(l);
}
END_TEST

START_TEST(ten_thousand_addresses_fit_into_a_small_table)
{
    make_limiter(5, 5, 2, 8);
    for (unsigned a = 1; a <= 10000; a++) {
        login_key key = key_of(a, a);
        fail_once(&key, 1000 + a);
    }
    limiter_free(l);
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
    return run_tests("auth login limiter", add);
}
