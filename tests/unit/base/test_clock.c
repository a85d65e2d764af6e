#include "tests/unit/run_tests.h"

#include <stdlib.h>
#include <steward/host.h>
#include <string.h>
#include <time.h>

static void expect_text(int64_t ms, const char *text)
{
    char out[25];
    sw_time_format(ms, out);
    ck_assert_str_eq(out, text);
}

START_TEST(known_times_are_written)
{
    expect_text(0, "1970-01-01T00:00:00.000Z");
    expect_text(1772746928123, "2026-03-05T21:42:08.123Z");
    expect_text(951782400000, "2000-02-29T00:00:00.000Z");
    expect_text(-1, "1969-12-31T23:59:59.999Z");
    expect_text(253402300799999, "9999-12-31T23:59:59.999Z");
    expect_text(INT64_MAX, "9999-12-31T23:59:59.999Z");
    expect_text(INT64_MIN, "0000-01-01T00:00:00.000Z");
}
END_TEST

START_TEST(every_day_to_9999_is_as_the_c_library_has_it)
{
    for (int64_t day = 0; day < 2932897; day++) {
        char out[25], want[32];
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        size_t len = strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.", &tm);
        sw_time_format((int64_t)seconds * 1000 + day % 1000, out);
        int64_t back = 0;
        if (memcmp(out, want, len) != 0 || !sw_time_parse(out, 24, &back) ||
            back != (int64_t)seconds * 1000 + day % 1000)
            ck_abort_msg("%s is written as %s", want, out);
    }
}
END_TEST

static void expect_parsed(const char *text, int64_t ms)
{
    int64_t got = -77;
    ck_assert_msg(sw_time_parse(text, strlen(text), &got), "%s", text);
    ck_assert_int_eq(got, ms);
}

START_TEST(rfc_3339_is_read)
{
    expect_parsed("1970-01-01T00:00:00Z", 0);
    expect_parsed("2026-03-05T21:42:08.123Z", 1772746928123);
    expect_parsed("2026-03-05t21:42:08.123999999z", 1772746928123);
    expect_parsed("2026-03-06T05:42:08.1+08:00", 1772746928100);
    expect_parsed("2026-03-05T18:12:08.12-03:30", 1772746928120);
    expect_parsed("2016-12-31T23:59:60Z", 1483228800000);
    expect_parsed("0000-02-29T00:00:00Z", -62162121600000);
}
END_TEST

START_TEST(other_texts_are_refused)
{
    static const char *const TEXTS[] = {"",
                                        "x",
                                        "2026",
                                        "2026-03-05",
                                        "2026-03-05T21:42:08",
                                        "2026-03-05T21:42Z",
                                        "2026-3-05T21:42:08Z",
                                        "2026-13-05T21:42:08Z",
                                        "2026-00-05T21:42:08Z",
                                        "2026-02-29T21:42:08Z",
                                        "2100-02-29T00:00:00Z",
                                        "2026-04-31T00:00:00Z",
                                        "2026-03-00T00:00:00Z",
                                        "2026-03-05T24:00:00Z",
                                        "2026-03-05T21:60:08Z",
                                        "2026-03-05T21:42:61Z",
                                        "2026-03-05T21:42:08.Z",
                                        "2026-03-05T21:42:08+0800",
                                        "2026-03-05T21:42:08+24:00",
                                        "2026-03-05T21:42:08Zx",
                                        " 2026-03-05T21:42:08Z",
                                        "2026-03-05T21:42:08,5Z",
                                        "-026-03-05T21:42:08Z",
                                        "1772746928"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        int64_t ms = 5;
        ck_assert_msg(!sw_time_parse(TEXTS[i], strlen(TEXTS[i]), &ms), "%s", TEXTS[i]);
        ck_assert_int_eq(ms, 5);
    }
}
END_TEST

START_TEST(only_the_bytes_of_the_text_are_read)
{
    static const char TEXT[] = "2026-03-05T21:42:08.123ZZ";
    int64_t ms = 5;
    ck_assert(sw_time_parse(TEXT, 24, &ms) && ms == 1772746928123);
    ms = 5;
    for (size_t len = 0; len < sizeof TEXT; len++) {
        char *exact = malloc(len + 1); /* one byte more, and not a NUL: reading on is found */
        memcpy(exact, TEXT, len);
        exact[len] = 'Z';
        ck_assert(sw_time_parse(exact, len, &ms) == (len == 24));
        free(exact);
    }
    ck_assert(!sw_time_parse(NULL, 0, &ms));
    ck_assert(!sw_time_parse("2026-03-05T21:42:08\0Z", 21, &ms));
}
END_TEST

START_TEST(the_clocks_run)
{
    ck_assert_int_gt(sw_now_ms(), 1600000000000);
    int64_t before = sw_monotonic_ms();
    ck_assert_int_ge(sw_monotonic_ms(), before);
}
END_TEST

static void add(TCase *tests)
{
    ADD(known_times_are_written);
    ADD(every_day_to_9999_is_as_the_c_library_has_it);
    ADD(rfc_3339_is_read);
    ADD(other_texts_are_refused);
    ADD(only_the_bytes_of_the_text_are_read);
    ADD(the_clocks_run);
}

int main(void)
{
    return run_tests("clock", add);
}
