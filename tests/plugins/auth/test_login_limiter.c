/* The limiter of logins, with a clock of the test's own. */
#include "tests/unit/run_tests.h"

#include "plugins/auth/login_limiter.h"

#include <string.h>

static login_limiter *l;
static int retry;

static login_try try_of(unsigned address, unsigned user)
{
    login_try who = {0};

    memcpy(who.address, &address, sizeof address);
    memcpy(who.pair, &address, sizeof address);
    memcpy(who.pair + 4, &user, sizeof user);
    memcpy(who.name + 4, &user, sizeof user);
    who.pair[15] = 1;
    who.name[15] = 2;
    return who;
}

static login_answer come(login_try *who, int64_t now)
{
    return limiter_enter(l, who, now, &retry);
}

static const login_rules RULES = {.failures = 5,
                                  .address_failures = 5,
                                  .at_once = 2,
                                  .places = 32,
                                  .waiting = 8,
                                  .remembered = 64,
                                  .known_for_ms = 1000000};

static void make(login_rules rules)
{
    l = limiter_new(&rules);
    ck_assert_ptr_nonnull(l);
}

static void make_limiter(uint32_t failures, uint32_t address_failures, uint32_t at_once, uint32_t waiting)
{
    login_rules rules = RULES;
    rules.failures = failures;
    rules.address_failures = address_failures;
    rules.at_once = at_once;
    rules.waiting = waiting;
    make(rules);
}

/* Admitted, and over. */
static void once(login_try who, login_outcome outcome, int64_t now)
{
    ck_assert_int_eq(come(&who, now), LOGIN_ADMITTED);
    limiter_leave(l, &who, outcome, now);
}

static void fail_once(const login_try *who, int64_t now)
{
    once(*who, LOGIN_FAILED, now);
}

/* Must wait, and does. */
static void wait_as(login_try who, uint64_t handle, int64_t now)
{
    ck_assert_int_eq(come(&who, now), LOGIN_WAIT);
    ck_assert(limiter_park(l, &who, handle, now));
}

/* Whose turn is it; 0: nobody's. It comes back. */
static uint64_t turn(int64_t now, login_answer *ret_answer, login_try *ret_who)
{
    login_turn t;

    if (!limiter_turn(l, now, &t))
        return 0;
    *ret_who = t.who;
    ret_who->promised = true;
    *ret_answer = come(ret_who, now);
    return t.handle;
}

static void expect_turn(uint64_t handle, int64_t now, login_outcome outcome)
{
    login_answer answer;
    login_try who;

    ck_assert_uint_eq(turn(now, &answer, &who), handle);
    ck_assert_int_eq(answer, LOGIN_ADMITTED);
    if (outcome)
        limiter_leave(l, &who, outcome, now);
}

START_TEST(five_failures_in_a_minute_are_refused_for_ever_longer)
{
    login_try key = try_of(1, 1);
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
    login_try key = try_of(1, 1);

    make_limiter(5, 5, 2, 8);
    for (int i = 0; i < 50; i++)
        fail_once(&key, 1000000 + i * 15001);
    limiter_free(l);
}
END_TEST

START_TEST(a_minute_of_peace_and_all_is_forgotten)
{
    login_try key = try_of(1, 1);
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
    login_try first = try_of(1, 1), elsewhere = try_of(2, 1), other = try_of(1, 2);

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
    login_try key = try_of(1, 1), other = try_of(1, 2), third = try_of(1, 3);
    int64_t now = 1000000;

    make_limiter(5, 8, 2, 8);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4 - round; i++)
            fail_once(&key, now);
        once(key, LOGIN_PASSED, now);
    }
    fail_once(&other, now);
    ck_assert_int_eq(come(&third, now), LOGIN_REFUSED);
    limiter_free(l);
}
END_TEST

