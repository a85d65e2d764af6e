/* How a command of a shell falls into parts, and what makes it more than parts. */
#include "plugins/chat/rules/shell_split.h"
#include "tests/unit/run_tests.h"

#include <string.h>
#include <strings.h>

static bool wrapper(void *arg, const char *name)
{
    static const char *const NAMES[] = {"sh", "eval", "sudo", ".", "python", "env", "xargs"};

    (void)arg;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcasecmp(NAMES[i], name) == 0)
            return true;
    return false;
}

/* The parts in brackets, tidied or without their quotes. */
static shell_why split(const char *command, size_t len, bool plain, char *ret)
{
    char *copy = malloc(len + 1), *spare = malloc(SHELL_SPARE(len)); /* of exactly this size, for ASan */
    shell_scan s;
    shell_part part;

    memcpy(copy, command, len);
    *ret = '\0';
    shell_begin(&s, (sw_str){copy, len}, spare, wrapper, NULL);
    while (shell_next(&s, &part)) {
        sw_str text = plain ? part.plain : part.tidy;
        ck_assert(text.at[text.len] == '\0');
        strcat(strcat(strcat(ret, "["), text.at), "]");
    }
    free(copy);
    free(spare);
    return s.why;
}

static void splits(const char *command, const char *parts)
{
    char got[512];

    ck_assert_msg(split(command, strlen(command), false, got) == SHELL_PLAIN, "%s", command);
    ck_assert_str_eq(got, parts);
}

static void without_quotes(const char *command, const char *parts)
{
    char got[512];

    split(command, strlen(command), true, got);
    ck_assert_str_eq(got, parts);
}

static void found(const char *command, shell_why why)
{
    char got[512];
    shell_why is = split(command, strlen(command), false, got);

    ck_assert_msg(is == why, "%s: %s", command, shell_why_text(is));
}

START_TEST(operators_outside_quotes_divide_a_command)
{
    splits("git status", "[git status]");
    splits("a; b & c && d || e | f\ng", "[a][b][c][d][e][f][g]");
    splits("a;b&c&&d||e|f\n\n g\n", "[a][b][c][d][e][f][g]");
    splits("a 'x;y' \"x|y\" x\\;y", "[a 'x;y' \"x|y\" x\\;y]");
    splits("a ;", "[a]");
    splits("a &", "[a]");
    splits("a |\n b", "[a][b]");
    splits("a &&\n\n b;\n", "[a][b]");
    splits("", "");
    splits(" \t \n ", "");
    splits("a 'x\ny'", "[a 'x\ny']");
    splits("echo a#b x=1 {a,b} \"it's\" 'say \"x\"' $HOME ${HOME} *.c ~",
           "[echo a#b x=1 {a,b} \"it's\" 'say \"x\"' $HOME ${HOME} *.c ~]");
    splits("sort <in | uniq", "[sort <in][uniq]");
    splits("echo ! } if sh eval", "[echo ! } if sh eval]");
    splits("echo \"a\\`b\\$(c)\" '`' '$(x)' \\$\\(x\\)", "[echo \"a\\`b\\$(c)\" '`' '$(x)' \\$\\(x\\)]");
    splits("[ -f x ]", "[[ -f x ]]");
    splits("echo \"5$\" $", "[echo \"5$\" $]");
}
END_TEST

START_TEST(a_run_of_blanks_outside_quotes_is_one_space)
{
    splits("  git \t  status\t", "[git status]");
    splits("git  commit -m  'a  b'  \"c  d\"  e\\ \\ f", "[git commit -m 'a  b' \"c  d\" e\\ \\ f]");
    splits("a  ;  b", "[a][b]");
}
END_TEST

START_TEST(quotes_are_removed_as_a_shell_removes_them)
{
    without_quotes("r'm' -rf \"/\"", "[rm -rf /]");
    without_quotes("\\r\\m -r\"\"f ''/", "[rm -rf /]");
    without_quotes("r\\\nm x", "[rm x]");
    without_quotes("\"r\\\nm\" x", "[rm x]");
    without_quotes("echo \"a\\b\\\"\\\\\\$c\"", "[echo a\\b\"\\$c]");
    without_quotes("echo 'a\\b'", "[echo a\\b]");
    without_quotes("$'rm' x", "[rm x]");
}
END_TEST

