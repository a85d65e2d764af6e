/* A command as a human sees it who decides: line by line, nothing pushed out of sight, nothing missing without a word.
 */
#include "core/common/shown_command.h"
#include "tests/unit/run_tests.h"

static command_shown what;

static const char *shown_by(const char *text, size_t len, const command_form *form)
{
    static char out[64 * 1024];
    buf b;
    buf_init(&b, sizeof out);
    what = command_show(text, len, form, &b);
    ck_assert(!b.failed);
    snprintf(out, sizeof out, "%.*s", (int)b.len, b.at ? b.at : "");
    buf_done(&b);
    return out;
}

static const char *shown(const char *text)
{
    return shown_by(text, strlen(text), &COMMAND_FORM);
}

START_TEST(each_line_has_its_number)
{
    ck_assert_str_eq(shown("ls"), "1 │ ls");
    ck_assert(what.whole && what.lines == 1);
    ck_assert_str_eq(shown("a\n\tb\r\nc\n"), "1 │ a\n2 │ \tb\n3 │ c");
    ck_assert(what.whole && what.lines == 3);
    ck_assert_str_eq(shown("a\n\nb"), "1 │ a\n2 │ \n3 │ b");
    ck_assert_str_eq(shown(""), "");
}
END_TEST

START_TEST(a_line_cannot_pass_for_one_of_the_card)
{
    ck_assert_str_eq(shown("ls\n- reason: none\n2 │ ok"), "1 │ ls\n2 │ - reason: none\n3 │ 2 │ ok");
    command_form bar = COMMAND_FORM;
    bar.numbers = false;
    ck_assert_str_eq(shown_by("a\nb", 3, &bar), "│ a\n│ b");
}
END_TEST

START_TEST(runs_of_empty_lines_are_folded_into_their_count)
{
    char text[3000];
    memset(text, '\n', sizeof text);
    text[0] = 'a';
    text[2000] = ' ';
    text[2998] = 'b';
    ck_assert_str_eq(shown_by(text, 2999, &COMMAND_FORM), "1 │ a\n2–2996 │ (2995 empty lines)\n2997 │ b");
    ck_assert(what.whole);
    ck_assert_str_eq(shown("a\n \n\t\r\n\n"), "1 │ a\n2–4 │ (3 empty lines)");
    ck_assert_str_eq(shown("\n\nx"), "1–2 │ (2 empty lines)\n3 │ x");
}
END_TEST

START_TEST(runs_of_blanks_are_folded_and_the_hidden_is_shown)
{
    char text[400];
    snprintf(text, sizeof text, "ls%300s; rm", "");
    ck_assert_str_eq(shown(text), "1 │ ls<U+0020 ×300>; rm");
    ck_assert_str_eq(shown("                x"), "1 │                 x");
    ck_assert_str_eq(shown("a\xE2\x80\x8B"
                           "b <U+0020 ×9>"),
                     "1 │ a<U+200B>b <U+003C>U+0020 ×9>");
    ck_assert_str_eq(shown("\xE3\x85\xA4\nx"), "1 │ <U+3164>\n2 │ x");
}
END_TEST

START_TEST(what_is_cut_is_counted)
{
    command_form small = COMMAND_FORM;
    small.max = 20;
    ck_assert_str_eq(shown_by("0123456789\n数数数数数\nc\n", 29, &small),
                     "1 │ 0123456789\n2 │ 数\n(7 characters, to line 3, are not shown)");
    ck_assert(!what.whole && what.lines == 3);
    small.max = 0;
    ck_assert_str_eq(shown_by("ab", 2, &small), "\n(2 characters, to line 1, are not shown)");
    ck_assert(!what.whole);
    char text[70000];
    memset(text, 'x', sizeof text);
    (void)shown_by(text, 60000, &COMMAND_FORM);
    ck_assert(what.whole);
    for (size_t len = 0; len < 60; len++) { /* no limit cuts a character or a mark */
        small.max = len;
        const char *out = shown_by("a\xE2\x80\x8B数\xF0\x9F\x98\x80\xFF\nb", 12, &small);
        ck_assert_int_eq(what.whole, strstr(out, "not shown") == NULL);
        ck_assert(!strstr(out, "<U+FFFD") || strstr(out, "<U+FFFD>"));
        ck_assert(!strstr(out, "<U+200") || strstr(out, "<U+200B>"));
    }
}
END_TEST

static void add(TCase *tests)
{
    ADD(each_line_has_its_number);
    ADD(a_line_cannot_pass_for_one_of_the_card);
    ADD(runs_of_empty_lines_are_folded_into_their_count);
    ADD(runs_of_blanks_are_folded_and_the_hidden_is_shown);
    ADD(what_is_cut_is_counted);
}

int main(void)
{
    return run_tests("shown command", add);
}
