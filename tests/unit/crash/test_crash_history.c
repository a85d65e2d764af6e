/* What counts against a plugin, and how a crash is told. */
#include "tests/unit/crash/crash_fixture.h"

enum { NOW = 1000000, WINDOW = 600 };

static crash_history *h;

static void setup(void)
{
    h = calloc(1, sizeof *h);
}

static void teardown(void)
{
    free(h);
}

static void crashed(const char *plugin, const char *build, int64_t at_ms)
{
    crash_record r = crash_of(plugin, build, at_ms);
    crash_history_add(h, &r);
}

static void add_word(crash_word word, const char *plugin)
{
    crash_record r = crash_of(plugin, "", NOW);
    r.word = word;
    crash_history_add(h, &r);
}

static unsigned tally(const char *plugin, const char *build)
{
    return crash_history_tally(h, plugin, build, NOW, WINDOW).count;
}

START_TEST(only_crashes_of_this_build_within_the_window_count)
{
    crashed("hello", "b1", NOW - WINDOW); /* just too old */
    crashed("hello", "b1", NOW - WINDOW + 1);
    crashed("hello", "b0", NOW - 5); /* an earlier build */
    crashed("other", "b1", NOW - 4);
    crashed("hello", "b1", NOW - 3);
    ck_assert_uint_eq(tally("hello", "b1"), 2);
    ck_assert_uint_eq(tally("hello", "b0"), 1);
    ck_assert_uint_eq(tally("hello", "b2"), 0);
    ck_assert_uint_eq(tally("hello", NULL), 3);
    ck_assert_uint_eq(tally("nobody", NULL), 0);
    ck_assert_int_eq(crash_history_tally(h, "hello", "b1", NOW, WINDOW).last->at_ms, NOW - 3);
    ck_assert_ptr_null(crash_history_tally(h, "hello", "b2", NOW, WINDOW).last);
}
END_TEST

START_TEST(a_release_forgives_what_came_before_it_and_nothing_else)
{
    crashed("hello", "b1", NOW - 9);
    crashed("other", "b1", NOW - 8);
    add_word(CRASH_RELEASED, "hello");
    ck_assert_uint_eq(tally("hello", "b1"), 0);
    ck_assert_uint_eq(tally("other", "b1"), 1);
    crashed("hello", "b1", NOW - 7);
    ck_assert_uint_eq(tally("hello", "b1"), 1);
}
END_TEST

START_TEST(a_crash_from_the_future_counts_only_as_long_as_a_clock_may_have_been_set_back)
{
    crashed("hello", "b1", NOW + WINDOW);
    crashed("hello", "b1", NOW + WINDOW + 1);
    crashed("hello", "b1", INT64_MAX);
    crashed("hello", "b1", -INT64_MAX);
    ck_assert_uint_eq(tally("hello", "b1"), 1);
}
END_TEST

START_TEST(who_signs_people_in_is_not_counted_while_serving)
{
    crash_record r = crash_of("auth", "b1", NOW - 1);
    crash_history_add(h, &r);
    r.vital = 1;
    crash_history_add(h, &r);
    ck_assert_uint_eq(tally("auth", "b1"), 1);
}
END_TEST

START_TEST(a_start_logs_what_no_start_has_logged)
{
    ck_assert_uint_eq(crash_history_unseen(h), 0);
    crashed("hello", "b1", NOW - 9);
    ck_assert_uint_eq(crash_history_unseen(h), 0);
    add_word(CRASH_SEEN, "");
    ck_assert_uint_eq(crash_history_unseen(h), 2);
    crashed("hello", "b1", NOW - 8);
    ck_assert_uint_eq(crash_history_unseen(h), 2);
    ck_assert_uint_lt(crash_history_unseen(h), h->count);
}
END_TEST

START_TEST(of_very_many_records_the_newest_are_kept)
{
    for (int i = 0; i < 10 * CRASH_HISTORY_MAX + 1; i++)
        crashed("hello", "b1", i);
    ck_assert_uint_ge(h->count, CRASH_HISTORY_MAX / 2);
    ck_assert_uint_le(h->count, CRASH_HISTORY_MAX);
    ck_assert_uint_eq(h->count + h->dropped, 10 * CRASH_HISTORY_MAX + 1);
    for (unsigned i = 0; i < h->count; i++)
        ck_assert_int_eq(h->records[i].at_ms, 10 * CRASH_HISTORY_MAX + 1 - (int)h->count + (int)i);
}
END_TEST

START_TEST(a_crash_is_told_in_words)
{
    char text[CRASH_TEXT_MAX];
    crash_record r = {.word = CRASH_HAPPENED,
                      .signal = SIGSEGV,
                      .code = 1,
                      .place = "libc.so.6+0x10",
                      .caller = "hello.so+0x1139",
                      .part = "handler",
                      .kind = "GET",
                      .name = "/api/hello",
                      .thread = "worker-1"};
    crash_describe(&r, text);
    ck_assert_str_eq(text,
                     "SIGSEGV (address 0x0) at libc.so.6+0x10, called from hello.so+0x1139, in the handler of GET "
                     "/api/hello on thread worker-1");
    r = (crash_record){.word = CRASH_HAPPENED, .signal = SIGABRT, .sender = 1};
    crash_describe(&r, text);
    ck_assert_str_eq(text, "SIGABRT sent by process 1");
    r = (crash_record){.word = CRASH_HAPPENED, .signal = INT64_MAX, .part = "dance"};
    crash_describe(&r, text);
    ck_assert_str_eq(text, "a signal dance");
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(only_crashes_of_this_build_within_the_window_count);
    ADD(a_release_forgives_what_came_before_it_and_nothing_else);
    ADD(a_crash_from_the_future_counts_only_as_long_as_a_clock_may_have_been_set_back);
    ADD(who_signs_people_in_is_not_counted_while_serving);
    ADD(a_start_logs_what_no_start_has_logged);
    ADD(of_very_many_records_the_newest_are_kept);
    ADD(a_crash_is_told_in_words);
}

int main(void)
{
    return run_tests("plugin crash history", add);
}
