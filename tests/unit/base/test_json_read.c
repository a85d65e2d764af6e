#include "core/base/json.h"
#include "tests/unit/run_tests.h"

#include <stdlib.h>
#include <string.h>

static const sw_value *read_text(const char *text)
{
    return json_read(text, strlen(text), 64);
}

START_TEST(values_are_read_by_type)
{
    const sw_value *v = read_text("{\"t\":\"x中\",\"i\":-7,\"r\":1.5,\"b\":true,\"n\":null,\"a\":[1,[]],\"o\":{}}");
    size_t len;
    ck_assert_int_eq(sw_value_type(v), SW_JSON_OBJECT);
    ck_assert_str_eq(sw_value_text(sw_value_get(v, "t"), &len), "x中");
    ck_assert_uint_eq(len, 4);
    ck_assert_int_eq(sw_value_int(sw_value_get(v, "i"), 0), -7);
    ck_assert_int_eq(sw_value_int(sw_value_get(v, "r"), 9), 9);
    ck_assert_double_eq(sw_value_double(sw_value_get(v, "r"), 0), 1.5);
    ck_assert_double_eq(sw_value_double(sw_value_get(v, "i"), 0), -7);
    ck_assert_int_eq(sw_value_bool(sw_value_get(v, "b"), -1), 1);
    ck_assert_int_eq(sw_value_type(sw_value_get(v, "n")), SW_JSON_NULL);
    ck_assert_uint_eq(sw_value_count(sw_value_get(v, "a")), 2);
    ck_assert_int_eq(sw_value_type(sw_value_at(sw_value_get(v, "a"), 1)), SW_JSON_ARRAY);
    ck_assert_int_eq(sw_value_type(sw_value_get(v, "o")), SW_JSON_OBJECT);
    json_read_free(v);
}
END_TEST

START_TEST(what_is_missing_or_of_another_type_gives_the_fallback)
{
    const sw_value *v = read_text("[\"x\"]");
    ck_assert_ptr_null(sw_value_get(v, "x"));
    ck_assert_ptr_null(sw_value_get(NULL, "x"));
    ck_assert_ptr_null(sw_value_at(v, 1));
    ck_assert_uint_eq(sw_value_count(NULL), 0);
    ck_assert_int_eq(sw_value_type(NULL), 0);
    ck_assert_ptr_null(sw_value_text(v, NULL));
    ck_assert_ptr_null(sw_value_text(NULL, NULL));
    ck_assert_int_eq(sw_value_int(sw_value_at(v, 0), -1), -1);
    ck_assert_int_eq(sw_value_bool(sw_value_at(v, 0), -1), -1);
    ck_assert_double_eq(sw_value_double(NULL, 2.5), 2.5);
    json_read_free(v);
    json_read_free(NULL);
}
END_TEST

START_TEST(any_value_may_be_the_text)
{
    const sw_value *v = read_text(" \"a\" ");
    ck_assert_str_eq(sw_value_text(v, NULL), "a");
    json_read_free(v);
}
END_TEST

START_TEST(invalid_texts_are_null)
{
    static const char *const TEXTS[] = {"", "{", "[1,]", "{\"a\":1,}", "nan", "\"\xFF\"", "[] []", "01"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        ck_assert_msg(read_text(TEXTS[i]) == NULL, "%s", TEXTS[i]);
}
END_TEST

START_TEST(depth_and_number_of_values_are_bounded)
{
    const sw_value *v = json_read("[[[]]]", 6, 3);
    ck_assert_ptr_nonnull(v);
    json_read_free(v);
    ck_assert_ptr_null(json_read("[[[]]]", 6, 2));
    size_t len = 3 * 300000 + 1;
    char *text = malloc(len + 1);
    for (size_t i = 0; i < len / 3; i++)
        memcpy(text + 1 + 3 * i, "[],", 3);
    text[0] = '[';
    text[len - 1] = ']';
    ck_assert_ptr_null(json_read(text, len, 64));
    free(text);
}
END_TEST

START_TEST(numbers_that_are_too_large_are_no_integers_and_no_errors)
{
    const sw_value *v =
        read_text("{\"big\":123456789012345678901234567890,\"inf\":[-1e400,1E+999],\"s\":\"1e400 \\\" 1e400\","
                  "\"i\":9223372036854775807,\"id\":5}");
    ck_assert_ptr_nonnull(v);
    ck_assert_int_eq(sw_value_int(sw_value_get(v, "big"), -1), -1);
    ck_assert_int_eq(sw_value_type(sw_value_get(v, "big")), SW_JSON_REAL);
    ck_assert_int_eq(sw_value_int(sw_value_get(v, "id"), -1), 5);
    ck_assert_int_eq(sw_value_int(sw_value_get(v, "i"), -1), INT64_MAX);
    ck_assert_str_eq(sw_value_text(sw_value_get(v, "s"), NULL), "1e400 \" 1e400");
    json_read_free(v);
}
END_TEST

START_TEST(a_text_with_a_nul_needs_a_caller_that_asks_for_its_length)
{
    const sw_value *v = read_text("[\"admin\\u0000x\"]");
    size_t len;
    ck_assert_ptr_null(sw_value_text(sw_value_at(v, 0), NULL));
    ck_assert_ptr_nonnull(sw_value_text(sw_value_at(v, 0), &len));
    ck_assert_uint_eq(len, 7);
    json_read_free(v);
}
END_TEST

START_TEST(a_member_that_stands_twice_makes_the_whole_invalid)
{
    static const char *const TEXTS[] = {
        "{\"a\":1,\"a\":2}",
        "{\"approved\":false,\"approved\":true}",
        "{\"a\":1,\"\\u0061\":1}",
        "[{},{\"a\":{\"b\":[],\"b\":[]}}]",
        "{\"\\ud800\":1,\"\\ufffd\":2}",
        "{\"\":null,\"\":null}",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        json_refusal why;
        ck_assert_msg(!json_read_or_why(TEXTS[i], strlen(TEXTS[i]), 64, &why), "%s", TEXTS[i]);
        ck_assert_int_eq(why.fault, JSON_TWICE);
    }
    const sw_value *v = read_text("{\"a\":{\"a\":1},\"b\":{\"a\":2},\"A\":3}");
    ck_assert_ptr_nonnull(v);
    json_read_free(v);
}
END_TEST

START_TEST(half_a_character_is_read_as_u_fffd)
{
    const sw_value *v = read_text("{\"k\\ud800\":\"ok \\ud83c\",\"pair\":\"\\ud83d\\ude00\\ude00\"}");
    ck_assert_str_eq(sw_value_text(sw_value_get(v, "k\xEF\xBF\xBD"), NULL), "ok \xEF\xBF\xBD");
    ck_assert_str_eq(sw_value_text(sw_value_get(v, "pair"), NULL), "😀\xEF\xBF\xBD");
    json_read_free(v);
}
END_TEST

START_TEST(a_refusal_says_what_where_and_in_which_element)
{
    static const struct {
        const char *text;
        json_fault fault;
        size_t element;
    } CASES[] = {
        {"[{\"a\":1},{\"a\":1,\"a\":2}]", JSON_TWICE, 2},
        {"[1,2,x]", JSON_NOT_VALID, 3},
        {"{\"a\":[1,x]}", JSON_NOT_VALID, 0},
        {"[1,[2,[[[]]]]]", JSON_TOO_DEEP, 2},
        {"[{\"\\u0000\":1}]", JSON_BAD_NAME, 1},
        {"", JSON_NOT_VALID, 0},
    };
    json_refusal why;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        ck_assert_ptr_null(json_read_or_why(CASES[i].text, strlen(CASES[i].text), 4, &why));
        ck_assert_msg(why.fault == CASES[i].fault && why.element == CASES[i].element, "%s: %d, %zu", CASES[i].text,
                      why.fault, why.element);
        ck_assert_uint_le(why.byte, strlen(CASES[i].text));
        ck_assert_str_ne(json_fault_text(why.fault), "");
    }
}
END_TEST

