/* The patterns of rules. */
#include "plugins/chat/rules/pattern.h"
#include "tests/unit/run_tests.h"

#include <string.h>

static pattern *read_text(const char *text, bool tidy)
{
    const char *why = NULL;
    pattern *p = pattern_read((sw_str){text, strlen(text)}, tidy, &why);

    ck_assert_msg(p != NULL, "%s: %s", text, why);
    return p;
}

static bool fits(const pattern *p, sw_str text)
{
    return pattern_matches(p, text, pattern_bytes(text));
}

static bool matches(const char *text, const char *command)
{
    pattern *p = read_text(text, true);
    bool yes = fits(p, (sw_str){command, strlen(command)});

    pattern_free(p);
    return yes;
}

#define YES(text, command) ck_assert_msg(matches(text, command), "%s does not match %s", text, command)
#define NO(text, command)  ck_assert_msg(!matches(text, command), "%s matches %s", text, command)

START_TEST(a_pattern_is_anchored_at_both_ends)
{
    YES("git status", "git status");
    NO("git status", "git status -s");
    NO("git status", "sudo git status");
    NO("git status", "git statu");
    YES("", "");
    NO("", "a");
}
END_TEST

START_TEST(a_star_is_any_run_and_a_question_mark_one_character)
{
    YES("git *", "git status");
    YES("git *", "git ");
    NO("git *", "git");
    YES("*", "");
    YES("*", "anything\nat all");
    YES("**a**", "bab");
    YES("a*b*c", "axxbxxbxxc");
    NO("a*b*c", "axxcxxb");
    NO("ab*ba", "aba");
    YES("ab*ba", "abba");
    YES("a?c", "abc");
    NO("a?c", "ac");
    YES("a?c", "a\xc3\xa9"
               "c");
    NO("a?c", "a\xc3\xa9\xc3\xa9"
              "c");
    YES("*?x*", "yyx");
    NO("*?x*", "x");
    YES("*\xc3\xa9?b*", "aa\xc3\xa9\xe4\xbd\xa0"
                        "bb");
    YES("?*?", "\xe4\xbd\xa0\xe4\xbd\xa0");
    NO("?*?", "\xe4\xbd\xa0");
    YES("*a?a?b", "aaaaaab");
    YES("*a?b*c", "aaaxbc");
}
END_TEST

START_TEST(a_backslash_takes_the_next_character_as_it_stands)
{
    YES("a\\*b", "a*b");
    NO("a\\*b", "axb");
    YES("a\\?", "a?");
    NO("a\\?", "ab");
    YES("a\\\\", "a\\");
    YES("a\\", "a\\");
    YES("a\\b", "ab");
}
END_TEST

START_TEST(blanks_of_a_pattern_outside_quotes_are_one_space)
{
    YES("  git  \t status ", "git status");
    YES("echo 'a  b'", "echo 'a  b'");
    NO("echo 'a  b'", "echo 'a b'");
    YES("echo\\  x", "echo  x");
}
END_TEST

START_TEST(only_a_pattern_without_wildcards_or_the_same_bytes_are_equal)
{
    static const struct {
        const char *text, *command;
        bool equal;
    } CASES[] = {
        {"a; b", "a; b", true}, {"a;  b", "a; b", false}, {"a*", "a*", true},  {"a*", "ab", false},
        {"a\\*", "a*", true},   {"a\\*", "a\\*", true},   {"a?", "ab", false}, {"*", "", false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        pattern *p = read_text(CASES[i].text, false);
        ck_assert_msg(pattern_equals(p, (sw_str){CASES[i].command, strlen(CASES[i].command)}) == CASES[i].equal, "%s",
                      CASES[i].text);
        pattern_free(p);
    }
}
END_TEST

START_TEST(a_pattern_that_would_cost_too_much_is_refused)
{
    char text[512] = "*?";
    const char *why = NULL;

    memset(text + 2, 'a', 64);
    strcat(text, "*");
    ck_assert(!pattern_read((sw_str){text, strlen(text)}, true, &why));
    ck_assert_str_eq(why, "pattern has too many ? between two *");
    *text = '\0';
    for (int i = 0; i < 33; i++)
        strcat(text, "*?");
    strcat(text, "*");
    ck_assert(!pattern_read((sw_str){text, strlen(text)}, true, &why));
    ck_assert(!pattern_read((sw_str){"a\0b", 3}, true, &why));
    ck_assert_str_eq(why, "pattern must not hold a NUL");
}
END_TEST

/* The plain recursive definition. */
static bool slow(const char *p, const char *t)
{
    if (*p == '\0')
        return *t == '\0';
    if (*p == '*')
        return slow(p + 1, t) || (*t && slow(p, t + 1));
    if (*p == '?')
        return *t && slow(p + 1, t + 1);
    return *p == *t && slow(p + 1, t + 1);
}

START_TEST(every_short_pattern_matches_as_the_definition_says)
{
    static const char LETTERS[] = "ab*?", BYTES[] = "ab";
    char text[8], command[8];

    for (unsigned n = 0; n < 4 * 4 * 4 * 4 * 4 * 4; n++) {
        for (unsigned i = 0, left = n; i < 6; i++, left /= 4)
            text[i] = LETTERS[left % 4];
        text[6] = '\0';
        pattern *p = read_text(text + n % 3, false);
        for (unsigned m = 0; m < 128; m++) {
            unsigned len = m % 8;
            for (unsigned i = 0; i < len; i++)
                command[i] = BYTES[(m >> (i % 7)) & 1];
            command[len] = '\0';
            ck_assert_msg(fits(p, (sw_str){command, len}) == slow(text + n % 3, command), "%s %s", text + n % 3,
                          command);
        }
        pattern_free(p);
    }
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_pattern_is_anchored_at_both_ends);
    ADD(a_star_is_any_run_and_a_question_mark_one_character);
    ADD(a_backslash_takes_the_next_character_as_it_stands);
    ADD(blanks_of_a_pattern_outside_quotes_are_one_space);
    ADD(only_a_pattern_without_wildcards_or_the_same_bytes_are_equal);
    ADD(a_pattern_that_would_cost_too_much_is_refused);
    ADD(every_short_pattern_matches_as_the_definition_says);
}

int main(void)
{
    return run_tests("pattern", add);
}