START_TEST(parallel_attempts_wait_their_turn_and_never_pass_the_limit)
{
    login_try key = try_of(1, 1), running[2] = {key, key}, who;
    int64_t now = 1000000;
    unsigned tried = 0, refused = 0;
    login_answer answer;

    make_limiter(5, 5, 2, 64);
    ck_assert_int_eq(come(&running[0], now), LOGIN_ADMITTED);
    ck_assert_int_eq(come(&running[1], now), LOGIN_ADMITTED);
    for (uint64_t handle = 1; handle <= 20; handle++)
        wait_as(key, handle, now);
    for (unsigned left = 2; left > 0; left--) {
        limiter_leave(l, &running[0], LOGIN_FAILED, now);
        tried++;
        while (turn(now, &answer, &who)) {
            ck_assert(answer == LOGIN_ADMITTED || answer == LOGIN_REFUSED);
            left += answer == LOGIN_ADMITTED;
            refused += answer == LOGIN_REFUSED;
        }
    }
    ck_assert_uint_eq(tried, 5);
    ck_assert_uint_eq(tried + refused, 22);
    limiter_free(l);
}
END_TEST

START_TEST(a_full_line_refuses)
{
    login_try key = try_of(1, 1);

    make_limiter(0, 0, 1, 2);
    ck_assert_int_eq(come(&key, 1), LOGIN_ADMITTED);
    wait_as(try_of(1, 1), 1, 1);
    wait_as(try_of(1, 1), 2, 1);
    ck_assert_int_eq(come(&key, 1), LOGIN_REFUSED);
    ck_assert_int_eq(retry, 1);
    limiter_free(l);
}
END_TEST

START_TEST(who_parks_when_the_place_is_free_again_has_its_turn)
{
    login_try first = try_of(1, 1), second = try_of(1, 1);

    make_limiter(5, 5, 1, 8);
    ck_assert_int_eq(come(&first, 1), LOGIN_ADMITTED);
    ck_assert_int_eq(come(&second, 1), LOGIN_WAIT);
    limiter_leave(l, &first, LOGIN_PASSED, 1);
    ck_assert(limiter_park(l, &second, 7, 1));
    expect_turn(7, 1, 0);
    limiter_free(l);
}
END_TEST

START_TEST(who_has_gone_is_passed_over)
{
    login_try key = try_of(1, 1);
    login_turn gone;

    make_limiter(5, 5, 1, 8);
    ck_assert_int_eq(come(&key, 1), LOGIN_ADMITTED);
    for (uint64_t handle = 1; handle <= 3; handle++)
        wait_as(try_of(1, 1), handle, 1);
    ck_assert(!limiter_turn(l, 1, &gone));
    limiter_leave(l, &key, LOGIN_UNTRIED, 1);
    for (uint64_t handle = 1; handle <= 2; handle++) {
        ck_assert(limiter_turn(l, 1, &gone));
        ck_assert_uint_eq(gone.handle, handle);
        limiter_pass(l, &gone, 1);
    }
    expect_turn(3, 1, LOGIN_PASSED);
    ck_assert(!limiter_turn(l, 1, &gone));
    limiter_free(l);
}
END_TEST

START_TEST(lost_attempts_give_their_places_back)
{
    int64_t now = 1000000;
    login_turn lost;

    make_limiter(5, 5, 2, 8);
    for (unsigned a = 1; a <= 16; a++) {
        login_try key = try_of(a, a);
        ck_assert_int_eq(come(&key, now), LOGIN_ADMITTED);
        ck_assert_int_eq(come(&key, now), LOGIN_ADMITTED);
    }
    wait_as(try_of(20, 20), 1, now);
    wait_as(try_of(21, 21), 2, now);
    ck_assert(!limiter_turn(l, now + 1000, &lost));
    now += 61000;
    ck_assert(limiter_turn(l, now, &lost) && lost.handle == 1); /* and does not come, either */
    expect_turn(2, now, 0);
    limiter_free(l);
}
END_TEST

