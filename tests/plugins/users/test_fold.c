/* Names without case: what makes two names one. */
#include "tests/unit/run_tests.h"

#include "plugins/users/users.h"

static void check_fold(const char *text, const char *want)
{
    char out[256];

    fold(text, out, sizeof out);
    ck_assert_str_eq(out, want);
    fold(want, out, sizeof out);
    ck_assert_str_eq(out, want);
}

START_TEST(letters_of_every_script_with_case_are_folded)
{
    check_fold("Admin_01.X-y", "admin_01.x-y");
    check_fold("ÄÖÜ ß É×÷", "äöü ß é×÷");
    check_fold("ĀĹŸŽ", "āĺÿž");
    check_fold("ΆΈΌΏΑΩΣΑΣ", "άέόώαωσασ");
    check_fold("ЁЖЯѢҐӀ", "ёжяѣґӏ");
    check_fold("ԱՖ", "աֆ");
    check_fold("ẠẼ", "ạẽ");
    check_fold("ＡＺ", "ａｚ");
    check_fold("KÅ", "kå");
    check_fold("𐐀", "𐐨");
}
END_TEST

START_TEST(text_without_case_stays)
{
    check_fold("机器人 42", "机器人 42");
    check_fold("🤖👩‍🚀", "🤖👩‍🚀");
    check_fold("", "");
}
END_TEST

START_TEST(a_folded_name_is_never_longer)
{
    char out[256];

    for (uint32_t c = 0x80; c < 0x11000; c++) {
        char text[5];
        int len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        uint32_t rest = c;
        for (int i = len - 1; i > 0; i--, rest >>= 6)
            text[i] = (char)(0x80u | (rest & 0x3Fu));
        text[0] = (char)((0xF00u >> len & 0xFFu) | rest);
        text[len] = '\0';
        fold(text, out, sizeof out);
        ck_assert_uint_le(strlen(out), (size_t)len);
    }
}
END_TEST

START_TEST(broken_utf8_and_small_buffers_are_survived)
{
    char out[4];

    fold("\xC3", out, sizeof out);
    ck_assert_str_eq(out, "\xC3");
    fold("ABCDEF", out, sizeof out);
    ck_assert_str_eq(out, "abc");
    fold("ABÄ", out, sizeof out);
    ck_assert_str_eq(out, "ab");
}
END_TEST

static void add(TCase *tests)
{
    ADD(letters_of_every_script_with_case_are_folded);
    ADD(text_without_case_stays);
    ADD(a_folded_name_is_never_longer);
    ADD(broken_utf8_and_small_buffers_are_survived);
}

int main(void)
{
    return run_tests("users fold", add);
}
