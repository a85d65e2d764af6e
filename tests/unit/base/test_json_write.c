#include "core/base/json.h"
#include "core/base/json_scan.h"
#include "tests/unit/run_tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The text as one JSON string. */
static void expect_text(const char *value, size_t len, const char *json)
{
    sw_json j;
    json_init(&j, 0);
    sw_json_textn(&j, NULL, value, len);
    ck_assert_str_eq(sw_json_str(&j).at, json);
    json_done(&j);
}

#define EXPECT(value, json) expect_text((value), sizeof(value) - 1, (json))

START_TEST(only_what_must_be_is_escaped)
{
    EXPECT("", "\"\"");
    EXPECT("plain / text <b>", "\"plain / text <b>\"");
    EXPECT("a\"b\\c", "\"a\\\"b\\\\c\"");
    EXPECT("\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\"");
    EXPECT("\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"");
    EXPECT("a\0b", "\"a\\u0000b\"");
    EXPECT("中文 é 😀", "\"中文 é 😀\"");
}
END_TEST

START_TEST(broken_utf8_becomes_replacement_characters)
{
    EXPECT("a\xFFz", "\"a\xEF\xBF\xBDz\"");
    EXPECT("\xC0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    EXPECT("\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    EXPECT("\xE4\xB8", "\"\xEF\xBF\xBD\"");
    EXPECT("\xF0\x9F\x98zz", "\"\xEF\xBF\xBDzz\"");
    EXPECT("\xE4\xB8\xAD\xFF\xE4\xB8\xAD", "\"中\xEF\xBF\xBD中\"");
}
END_TEST

START_TEST(half_characters_of_raw_json_leave_as_u_fffd)
{
    static const char RAW[] = "{\"a\":\"ok \\ud83c\",\"b\":\"\\ud83d\\ude00\"}";
    sw_json j;
    json_init(&j, 0);
    sw_json_array_begin(&j, NULL);
    sw_json_raw(&j, NULL, RAW, sizeof RAW - 1);
    sw_json_raw(&j, NULL, "\"\\uD8", 5); /* no JSON: copied, and nothing behind it is read */
    ck_assert_str_eq(sw_json_str(&j).at, "[{\"a\":\"ok \\ufffd\",\"b\":\"\\ud83d\\ude00\"},\"\\uD8");
    json_done(&j);
}
END_TEST

START_TEST(escapes_are_right_at_every_position_of_a_block)
{
    for (size_t len = 1; len < 70; len++)
        for (size_t at = 0; at < len; at++) {
            char value[80], json[100];
            memset(value, 'x', len);
            value[at] = '\n';
            json[0] = '"';
            memset(json + 1, 'x', at);
            memcpy(json + 1 + at, "\\n", 2);
            memset(json + 3 + at, 'x', len - at - 1);
            memcpy(json + len + 2, "\"", 2);
            expect_text(value, len, json);
        }
}
END_TEST

START_TEST(random_bytes_give_valid_json_that_reads_back)
{
    srand(7);
    for (int round = 0; round < 3000; round++) {
        char value[200];
        size_t len = (size_t)rand() % sizeof value;
        for (size_t i = 0; i < len; i++)
            value[i] = (char)(rand() % 3 == 0 ? rand() : 'a' + rand() % 26);
        sw_json j;
        json_init(&j, 0);
        sw_json_textn(&j, NULL, value, len);
        sw_str out = sw_json_str(&j);
        ck_assert(json_valid(out.at, out.len));
        const sw_value *v = json_read(out.at, out.len, 64);
        ck_assert_ptr_nonnull(v);
        json_read_free(v);
        json_done(&j);
    }
}
END_TEST

START_TEST(members_and_elements_get_their_commas)
{
    sw_json j;
    json_init(&j, 0);
    sw_json_object_begin(&j, NULL);
    sw_json_int(&j, "a", -5);
    sw_json_array_begin(&j, "b");
    sw_json_int(&j, NULL, 1);
    sw_json_object_begin(&j, NULL);
    sw_json_object_end(&j);
    sw_json_array_begin(&j, NULL);
    sw_json_array_end(&j);
    sw_json_array_end(&j);
    sw_json_bool(&j, "c", true);
    sw_json_bool(&j, "d", false);
    sw_json_null(&j, "e");
    sw_json_text(&j, "f", NULL);
    sw_json_text_opt(&j, "g", NULL);
    sw_json_text_opt(&j, "h", "");
    sw_json_text_opt(&j, "i", "x");
    sw_json_time(&j, "j", 1772746928123);
    sw_json_raw(&j, "k", "[1.10]", 6);
    sw_json_object_end(&j);
    ck_assert_str_eq(sw_json_str(&j).at,
                     "{\"a\":-5,\"b\":[1,{},[]],\"c\":true,\"d\":false,\"e\":null,\"f\":\"\",\"i\":\"x\","
                     "\"j\":\"2026-03-05T21:42:08.123Z\",\"k\":[1.10]}");
    ck_assert_uint_eq(sw_json_length(&j), strlen(sw_json_str(&j).at));
    json_done(&j);
}
END_TEST

static void expect_number(int64_t value, const char *json)
{
    sw_json j;
    json_init(&j, 0);
    sw_json_int(&j, NULL, value);
    ck_assert_str_eq(sw_json_str(&j).at, json);
    json_done(&j);
}

START_TEST(integers_keep_all_their_digits)
{
    expect_number(0, "0");
    expect_number(9, "9");
    expect_number(10, "10");
    expect_number(INT64_MAX, "9223372036854775807");
    expect_number(INT64_MIN, "-9223372036854775808");
}
END_TEST

START_TEST(doubles_are_short_and_exact_and_never_nan)
{
    static const double VALUES[] = {0.1, 1.5, 1e300, 123456.789, 0.1 + 0.2, -2.5e-10, 3};
    static const char *const TEXTS[] = {"0.1", "1.5", "1e+300", "123456.789", "0.30000000000000004", "-2.5e-10", "3"};
    sw_json j;
    for (int i = 0; i < 7; i++) {
        json_init(&j, 0);
        sw_json_double(&j, NULL, VALUES[i]);
        ck_assert_str_eq(sw_json_str(&j).at, TEXTS[i]);
        json_done(&j);
    }
    json_init(&j, 0);
    sw_json_array_begin(&j, NULL);
    sw_json_double(&j, NULL, (double)NAN);
    sw_json_double(&j, NULL, (double)-INFINITY);
    sw_json_array_end(&j);
    ck_assert_str_eq(sw_json_str(&j).at, "[null,null]");
    json_done(&j);
}
END_TEST

START_TEST(the_limit_holds_exactly_and_a_failure_sticks)
{
    sw_json j;
    json_init(&j, 10);
    sw_json_text(&j, NULL, "12345678");
    ck_assert(!json_failed(&j));
    ck_assert_uint_eq(sw_json_length(&j), 10);
    json_done(&j);
    json_init(&j, 10);
    sw_json_text(&j, NULL, "1234567\n");
    ck_assert(json_failed(&j));
    sw_json_int(&j, NULL, 1);
    sw_json_object_end(&j);
    sw_json_time(&j, "t", 0);
    ck_assert_ptr_null(sw_json_str(&j).at);
    json_done(&j);
}
END_TEST

static void add(TCase *tests)
{
    ADD(only_what_must_be_is_escaped);
    ADD(broken_utf8_becomes_replacement_characters);
    ADD(half_characters_of_raw_json_leave_as_u_fffd);
    ADD(escapes_are_right_at_every_position_of_a_block);
    ADD(random_bytes_give_valid_json_that_reads_back);
    ADD(members_and_elements_get_their_commas);
    ADD(integers_keep_all_their_digits);
    ADD(doubles_are_short_and_exact_and_never_nan);
    ADD(the_limit_holds_exactly_and_a_failure_sticks);
}

int main(void)
{
    return run_tests("json_write", add);
}