START_TEST(who_signed_in_lately_passes_a_crowd_of_strangers)
{
    login_try known = try_of(1, 1), at_its_address = try_of(1, 2);
    login_rules rules = RULES;
    int64_t now = 1000000;

    rules.places = 2;
    rules.user_failures = 10;
    make(rules);
    once(known, LOGIN_PASSED, now);
    /* Strangers guess its password from everywhere, and others at its address do. */
    for (unsigned i = 0; i < 10; i++)
        fail_once(&(login_try[]){try_of(100 + i, 1)}[0], now);
    for (unsigned i = 0; i < 5; i++)
        fail_once(&at_its_address, now);
    ck_assert_int_eq(come(&at_its_address, now), LOGIN_REFUSED);
    for (unsigned i = 0; i < 2; i++) {
        login_try stranger = try_of(200 + i, 200 + i);
        ck_assert_int_eq(come(&stranger, now), LOGIN_ADMITTED);
    }
    for (unsigned i = 0; i < 20; i++)
        wait_as(try_of(300 + i, 300 + i), i + 1, now);
    for (unsigned i = 0; i < 3; i++)
        once(known, LOGIN_PASSED, now);
    /* Its own failures count. */
    for (unsigned i = 0; i < 5; i++)
        fail_once(&known, now);
    ck_assert_int_eq(come(&known, now), LOGIN_REFUSED);
    /* And it is not known for ever. */
    now += rules.known_for_ms + 1;
    ck_assert_int_eq(come(&known, now), LOGIN_WAIT);
    limiter_free(l);
}
END_TEST

START_TEST(known_users_wait_for_nobody_but_each_other)
{
    login_rules rules = RULES;
    int64_t now = 1000000;
    login_try first = {0};

    rules.places = 1;
    rules.at_once = 1;
    make(rules);
    for (unsigned i = 1; i <= 17; i++)
        once(try_of(i, i), LOGIN_PASSED, now);
    for (unsigned i = 1; i <= 16; i++) {
        login_try known = try_of(i, i);
        ck_assert_int_eq(come(&known, now), LOGIN_ADMITTED);
        if (i == 1)
            first = known;
    }
    wait_as(try_of(1, 1), 1, now);
    wait_as(try_of(17, 17), 2, now);
    once(try_of(40, 40), LOGIN_FAILED, now); /* the strangers' place is free */
    limiter_leave(l, &first, LOGIN_UNTRIED, now);
    expect_turn(1, now, LOGIN_PASSED);
    expect_turn(2, now, LOGIN_PASSED);
    limiter_free(l);
}
END_TEST

START_TEST(one_user_is_not_guessed_from_everywhere)
{
    login_rules rules = RULES;
    int64_t now = 1000000;
    login_try elsewhere = try_of(1000, 7), other = try_of(1000, 8);

    rules.user_failures = 10;
    make(rules);
    for (unsigned i = 0; i < 10; i++)
        fail_once(&(login_try[]){try_of(i + 1, 7)}[0], now);
    ck_assert_int_eq(come(&elsewhere, now), LOGIN_REFUSED);
    ck_assert_int_eq(retry, 1);
    once(other, LOGIN_PASSED, now);
    now += 1000;
    fail_once(&elsewhere, now);
    ck_assert_int_eq(come(&elsewhere, now), LOGIN_REFUSED);
    ck_assert_int_eq(retry, 2);
    limiter_free(l);
}
END_TEST

START_TEST(the_address_that_has_had_no_turn_for_longest_comes_first)
{
    login_rules rules = RULES;
    int64_t now = 1000000;
    login_try running = try_of(50, 50);

    rules.places = 1;
    rules.failures = rules.address_failures = 0;
    make(rules);
    fail_once(&(login_try[]){try_of(2, 2)}[0], now);
    fail_once(&(login_try[]){try_of(1, 1)}[0], now);
    ck_assert_int_eq(come(&running, now), LOGIN_ADMITTED);
    wait_as(try_of(1, 1), 1, now);
    wait_as(try_of(1, 1), 2, now);
    wait_as(try_of(2, 2), 3, now);
    wait_as(try_of(3, 3), 4, now);
    limiter_leave(l, &running, LOGIN_PASSED, now);
    for (uint64_t i = 0; i < 4; i++)
        expect_turn((uint64_t[]){4, 3, 1, 2}[i], now, LOGIN_FAILED);
    limiter_free(l);
}
END_TEST

