/* Masks, trimming, lists. */
#include "plugins/integrations/feishu/words.h"
#include "tests/unit/run_tests.h"
#include <stdlib.h>
#include <string.h>

static const char *masked(const char *secret)
{
    static char out[256];

    mask_secret(secret, out);
    return out;
}

START_TEST(a_mask_shows_two_bytes_at_each_end_and_the_length)
{
    ck_assert_str_eq(masked(""), "");
    ck_assert_str_eq(masked("a"), "****");
    ck_assert_str_eq(masked("abcd"), "****");
    ck_assert_str_eq(masked("abcde"), "ab*de");
    ck_assert_str_eq(masked("0123456789"), "01******89");
}
END_TEST

START_TEST(a_mask_never_cuts_a_character)
{
    ck_assert_str_eq(masked("密码ab"), "******ab");
    ck_assert_str_eq(masked("a密码z"), "a******z");
}
END_TEST

static const char *trimmed(const char *text)
{
    static char out[64];
    sw_str t = text_trim(text, strlen(text));

    memcpy(out, t.at, t.len);
    out[t.len] = '\0';
    return out;
}

START_TEST(trimming_takes_spaces_of_all_kinds_and_nothing_else)
{
    ck_assert_str_eq(trimmed(" \t\r\n a b \n"), "a b");
    ck_assert_str_eq(trimmed("\xc2\xa0hi\xc2\xa0 "), "hi");
    ck_assert_str_eq(trimmed("  "), "");
    ck_assert_str_eq(trimmed("\xc3\xa0"), "\xc3\xa0");
    ck_assert_str_eq(trimmed("x\xc2\xa1"), "x\xc2\xa1");
}
END_TEST

START_TEST(a_list_has_what_stands_on_a_line_and_no_other_case_of_it)
{
    char first[8];

    ck_assert(list_has("oc_a\nOC_b", "OC_b"));
    ck_assert(!list_has("oc_a\nOC_b", "oc_b"));
    ck_assert(list_has(" oc_a \noc_b", "  oc_a "));
    ck_assert(!list_has("ou_boss", "OU_BOSS"));
    ck_assert(!list_has("OU_BOSS", "ou_boss"));
    ck_assert(!list_has("oc_ab", "oc_a"));
    ck_assert(!list_has("\n\noc_a", ""));
    ck_assert(!list_has("", "oc_a"));
    ck_assert(list_first("\n oc_a \noc_b", first, sizeof first));
    ck_assert_str_eq(first, "oc_a");
    ck_assert(!list_first("\n \n", first, sizeof first));
    ck_assert(!list_first("much too long", first, sizeof first));
}
END_TEST

static const char *without_token(const char *json)
{
    static char out[256];

    strcpy(out, json);
    json_mask(out, strlen(out), "token");
    return out;
}

START_TEST(a_token_is_masked_wherever_it_stands_in_an_event_and_nothing_else)
{
    ck_assert_str_eq(without_token("{\"header\":{\"token\":\"s3cret\",\"a\":\"s3cret\"}}"),
                     "{\"header\":{\"token\":\"******\",\"a\":\"s3cret\"}}");
    ck_assert_str_eq(without_token("{\"token\" :\n \"a\\\"b\", \"x\":[\"token\",\"c\"]}"),
                     "{\"token\" :\n \"****\", \"x\":[\"token\",\"c\"]}");
    ck_assert_str_eq(without_token("{\"\\u0074oken\":\"ab\",\"z\":\"c\"}"), "{\"\\u0074oken\":\"**\",\"z\":\"c\"}");
    ck_assert_str_eq(without_token("{\"token\":1,\"z\":\"c\"}"), "{\"token\":1,\"z\":\"c\"}");
    ck_assert_str_eq(without_token("{\"token\":{\"z\":\"c\"}}"), "{\"token\":{\"z\":\"c\"}}");
    ck_assert_str_eq(without_token("{\"text\":\"{\\\"token\\\":\\\"c\\\"}\"}"),
                     "{\"text\":\"{\\\"token\\\":\\\"c\\\"}\"}");
    ck_assert_str_eq(without_token(""), "");
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_token_is_masked_wherever_it_stands_in_an_event_and_nothing_else);
    ADD(a_mask_shows_two_bytes_at_each_end_and_the_length);
    ADD(a_mask_never_cuts_a_character);
    ADD(trimming_takes_spaces_of_all_kinds_and_nothing_else);
    ADD(a_list_has_what_stands_on_a_line_and_no_other_case_of_it);
}

int main(void)
{
    return run_tests("feishu mask", add);
}
