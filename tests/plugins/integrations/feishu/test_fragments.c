/* Reassembly: any order, repeats, losses, limits, time. */
#include "plugins/integrations/feishu/link/fragments.h"
#include "plugins/integrations/feishu/words.h"
#include "tests/unit/run_tests.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fragments *all;

static void open_all(void)
{
    all = fragments_new();
    ck_assert_ptr_nonnull(all);
}

static void close_all(void)
{
    fragments_free(all);
}

static fragments_answer add(const char *id, const char *sum, const char *seq, const char *payload, int64_t now,
                            sw_str *ret)
{
    frame f;

    memset(&f, 0, sizeof f);
    ck_assert(frame_header_add(&f, "message_id", id));
    if (sum)
        ck_assert(frame_header_add(&f, "sum", sum));
    if (seq)
        ck_assert(frame_header_add(&f, "seq", seq));
    f.payload = (sw_str){payload, strlen(payload)};
    return fragments_add(all, &f, now, ret);
}

START_TEST(a_frame_without_sum_or_with_sum_0_or_1_is_whole)
{
    sw_str got;

    ck_assert_int_eq(add("a", NULL, NULL, "x", 0, &got), FRAGMENTS_WHOLE);
    ck_assert_int_eq(add("a", "0", "0", "x", 0, &got), FRAGMENTS_WHOLE);
    ck_assert_int_eq(add("a", "1", "0", "xyz", 0, &got), FRAGMENTS_WHOLE);
    ck_assert(text_is(got, "xyz"));
    ck_assert_uint_eq(fragments_open(all, 0), 0);
}
END_TEST

START_TEST(parts_join_in_any_order_and_a_repeat_replaces)
{
    sw_str got;

    ck_assert_int_eq(add("a", "3", "2", "\xbd\xa0!", 0, &got), FRAGMENTS_PART);
    ck_assert_int_eq(add("a", "3", "0", "old", 1, &got), FRAGMENTS_PART);
    ck_assert_int_eq(add("a", "3", "0", "hi ", 2, &got), FRAGMENTS_PART);
    ck_assert_int_eq(add("b", "2", "0", "other", 2, &got), FRAGMENTS_PART);
    ck_assert_int_eq(add("a", "3", "1", "\xe4", 3, &got), FRAGMENTS_WHOLE);
    ck_assert(text_is(got, "hi \xe4\xbd\xa0!"));
    ck_assert_uint_eq(fragments_open(all, 3), 1);
}
END_TEST

START_TEST(an_empty_part_counts)
{
    sw_str got;

    ck_assert_int_eq(add("a", "2", "0", "", 0, &got), FRAGMENTS_PART);
    ck_assert_int_eq(add("a", "2", "1", "x", 0, &got), FRAGMENTS_WHOLE);
    ck_assert(text_is(got, "x"));
}
END_TEST

START_TEST(nonsense_is_dropped)
{
    sw_str got;

    ck_assert_int_eq(add("a", "2", "2", "x", 0, &got), FRAGMENTS_BAD);
    ck_assert_int_eq(add("a", "2", NULL, "x", 0, &got), FRAGMENTS_BAD);
    ck_assert_int_eq(add("a", "-1", "0", "x", 0, &got), FRAGMENTS_BAD);
    ck_assert_int_eq(add("a", "1025", "0", "x", 0, &got), FRAGMENTS_BAD);
    ck_assert_int_eq(add("", "2", "0", "x", 0, &got), FRAGMENTS_BAD);
    ck_assert_int_eq(add("a", "2", "0", "x", 0, &got), FRAGMENTS_PART);
    ck_assert_int_eq(add("a", "3", "1", "x", 0, &got), FRAGMENTS_BAD);
}
END_TEST

START_TEST(a_group_ends_10_seconds_after_its_first_part)
{
    sw_str got;

    ck_assert_int_eq(add("a", "2", "0", "x", 1000, &got), FRAGMENTS_PART);
    ck_assert_uint_eq(fragments_open(all, 10999), 1);
    ck_assert_int_eq(add("a", "2", "1", "y", 11000, &got), FRAGMENTS_PART);
    ck_assert_int_eq(add("a", "2", "0", "x", 12000, &got), FRAGMENTS_WHOLE);
    ck_assert(text_is(got, "xy"));
}
END_TEST

START_TEST(the_65th_group_pushes_out_the_oldest)
{
    char id[16];
    sw_str got;

    for (int i = 0; i < FRAGMENTS_GROUPS_MAX + 1; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        ck_assert_int_eq(add(id, "2", "0", "x", i, &got), FRAGMENTS_PART);
    }
    ck_assert_uint_eq(fragments_open(all, 100), FRAGMENTS_GROUPS_MAX);
    ck_assert_int_eq(add("id-1", "2", "1", "y", 100, &got), FRAGMENTS_WHOLE);
    ck_assert_int_eq(add("id-0", "2", "1", "y", 100, &got), FRAGMENTS_PART);
}
END_TEST

START_TEST(more_than_8_mib_is_dropped)
{
    size_t len = 5u << 20;
    char *large = malloc(len + 1);
    sw_str got;

    memset(large, 'x', len);
    large[len] = '\0';
    ck_assert_int_eq(add("a", "3", "0", large, 0, &got), FRAGMENTS_PART);
    ck_assert_int_eq(add("a", "3", "1", large, 0, &got), FRAGMENTS_BAD);
    ck_assert_uint_eq(fragments_open(all, 0), 0);
    free(large);
}
END_TEST

START_TEST(parts_of_many_events_stay_under_32_mib_together)
{
    enum { LEN = 6 << 20 };
    char *large = malloc(LEN + 1), id[16];
    sw_str got;

    memset(large, 'x', LEN);
    large[LEN] = '\0';
    for (int i = 0; i < 6; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        ck_assert_int_eq(add(id, "2", "0", large, i, &got), FRAGMENTS_PART);
    }
    ck_assert_uint_eq(fragments_open(all, 6), 5);
    ck_assert_int_eq(add("id-1", "2", "1", "y", 6, &got), FRAGMENTS_WHOLE);
    ck_assert_uint_eq(got.len, LEN + 1);
    free(large);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, open_all, close_all);
    ADD(a_frame_without_sum_or_with_sum_0_or_1_is_whole);
    ADD(parts_join_in_any_order_and_a_repeat_replaces);
    ADD(an_empty_part_counts);
    ADD(nonsense_is_dropped);
    ADD(a_group_ends_10_seconds_after_its_first_part);
    ADD(the_65th_group_pushes_out_the_oldest);
    ADD(more_than_8_mib_is_dropped);
    ADD(parts_of_many_events_stay_under_32_mib_together);
}

int main(void)
{
    return run_tests("feishu fragments", add_tests);
}
