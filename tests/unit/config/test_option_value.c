#include "core/config/option_value.h"
#include "tests/unit/run_tests.h"

#include <string.h>

static arena mem;

static void expect_number(sw_option_type type, const char *text, int64_t number)
{
    sw_option o = {.name = "x", .type = type};
    option_value v;
    const char *wrong = option_value_parse(&mem, &o, text, &v);
    ck_assert_msg(wrong == NULL, "%s: %s", text, wrong);
    ck_assert_int_eq(v.number, number);
    arena_done(&mem);
}

static void expect_wrong(const sw_option *o, const char *text, const char *message)
{
    option_value v = {.number = 77};
    const char *wrong = option_value_parse(&mem, o, text, &v);
    ck_assert_msg(wrong != NULL, "%s", text);
    ck_assert_str_eq(wrong, message);
    ck_assert_int_eq(v.number, 77);
    arena_done(&mem);
}

START_TEST(durations_are_milliseconds)
{
    expect_number(SW_OPTION_DURATION, "0", 0);
    expect_number(SW_OPTION_DURATION, "90", 90000);
    expect_number(SW_OPTION_DURATION, "500ms", 500);
    expect_number(SW_OPTION_DURATION, "10s", 10000);
    expect_number(SW_OPTION_DURATION, "5m", 300000);
    expect_number(SW_OPTION_DURATION, "24h", 86400000);
    expect_number(SW_OPTION_DURATION, "7d", 604800000);
    expect_number(SW_OPTION_DURATION, "2w", 1209600000);
    expect_number(SW_OPTION_DURATION, "24h0m0s", 86400000);
    expect_number(SW_OPTION_DURATION, "1h30m", 5400000);
    expect_number(SW_OPTION_DURATION, "1.5h", 5400000);
    expect_number(SW_OPTION_DURATION, "0.25", 250);
}
END_TEST

START_TEST(other_durations_are_refused)
{
    static const char *const TEXTS[] = {"",
                                        "s",
                                        "-5s",
                                        "5 s",
                                        "5x",
                                        "5S",
                                        "1.s",
                                        ".5s",
                                        "5s5",
                                        "5s 3m",
                                        "99999999999999999999",
                                        "9223372036854776s",
                                        "1e3s",
                                        "99999999999999w"};
    sw_option o = {.name = "x", .type = SW_OPTION_DURATION};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        expect_wrong(&o, TEXTS[i], "must be a duration (500ms, 10s, 5m, 24h, 7d)");
}
END_TEST

START_TEST(sizes_are_bytes)
{
    expect_number(SW_OPTION_SIZE, "0", 0);
    expect_number(SW_OPTION_SIZE, "4096", 4096);
    expect_number(SW_OPTION_SIZE, "64K", 65536);
    expect_number(SW_OPTION_SIZE, "64k", 65536);
    expect_number(SW_OPTION_SIZE, "1.5G", 1610612736);
    expect_number(SW_OPTION_SIZE, "10 MiB", 10485760);
    expect_number(SW_OPTION_SIZE, "10MB", 10485760);
    expect_number(SW_OPTION_SIZE, "7B", 7);
    expect_number(SW_OPTION_SIZE, "2T", INT64_C(2199023255552));
}
END_TEST

START_TEST(other_sizes_are_refused)
{
    static const char *const TEXTS[] = {"", "K", "-1", "1X", "1KK", "1 K K", "99999999999T", "0x10", "1iB"};
    sw_option o = {.name = "x", .type = SW_OPTION_SIZE};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        expect_wrong(&o, TEXTS[i], "must be a size (64K, 1M, 2G)");
}
END_TEST