START_TEST(who_is_refused_by_now_is_told_so_first)
{
    login_rules rules = RULES;
    int64_t now = 1000000;
    login_try running = try_of(50, 50), who;
    login_answer answer;

    rules.places = 1;
    make(rules);
    for (int i = 0; i < 4; i++)
        fail_once(&(login_try[]){try_of(1, 1)}[0], now);
    once(try_of(3, 3), LOGIN_UNTRIED, now);
    ck_assert_int_eq(come(&running, now), LOGIN_ADMITTED);
    wait_as(try_of(4, 4), 9, now);
    wait_as(try_of(1, 1), 1, now);
    wait_as(try_of(1, 2), 2, now);
    wait_as(try_of(3, 3), 3, now);
    limiter_leave(l, &running, LOGIN_PASSED, now);
    expect_turn(9, now, LOGIN_UNTRIED);
    expect_turn(2, now, LOGIN_FAILED); /* of one address the name that has had no turn */
    ck_assert_uint_eq(turn(now, &answer, &who), 1);
    ck_assert_int_eq(answer, LOGIN_REFUSED);
    expect_turn(3, now, LOGIN_PASSED);
    limiter_free(l);
}
END_TEST

START_TEST(what_is_no_login_counts_as_a_failure)
{
    login_try key = try_of(1, 1), known = try_of(2, 1);
    int64_t now = 1000000;

    make_limiter(5, 5, 2, 8);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(limiter_wrong(l, key.address, now), 0);
    ck_assert_int_eq(limiter_wrong(l, key.address, now), 1);
    ck_assert_int_eq(come(&key, now), LOGIN_REFUSED);
    once(known, LOGIN_PASSED, now);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(limiter_wrong(l, known.address, now), 0);
    limiter_free(l);
}
END_TEST

START_TEST(who_is_refused_makes_the_limiter_forget_nobody)
{
    login_try victim = try_of(1, 1), attacker = try_of(2, 1);
    int64_t now = 1000000;

    make_limiter(5, 5, 2, 8);
    for (int i = 0; i < 5; i++)
        fail_once(&victim, now);
    for (int i = 0; i < 5; i++)
        fail_once(&attacker, now);
    for (unsigned user = 100; user < 1100; user++) {
        login_try more = try_of(2, user);
        ck_assert_int_eq(come(&more, now), LOGIN_REFUSED);
    }
    ck_assert_int_eq(come(&victim, now), LOGIN_REFUSED);
    limiter_free(l);
}
END_TEST

START_TEST(ten_thousand_addresses_fit_into_a_small_table)
{
    make_limiter(5, 5, 2, 8);
    for (unsigned a = 1; a <= 10000; a++) {
        login_try key = try_of(a, a);
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
    ADD(who_parks_when_the_place_is_free_again_has_its_turn);
    ADD(who_has_gone_is_passed_over);
    ADD(lost_attempts_give_their_places_back);
    ADD(who_signed_in_lately_passes_a_crowd_of_strangers);
    ADD(known_users_wait_for_nobody_but_each_other);
    ADD(one_user_is_not_guessed_from_everywhere);
    ADD(the_address_that_has_had_no_turn_for_longest_comes_first);
    ADD(who_is_refused_by_now_is_told_so_first);
    ADD(what_is_no_login_counts_as_a_failure);
    ADD(who_is_refused_makes_the_limiter_forget_nobody);
    ADD(ten_thousand_addresses_fit_into_a_small_table);
}

int main(void)
{
    return run_tests("auth login limiter", add);
}