START_TEST(what_is_more_than_plain_commands_is_found)
{
    found("a $(b)", SHELL_SUBSTITUTION);
    found("a `b`", SHELL_SUBSTITUTION);
    found("a \"$(b)\"", SHELL_SUBSTITUTION);
    found("a \"`b`\"", SHELL_SUBSTITUTION);
    found("a $((1))", SHELL_SUBSTITUTION);
    found("a $[1]", SHELL_SUBSTITUTION);
    found("a <(b)", SHELL_SUBSTITUTION);
    found("a >(b)", SHELL_WRITES);
    found("a > b", SHELL_WRITES);
    found("a >>b", SHELL_WRITES);
    found("a 2>&1", SHELL_WRITES);
    found("a &> b", SHELL_WRITES);
    found("a <> b", SHELL_WRITES);
    found("a << b", SHELL_HERE_DOCUMENT);
    found("a <<< b", SHELL_HERE_DOCUMENT);
    found("a <& 3", SHELL_REDIRECTION);
    found("a <", SHELL_REDIRECTION);
    found("a < ; b", SHELL_REDIRECTION);
    found("<b a", SHELL_REDIRECTION);
    found("3<b a", SHELL_REDIRECTION);
    found("a </dev/t'c'p/b/80", SHELL_REDIRECTION);
    found("(a)", SHELL_PARENTHESIS);
    found("a() b", SHELL_PARENTHESIS);
    found("a !(b)", SHELL_PARENTHESIS);
    found("a $'b'", SHELL_DOLLAR_QUOTE);
    found("a $\"b\"", SHELL_DOLLAR_QUOTE);
    found("a ${b:-c}", SHELL_PARAMETER);
    found("a \"${b@P}\"", SHELL_PARAMETER);
    found("a #b", SHELL_COMMENT);
    found("#a", SHELL_COMMENT);
    found("a;#b", SHELL_COMMENT);
    found("a b\\\nc", SHELL_CONTINUED);
    found("a \"b\\\nc\"", SHELL_CONTINUED);
    found("a |& b", SHELL_PIPE_BOTH);
    found("a 'b", SHELL_UNBALANCED);
    found("a \"b", SHELL_UNBALANCED);
    found("a b\\", SHELL_UNBALANCED);
    found("a ;; b", SHELL_RESERVED);
    found("a | ", SHELL_NO_COMMAND);
    found("a && && b", SHELL_NO_COMMAND);
    found("; a", SHELL_NO_COMMAND);
    found("a\n| b", SHELL_NO_COMMAND);
    found("a &| b", SHELL_NO_COMMAND);
    found("a\rb", SHELL_NUL);
}
END_TEST

START_TEST(the_name_of_a_command_says_whether_it_is_one)
{
    found("if a", SHELL_RESERVED);
    found("a; then b", SHELL_RESERVED);
    found("! a", SHELL_RESERVED);
    found("{ a", SHELL_RESERVED);
    found("time a", SHELL_RESERVED);
    found("[[ a ]]", SHELL_RESERVED);
    found("function f", SHELL_RESERVED);
    found("A=1 b", SHELL_ASSIGNMENT);
    found("A+=1 b", SHELL_ASSIGNMENT);
    found("A=1", SHELL_ASSIGNMENT);
    found("a; B='x y' c", SHELL_ASSIGNMENT);
    found("$a b", SHELL_EXPANDED_NAME);
    found("r${x}m b", SHELL_EXPANDED_NAME);
    found("\"$a\" b", SHELL_EXPANDED_NAME);
    found("{rm,-rf} b", SHELL_EXPANDED_NAME);
    found("/bin/r? b", SHELL_EXPANDED_NAME);
    found("=rm b", SHELL_EXPANDED_NAME);
    found("eval a", SHELL_WRAPPER);
    found("'ev'al a", SHELL_WRAPPER);
    found("\\eval a", SHELL_WRAPPER);
    found("a | sh", SHELL_WRAPPER);
    found("/bin/sh -c a", SHELL_WRAPPER);
    found("/bin/SH -c a", SHELL_WRAPPER);
    found("python3.11 -c a", SHELL_WRAPPER);
    found("a; . b", SHELL_WRAPPER);
    found("test -v 'a[$(b)]'", SHELL_SUBSTITUTION);
    found("printf -v 'a[`b`]' c", SHELL_SUBSTITUTION);
    found("printf '`'", SHELL_SUBSTITUTION);
    found("show x", SHELL_PLAIN);
    found("git sh", SHELL_PLAIN);
}
END_TEST

START_TEST(a_nul_is_found_wherever_it_stands)
{
    static const struct {
        const char *at;
        size_t len;
    } TEXTS[] = {{"a\0b", 3}, {"a '\0'", 5}, {"a \"\0\"", 5}, {"a \\\0", 4}, {"\0", 1}};
    char got[64];

    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        ck_assert_int_eq(split(TEXTS[i].at, TEXTS[i].len, false, got), SHELL_NUL);
}
END_TEST

START_TEST(the_whole_command_can_be_had_as_one_part)
{
    static const char COMMAND[] = " curl  'x' |\t sh ; b";
    char spare[SHELL_SPARE(sizeof COMMAND)];
    shell_scan s;
    shell_part part;

    shell_begin_whole(&s, (sw_str){COMMAND, strlen(COMMAND)}, spare);
    ck_assert(shell_next(&s, &part));
    ck_assert_str_eq(part.tidy.at, "curl 'x' | sh ; b");
    ck_assert_str_eq(part.plain.at, "curl x | sh ; b");
    ck_assert(!shell_next(&s, &part));
}
END_TEST

static void add(TCase *tests)
{
    ADD(operators_outside_quotes_divide_a_command);
    ADD(a_run_of_blanks_outside_quotes_is_one_space);
    ADD(quotes_are_removed_as_a_shell_removes_them);
    ADD(what_is_more_than_plain_commands_is_found);
    ADD(the_name_of_a_command_says_whether_it_is_one);
    ADD(a_nul_is_found_wherever_it_stands);
    ADD(the_whole_command_can_be_had_as_one_part);
}

int main(void)
{
    return run_tests("shell_split", add);
}
