#include "core/common/buf.h"
#include "tests/unit/run_tests.h"

#include <stdlib.h>
#include <string.h>

START_TEST(bytes_are_appended)
{
    buf b = {0};
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i);
    buf_add_text(&b, "end");
    buf_add(&b, NULL, 0);
    ck_assert_uint_eq(b.len, 3893);
    ck_assert_int_eq(memcmp(b.at, "0,1,2,", 6), 0);
    ck_assert_int_eq(memcmp(b.at + b.len - 3, "end", 3), 0);
    buf_done(&b);
}
END_TEST

START_TEST(long_formats_are_not_cut)
{
    buf b = {0};
    char text[1001];
    memset(text, 'x', 1000);
    text[1000] = '\0';
    buf_printf(&b, "<%s>", text);
    ck_assert_uint_eq(b.len, 1002);
    ck_assert_int_eq(b.at[1001], '>');
    buf_done(&b);
}
END_TEST

START_TEST(the_limit_is_exact_and_a_failure_sticks)
{
    buf b;
    buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++)
        buf_add(&b, "x", 1);
    ck_assert(!b.failed);
    buf_add(&b, "x", 1);
    ck_assert(b.failed);
    ck_assert_uint_eq(b.len, 1000);
    ck_assert_ptr_null(buf_reserve(&b, 0));
    ck_assert_ptr_null(buf_take(&b, NULL));
    buf_done(&b);
}
END_TEST

START_TEST(huge_requests_fail_cleanly)
{
    buf b = {0};
    ck_assert_ptr_null(buf_reserve(&b, (size_t)-1));
    ck_assert(b.failed);
    buf_clear(&b);
    ck_assert_ptr_nonnull(buf_reserve(&b, 1));
    buf_done(&b);
}
END_TEST

START_TEST(taken_bytes_are_nul_ended_and_the_caller_s)
{
    buf b = {0};
    size_t len = 99;
    char *empty = buf_take(&b, &len);
    ck_assert_str_eq(empty, "");
    ck_assert_uint_eq(len, 0);
    buf_add(&b, "abc", 3);
    char *text = buf_take(&b, &len);
    ck_assert_str_eq(text, "abc");
    ck_assert_uint_eq(len, 3);
    ck_assert_ptr_null(b.at);
    free(text);
    free(empty);
    buf_done(&b);
    buf_done(NULL);
}
END_TEST

START_TEST(a_text_may_be_read_before_it_is_whole)
{
    buf b;
    buf_init(&b, 4);
    ck_assert_str_eq(buf_text(&b), "");
    buf_add_text(&b, "ab");
    ck_assert_str_eq(buf_text(&b), "ab");
    buf_add_text(&b, "cd");
    ck_assert_str_eq(buf_text(&b), "abcd");
    buf_add_text(&b, "e");
    ck_assert_ptr_null(buf_text(&b));
    buf_done(&b);
}
END_TEST

START_TEST(base64_is_the_standard_one)
{
    static const char *const PAIRS[][2] = {{"", ""},        {"f", "Zg=="},  {"fo", "Zm8="},
                                           {"foo", "Zm9v"}, {"{}", "e30="}, {"\xff\xfe\xfd", "//79"}};

    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        buf b = {0};
        buf_add_base64(&b, PAIRS[i][0], strlen(PAIRS[i][0]));
        ck_assert_str_eq(buf_text(&b), PAIRS[i][1]);
        buf_done(&b);
    }
}
END_TEST

static void add(TCase *tests)
{
    ADD(bytes_are_appended);
    ADD(long_formats_are_not_cut);
    ADD(the_limit_is_exact_and_a_failure_sticks);
    ADD(huge_requests_fail_cleanly);
    ADD(a_text_may_be_read_before_it_is_whole);
    ADD(base64_is_the_standard_one);
    ADD(taken_bytes_are_nul_ended_and_the_caller_s);
}

int main(void)
{
    return run_tests("buf", add);
}
