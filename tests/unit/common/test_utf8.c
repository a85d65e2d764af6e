#include "core/common/utf8.h"
#include "tests/unit/run_tests.h"

#include <string.h>

static const char *const GOOD[] = {"",
                                   "a",
                                   "plain ascii of more than eight bytes",
                                   "é",
                                   "中文",
                                   "😀",
                                   "\xC2\x80",
                                   "\xDF\xBF",
                                   "\xE0\xA0\x80",
                                   "\xED\x9F\xBF",
                                   "\xEE\x80\x80",
                                   "\xEF\xBF\xBF",
                                   "\xF0\x90\x80\x80",
                                   "\xF4\x8F\xBF\xBF",
                                   "sixteen bytes ok中 and on é"};
static const char *const BAD[] = {"\x80",
                                  "\xBF",
                                  "\xC0\x80",
                                  "\xC1\xBF",
                                  "\xC2",
                                  "\xC2"
                                  "a",
                                  "\xE0\x80\x80",
                                  "\xE0\x9F\xBF",
                                  "\xED\xA0\x80",
                                  "\xED\xBF\xBF",
                                  "\xE4\xB8",
                                  "\xE4\xB8"
                                  "a",
                                  "\xF0\x80\x80\x80",
                                  "\xF0\x8F\xBF\xBF",
                                  "\xF4\x90\x80\x80",
                                  "\xF5\x80\x80\x80",
                                  "\xF0\x9F\x98",
                                  "\xFE",
                                  "\xFF",
                                  "eight by\xFF",
                                  "ascii ascii ascii\xE4\xB8",
                                  "\xF0\x9F\x98"
                                  "a",
                                  "中\x80"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

START_TEST(well_formed_texts_pass)
{
    for (size_t i = 0; i < COUNT(GOOD); i++)
        ck_assert_msg(utf8_valid(GOOD[i], strlen(GOOD[i])), "%s", GOOD[i]);
    ck_assert(utf8_valid("a\0b", 3));
    ck_assert(utf8_valid(NULL, 0));
}
END_TEST

START_TEST(others_do_not)
{
    for (size_t i = 0; i < COUNT(BAD); i++)
        ck_assert_msg(!utf8_valid(BAD[i], strlen(BAD[i])), "bad %zu", i);
}
END_TEST

START_TEST(every_code_point_and_no_surrogate_passes)
{
    int wrong = 0;
    for (uint32_t code = 0; code < 0x110000; code++) {
        char bytes[4];
        size_t len = utf8_put(code, bytes);
        bool surrogate = code >= 0xD800 && code < 0xE000;
        wrong += utf8_valid(bytes, len) == surrogate;
        wrong += utf8_sequence(bytes, len) != (surrogate ? 0 : len);
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* Cut into pieces at every pair of places, the answer is that of the whole text. */
static void expect_in_pieces(const char *text, bool good)
{
    size_t len = strlen(text);
    for (size_t a = 0; a <= len; a++)
        for (size_t b = a; b <= len; b++) {
            utf8_state s = {0};
            bool fine = utf8_feed(&s, text, a) && utf8_feed(&s, text + a, b - a) && utf8_feed(&s, text + b, len - b) &&
                        utf8_complete(&s);
            ck_assert_int_eq(fine, good);
        }
}

START_TEST(texts_in_pieces_are_judged_as_the_whole)
{
    for (size_t i = 0; i < COUNT(GOOD); i++)
        expect_in_pieces(GOOD[i], true);
    for (size_t i = 0; i < COUNT(BAD); i++)
        expect_in_pieces(BAD[i], false);
}
END_TEST

START_TEST(a_wrong_byte_is_noticed_at_once)
{
    utf8_state s = {0};
    ck_assert(utf8_feed(&s, "\xED", 1));
    ck_assert(!utf8_complete(&s));
    ck_assert(!utf8_feed(&s, "\xA0", 1));
}
END_TEST

START_TEST(one_replacement_stands_for_the_longest_beginning)
{
    ck_assert_uint_eq(utf8_broken("\xE4\xB8x", 3), 2);
    ck_assert_uint_eq(utf8_broken("\xE4\xB8", 2), 2);
    ck_assert_uint_eq(utf8_broken("\xF0\x9F\x98\xFF", 4), 3);
    ck_assert_uint_eq(utf8_broken("\xED\xA0\x80", 3), 1);
    ck_assert_uint_eq(utf8_broken("\xC0\x80", 2), 1);
    ck_assert_uint_eq(utf8_broken("\xE4", 1), 1);
}
END_TEST

START_TEST(a_cut_is_between_characters)
{
    static const char TEXT[] = "aé中😀"; /* of 1, 2, 3 and 4 bytes */
    static const size_t KEPT[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (size_t max = 0; max < COUNT(KEPT); max++)
        ck_assert_uint_eq(utf8_cut(TEXT, strlen(TEXT), max), KEPT[max]);
    ck_assert_uint_eq(utf8_cut("\x80\x80\x80", 3, 2), 0);
    ck_assert_uint_eq(utf8_cut(NULL, 0, 0), 0);
}
END_TEST

static void add(TCase *tests)
{
    ADD(well_formed_texts_pass);
    ADD(others_do_not);
    ADD(every_code_point_and_no_surrogate_passes);
    ADD(texts_in_pieces_are_judged_as_the_whole);
    ADD(a_wrong_byte_is_noticed_at_once);
    ADD(a_cut_is_between_characters);
    ADD(one_replacement_stands_for_the_longest_beginning);
}

int main(void)
{
    return run_tests("utf8", add);
}