START_TEST(numbers_are_whole_and_in_range)
{
    expect_number(SW_OPTION_INT, "-5", -5);
    expect_number(SW_OPTION_INT, "9223372036854775807", INT64_MAX);
    sw_option o = {.name = "port", .type = SW_OPTION_INT, .max = 65535};
    static const char *const TEXTS[] = {"", "x", "65536", "-1", "1.0", "1e3", " 1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        expect_wrong(&o, TEXTS[i], "must be a whole number from 0 to 65535");
    sw_option least = {.name = "n", .type = SW_OPTION_INT, .min = 3};
    expect_wrong(&least, "2", "must be a whole number, at least 3");
}
END_TEST

START_TEST(bools_have_many_words)
{
    static const char *const YES[] = {"true", "yes", "on", "1", "TRUE", "Yes"};
    static const char *const NO[] = {"false", "no", "off", "0", "False", "OFF"};
    for (int i = 0; i < 6; i++) {
        expect_number(SW_OPTION_BOOL, YES[i], 1);
        expect_number(SW_OPTION_BOOL, NO[i], 0);
    }
    sw_option o = {.name = "x", .type = SW_OPTION_BOOL};
    expect_wrong(&o, "", "must be true or false");
    expect_wrong(&o, "2", "must be true or false");
    expect_wrong(&o, "truee", "must be true or false");
}
END_TEST

static void expect_enum(const char *text, const char *value)
{
    sw_option o = {.name = "x", .type = SW_OPTION_ENUM, .choices = "production|development|devious"};
    option_value v;
    const char *wrong = option_value_parse(&mem, &o, text, &v);
    if (value == NULL)
        ck_assert_str_eq(wrong, "must be production, development or devious");
    else {
        ck_assert_ptr_null(wrong);
        ck_assert_str_eq(v.text, value);
    }
    arena_done(&mem);
}

START_TEST(enums_take_any_case_and_clear_beginnings)
{
    expect_enum("production", "production");
    expect_enum("Development", "development");
    expect_enum("prod", "production");
    expect_enum("deve", "development");
    expect_enum("dev", NULL); /* two of them */
    expect_enum("pr", NULL);
    expect_enum("", NULL);
    expect_enum("productions", NULL);
    expect_enum("production|development", NULL);
}
END_TEST

START_TEST(lists_drop_space_and_empty_items)
{
    sw_option o = {.name = "x", .type = SW_OPTION_LIST};
    option_value v;
    ck_assert_ptr_null(option_value_parse(&mem, &o, " a, b c ,,d,", &v));
    ck_assert_uint_eq(v.item_count, 3);
    ck_assert_str_eq(v.items[0], "a");
    ck_assert_str_eq(v.items[1], "b c");
    ck_assert_str_eq(v.items[2], "d");
    ck_assert_ptr_null(option_value_parse(&mem, &o, "", &v));
    ck_assert_uint_eq(v.item_count, 0);
    arena_done(&mem);
}
END_TEST

START_TEST(texts_have_a_length_and_may_be_empty_where_that_is_the_default)
{
    sw_option o = {.name = "x", .type = SW_OPTION_STRING, .default_value = "abc", .min = 2, .max = 4};
    option_value v;
    ck_assert_ptr_null(option_value_parse(&mem, &o, "ab", &v));
    expect_wrong(&o, "a", "must be text of 2 to 4 bytes");
    expect_wrong(&o, "abcde", "must be text of 2 to 4 bytes");
    expect_wrong(&o, "", "must be text of 2 to 4 bytes");
    o.default_value = "";
    ck_assert_ptr_null(option_value_parse(&mem, &o, "", &v));
    o = (sw_option){.name = "x", .type = SW_OPTION_SECRET, .default_value = "", .min = 32};
    expect_wrong(&o, "short", "must be a secret text of at least 32 bytes");
    o = (sw_option){.name = "x", .type = SW_OPTION_STRING};
    expect_wrong(&o, "a\nb", "must not hold control characters");
    expect_wrong(&o, "a\xFF", "must be UTF-8");
    o.type = (sw_option_type)99;
    expect_wrong(&o, "a", "is of a type that this server does not know");
    arena_done(&mem);
}
END_TEST

START_TEST(numbers_are_written_as_one_would)
{
    ck_assert_str_eq(option_value_number(&mem, SW_OPTION_DURATION, 90000), "90s");
    ck_assert_str_eq(option_value_number(&mem, SW_OPTION_DURATION, 86400000), "1d");
    ck_assert_str_eq(option_value_number(&mem, SW_OPTION_DURATION, 0), "0s");
    ck_assert_str_eq(option_value_number(&mem, SW_OPTION_DURATION, 1500), "1500ms");
    ck_assert_str_eq(option_value_number(&mem, SW_OPTION_SIZE, 1 << 20), "1M");
    ck_assert_str_eq(option_value_number(&mem, SW_OPTION_SIZE, 1000), "1000");
    ck_assert_str_eq(option_value_number(&mem, SW_OPTION_INT, 1024), "1024");
    arena_done(&mem);
}
END_TEST

static void add(TCase *tests)
{
    ADD(durations_are_milliseconds);
    ADD(other_durations_are_refused);
    ADD(sizes_are_bytes);
    ADD(other_sizes_are_refused);
    ADD(numbers_are_whole_and_in_range);
    ADD(bools_have_many_words);
    ADD(enums_take_any_case_and_clear_beginnings);
    ADD(lists_drop_space_and_empty_items);
    ADD(texts_have_a_length_and_may_be_empty_where_that_is_the_default);
    ADD(numbers_are_written_as_one_would);
}

int main(void)
{
    return run_tests("option_value", add);
}
