#include "core/config/ini.h"
#include "tests/unit/run_tests.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What the parser said, one event a line. */
static char said[4096];

static void say(const char *format, ...)
{
    size_t len = strlen(said);
    va_list args;
    va_start(args, format);
    vsnprintf(said + len, sizeof said - len, format, args);
    va_end(args);
}

static void on_section(void *arg, int line, sw_str name)
{
    (void)arg;
    say("%d[%.*s]\n", line, (int)name.len, name.at);
}

static void on_setting(void *arg, int line, sw_str section, sw_str key, sw_str value)
{
    (void)arg;
    say("%d %.*s.%.*s=%.*s|\n", line, (int)section.len, section.at, (int)key.len, key.at, (int)value.len, value.at);
}

static void on_error(void *arg, int line, const char *message)
{
    (void)arg;
    say("%d! %s\n", line, message);
}

static void expect_bytes(const char *text, size_t len, const char *events)
{
    const ini_reader reader = {.section = on_section, .setting = on_setting, .error = on_error};
    said[0] = '\0';
    ini_parse(text, len, &reader);
    ck_assert_str_eq(said, events);
}

#define EXPECT(text, events) expect_bytes((text), sizeof(text) - 1, (events))

START_TEST(sections_and_settings_are_found)
{
    EXPECT("", "");
    EXPECT("[a]\nb = c\n", "1[a]\n2 a.b=c|\n");
    EXPECT("[ plugin:dev-mock ]\n  b=c", "1[plugin:dev-mock]\n2 plugin:dev-mock.b=c|\n");
    EXPECT("[a]\nb =\nc = \t\n", "1[a]\n2 a.b=|\n3 a.c=|\n");
}
END_TEST

START_TEST(crlf_and_a_byte_order_mark_are_fine)
{
    EXPECT("\xEF\xBB\xBF[a]\r\nb = c\r\n\r\n", "1[a]\n2 a.b=c|\n");
}
END_TEST

START_TEST(comments_begin_lines_alone)
{
    EXPECT("# x\n; y\n  # z\n[a]\nb = c # d ; e\n", "4[a]\n5 a.b=c # d ; e|\n");
}
END_TEST

START_TEST(values_are_taken_as_they_are)
{
    EXPECT("[a]\nb = \"quoted = text\" \nc = 'x'\nd = a=b\ne = \\n\n",
           "1[a]\n2 a.b=\"quoted = text\"|\n3 a.c='x'|\n4 a.d=a=b|\n5 a.e=\\n|\n");
    EXPECT("[a]\nb = 1\n  c = 2\n", "1[a]\n2 a.b=1|\n3 a.c=2|\n"); /* no continuation lines */
}
END_TEST

START_TEST(wrong_lines_are_named_and_skipped)
{
    EXPECT("x = 1\n", "1! the setting stands before the first [section]\n");
    EXPECT("[a]\nnonsense\nb = 1\n", "1[a]\n2! a setting is written key = value\n3 a.b=1|\n");
    EXPECT("[a]\n= 1\nB = 1\nb c = 1\n", "1[a]\n2! a key is written in lower-case letters, digits and _\n"
                                         "3! a key is written in lower-case letters, digits and _\n"
                                         "4! a key is written in lower-case letters, digits and _\n");
    EXPECT("[a]\nb = \xFF\nc = d\0e\n", "1[a]\n2! the line is not UTF-8\n3! the line holds a NUL\n");
}
END_TEST

START_TEST(settings_under_a_wrong_section_are_not_taken_for_others)
{
    EXPECT("[a]\n[b\nc = 1\n[]\nd = 1\n[X]\n[a]\ne = 1\n",
           "1[a]\n2! a section is written [name], in lower case\n4! a section is written [name], in lower case\n"
           "6! a section is written [name], in lower case\n7[a]\n8 a.e=1|\n");
    EXPECT("[", "1! a section is written [name], in lower case\n");
}
END_TEST

START_TEST(lines_have_a_limit)
{
    static char text[INI_LINE_MAX + 100];
    memcpy(text, "[a]\nb = ", 8);
    memset(text + 8, 'x', INI_LINE_MAX);
    memcpy(text + 8 + INI_LINE_MAX, "\nc = 1\n", 7);
    expect_bytes(text, 8 + INI_LINE_MAX + 7, "1[a]\n2! the line is longer than 64 KiB\n3 a.c=1|\n");
}
END_TEST

static void add(TCase *tests)
{
    ADD(sections_and_settings_are_found);
    ADD(crlf_and_a_byte_order_mark_are_fine);
    ADD(comments_begin_lines_alone);
    ADD(values_are_taken_as_they_are);
    ADD(wrong_lines_are_named_and_skipped);
    ADD(settings_under_a_wrong_section_are_not_taken_for_others);
    ADD(lines_have_a_limit);
}

int main(void)
{
    return run_tests("ini", add);
}
