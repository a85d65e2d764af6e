#include "core/ws/wheel.h"
#include "tests/unit/run_tests.h"

#include <stdlib.h>

static int drain(wheel *w, int64_t now)
{
    int n = 0;
    while (wheel_expire(w, now) != NULL)
        n++;
    return n;
}

START_TEST(a_node_comes_out_at_its_time_and_not_before)
{
    wheel w;
    wheel_node n = {.at = NULL};
    wheel_init(&w, 1000);
    wheel_set(&w, &n, 1234);
    ck_assert_int_eq(drain(&w, 1229), 0);
    ck_assert_int_eq(wheel_next(&w), 1240);
    ck_assert_ptr_eq(wheel_expire(&w, 1240), &n);
    ck_assert_int_eq(wheel_next(&w), -1);
}
END_TEST

START_TEST(setting_anew_moves_and_removing_removes)
{
    wheel w;
    wheel_node a = {.at = NULL}, b = {.at = NULL};
    wheel_init(&w, 0);
    wheel_set(&w, &a, 100);
    wheel_set(&w, &b, 100);
    wheel_set(&w, &a, 500);
    ck_assert_ptr_eq(wheel_expire(&w, 200), &b);
    ck_assert_ptr_null(wheel_expire(&w, 200));
    wheel_remove(&w, &a);
    wheel_remove(&w, &a);
    ck_assert_int_eq(drain(&w, 100000), 0);
    ck_assert_int_eq(wheel_next(&w), -1);
}
END_TEST

START_TEST(times_beyond_a_turn_wait_for_later_turns)
{
    wheel w;
    wheel_node n = {.at = NULL};
    const int64_t turn = WHEEL_SLOTS * WHEEL_TICK_MS, due = 7 * turn + 55;
    wheel_init(&w, 0);
    wheel_set(&w, &n, due);
    for (int64_t now = 0; now < due; now += 170)
        ck_assert_int_eq(drain(&w, now), 0);
    ck_assert_int_eq(drain(&w, due + WHEEL_TICK_MS), 1);
}
END_TEST

START_TEST(a_loop_that_slept_for_long_gets_what_is_due_and_keeps_the_rest)
{
    wheel w;
    wheel_node soon = {.at = NULL}, late = {.at = NULL};
    const int64_t turn = WHEEL_SLOTS * WHEEL_TICK_MS, wake = 5 * turn;
    wheel_init(&w, 0);
    wheel_set(&w, &soon, 300);
    wheel_set(&w, &late, wake + 200);
    ck_assert_ptr_eq(wheel_expire(&w, wake), &soon);
    ck_assert_ptr_null(wheel_expire(&w, wake));
    ck_assert_ptr_null(wheel_expire(&w, wake + 190));
    ck_assert_ptr_eq(wheel_expire(&w, wake + 200), &late);
}
END_TEST

START_TEST(a_past_time_comes_out_at_the_next_look)
{
    wheel w;
    wheel_node n = {.at = NULL};
    wheel_init(&w, 5000);
    ck_assert_int_eq(drain(&w, 5000), 0);
    wheel_set(&w, &n, 10);
    ck_assert_int_le(wheel_next(&w), 5010);
    ck_assert_int_eq(drain(&w, 5010), 1);
}
END_TEST

START_TEST(a_node_may_be_filed_again_while_others_come_out)
{
    wheel w;
    wheel_node n[10] = {{.at = NULL}};
    wheel_init(&w, 0);
    for (int i = 0; i < 10; i++)
        wheel_set(&w, &n[i], 100);
    int out = 0;
    for (wheel_node *at; (at = wheel_expire(&w, 100)) != NULL; out++) {
        wheel_set(&w, at, 200);
        wheel_remove(&w, &n[9]);
    }
    ck_assert_int_le(out, 10);
    ck_assert_int_ge(out, 9);
    ck_assert_int_eq(drain(&w, 200), 9);
}
END_TEST

/* Against the plain truth: every node out exactly once, in time. */
START_TEST(random_nodes)
{
    enum { NODES = 500 };
    wheel w;
    wheel_node n[NODES] = {{.at = NULL}};
    srand(1);
    wheel_init(&w, 0);
    for (int i = 0; i < NODES; i++)
        wheel_set(&w, &n[i], rand() % 60000);
    int out = 0;
    for (int64_t now = 0; now < 70000; now += rand() % 900)
        for (wheel_node *at; (at = wheel_expire(&w, now)) != NULL; out++) {
            ck_assert_int_le(at->due_ms, now);
            ck_assert_int_ge(at->due_ms, now - 1000);
        }
    ck_assert_int_eq(out, NODES);
}
END_TEST

static void add_tests(TCase *tests)
{
    ADD(a_node_comes_out_at_its_time_and_not_before);
    ADD(setting_anew_moves_and_removing_removes);
    ADD(times_beyond_a_turn_wait_for_later_turns);
    ADD(a_loop_that_slept_for_long_gets_what_is_due_and_keeps_the_rest);
    ADD(a_past_time_comes_out_at_the_next_look);
    ADD(a_node_may_be_filed_again_while_others_come_out);
    ADD(random_nodes);
}

int main(void)
{
    return run_tests("wheel", add_tests);
}
