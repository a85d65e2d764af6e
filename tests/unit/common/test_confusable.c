/* Names that a person may take for one another. */
#include "core/common/confusable.h"
#include "tests/unit/run_tests.h"

START_TEST(letters_of_other_scripts_are_taken_for_latin_ones)
{
    ck_assert(confusable("Butler", "Вutlеr")); /* Cyrillic В and е */
    ck_assert(confusable("Butler", "Βutler")); /* Greek Beta */
    ck_assert(confusable("Butler", "Ｂｕｔｌｅｒ"));
    ck_assert(confusable("Butler", "𝐁𝐮𝐭𝐥𝐞𝐫"));
    ck_assert(confusable("scout", "ѕсоut"));
}
END_TEST

START_TEST(latin_letters_and_digits_are_taken_for_one_another)
{
    ck_assert(confusable("Butler", "ButIer"));
    ck_assert(confusable("Butler", "But1er"));
    ck_assert(confusable("admin", "adrnin"));
}
END_TEST

START_TEST(case_and_what_cannot_be_seen_make_no_difference)
{
    ck_assert(confusable("Butler", "BUTLER"));
    ck_assert(confusable("admin", "ADMIN"));
    ck_assert(confusable("Butler", "But\xE2\x80\x8B"
                                   "ler"));
    ck_assert(confusable("Butler", "Butler\xE2\x80\xAE"));
    ck_assert(confusable("", "\xE3\x85\xA4"));
}
END_TEST

START_TEST(other_names_are_not_confusable)
{
    ck_assert(!confusable("Butler", "Butlers"));
    ck_assert(!confusable("Butler", "Battler"));
    ck_assert(!confusable("scout", "scribe"));
    ck_assert(!confusable("小明", "小红"));
    ck_assert(!confusable("Butler", "Bütler"));
    ck_assert(confusable("小明", "小明"));
    ck_assert(confusable("night watch", "night\xC2\xA0watch"));
    ck_assert(!confusable("night watch", "nightwatch"));
}
END_TEST

static void add(TCase *tests)
{
    ADD(letters_of_other_scripts_are_taken_for_latin_ones);
    ADD(latin_letters_and_digits_are_taken_for_one_another);
    ADD(case_and_what_cannot_be_seen_make_no_difference);
    ADD(other_names_are_not_confusable);
}

int main(void)
{
    return run_tests("confusable", add);
}