START_TEST(texts_and_keys_are_decoded)
{
    const sw_value *v = read_text("{\"\":{\"a\\\"\\u4e2d\":\"\\uD83D\\uDE00\\n\",\"plain\":\"\\\\\"},\"e\":\"\"}");
    const sw_value *inner = sw_value_get(v, "");
    ck_assert_str_eq(sw_value_text(sw_value_get(inner, "a\"中"), NULL), "😀\n");
    ck_assert_str_eq(sw_value_text(sw_value_get(inner, "plain"), NULL), "\\");
    ck_assert_str_eq(sw_value_text(sw_value_get(v, "e"), NULL), "");
    json_read_free(v);
}
END_TEST

START_TEST(keys_and_texts_that_are_broken_make_the_whole_invalid)
{
    static const char *const TEXTS[] = {"{\"\\u0000\":1}", "{\"a\":[1}", "{\"a\":{\"b\":1}", "[1 2]", "[,1]", "{,}",
                                        "{\"a\" 1}",       "{1:2}"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        ck_assert_msg(read_text(TEXTS[i]) == NULL, "%s", TEXTS[i]);
}
END_TEST

START_TEST(numbers_of_every_form_keep_their_type)
{
    const sw_value *v = read_text("[-0,0.5e-1,1E2,-9223372036854775808,9223372036854775808,1e-400,-1e400]");
    ck_assert_int_eq(sw_value_type(sw_value_at(v, 0)), SW_JSON_INT);
    ck_assert_double_eq(sw_value_double(sw_value_at(v, 1), 9), 0.05);
    ck_assert_int_eq(sw_value_type(sw_value_at(v, 2)), SW_JSON_REAL);
    ck_assert_double_eq(sw_value_double(sw_value_at(v, 2), 9), 100);
    ck_assert(sw_value_int(sw_value_at(v, 3), 9) == INT64_MIN);
    ck_assert_double_eq(sw_value_double(sw_value_at(v, 4), 9), 1e308);
    ck_assert_double_eq(sw_value_double(sw_value_at(v, 5), 9), 0);
    ck_assert_double_eq(sw_value_double(sw_value_at(v, 6), 9), 1e308);
    json_read_free(v);
    v = read_text("12"); /* the text ends with the number */
    ck_assert_int_eq(sw_value_int(v, 9), 12);
    json_read_free(v);
}
END_TEST

static void add(TCase *tests)
{
    ADD(values_are_read_by_type);
    ADD(what_is_missing_or_of_another_type_gives_the_fallback);
    ADD(any_value_may_be_the_text);
    ADD(invalid_texts_are_null);
    ADD(depth_and_number_of_values_are_bounded);
    ADD(numbers_that_are_too_large_are_no_integers_and_no_errors);
    ADD(a_text_with_a_nul_needs_a_caller_that_asks_for_its_length);
    ADD(a_member_that_stands_twice_makes_the_whole_invalid);
    ADD(half_a_character_is_read_as_u_fffd);
    ADD(a_refusal_says_what_where_and_in_which_element);
    ADD(texts_and_keys_are_decoded);
    ADD(keys_and_texts_that_are_broken_make_the_whole_invalid);
    ADD(numbers_of_every_form_keep_their_type);
}

int main(void)
{
    return run_tests("json_read", add);
}
