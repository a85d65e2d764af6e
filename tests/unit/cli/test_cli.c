/* Commands and their arguments: what is refused, and how it exits. */
#include "core/cli/cli.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char said[16384];

/* Runs the command line with stdout and stderr in `said`. */
static int run(const char *a, const char *b, const char *c)
{
    char program[] = "steward", words[3][64] = {"", "", ""};
    const char *given[] = {a, b, c};
    char *argv[5] = {program};
    int argc = 1;
    for (int i = 0; i < 3 && given[i]; i++) {
        snprintf(words[i], sizeof words[i], "%s", given[i]);
        argv[argc++] = words[i];
    }
    int fd = memfd_create("said", 0);
    ck_assert_int_ge(fd, 0);
    fflush(NULL);
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    int code = cli_main(argc, argv);
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    ssize_t len = pread(fd, said, sizeof said - 1, 0);
    said[len > 0 ? len : 0] = '\0';
    close(fd);
    return code;
}

static void says(const char *text)
{
    ck_assert_msg(strstr(said, text) != NULL, "\"%s\" is not in:\n%s", text, said);
}

START_TEST(an_unknown_command_exits_with_2_and_a_hint)
{
    ck_assert_int_eq(run("srve", NULL, NULL), CLI_USAGE);
    says("unknown command \"srve\"");
    says("try: steward help");
}
END_TEST

START_TEST(no_command_shows_the_help_and_exits_with_2)
{
    ck_assert_int_eq(run(NULL, NULL, NULL), CLI_USAGE);
    says("usage: steward COMMAND");
}
END_TEST

START_TEST(every_command_explains_itself)
{
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
        char first[64];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(CLI_COMMANDS[i].name, " "), CLI_COMMANDS[i].name);
        const char *second = strchr(CLI_COMMANDS[i].name, ' ');
        ck_assert_int_eq(run("help", first, second ? second + 1 : NULL), CLI_OK);
        says(CLI_COMMANDS[i].summary);
        ck_assert_int_eq(run(first, second ? second + 1 : "--help", second ? "--help" : NULL), CLI_OK);
        says(CLI_COMMANDS[i].usage);
        ck_assert_int_eq(run("help", first, NULL), CLI_OK);
        says(CLI_COMMANDS[i].summary);
    }
}
END_TEST

START_TEST(unknown_options_and_surplus_words_are_refused)
{
    ck_assert_int_eq(run("serve", "--prot", NULL), CLI_USAGE);
    says("unknown option: --prot");
    ck_assert_int_eq(run("check", "--template", NULL), CLI_USAGE);
    ck_assert_int_eq(run("check", "-c", NULL), CLI_USAGE);
    says("needs a file: -c");
    ck_assert_int_eq(run("version", "twice", NULL), CLI_USAGE);
    says("unexpected argument: twice");
    ck_assert_int_eq(run("help", "nothing", NULL), CLI_USAGE);
}
END_TEST

START_TEST(half_a_command_of_two_words_is_answered_by_those_there_are)
{
    ck_assert_int_eq(run("plugin", "show", "x.so"), CLI_USAGE);
    says("unknown command \"plugin show\"");
    says("plugin inspect");
    ck_assert_ptr_null(strstr(said, "serve"));
    ck_assert_int_eq(run("plugin", NULL, NULL), CLI_USAGE);
    says("incomplete command \"plugin\"");
    ck_assert_int_eq(run("plugin", "--help", NULL), CLI_OK);
    says("usage: steward plugin inspect FILE.so");
    ck_assert_int_eq(run("plugin", "inspect", NULL), CLI_USAGE);
    says("usage: steward plugin inspect FILE.so");
    ck_assert_int_eq(run("help", "plugin", "show"), CLI_USAGE);
    ck_assert_int_eq(run("help", "serve", "plugin"), CLI_USAGE);
    ck_assert_int_eq(run("", NULL, NULL), CLI_USAGE);
}
END_TEST

START_TEST(a_missing_config_file_is_an_error)
{
    ck_assert_int_eq(run("check", "-c", "/nowhere/steward.conf"), CLI_FAILED);
    says("/nowhere/steward.conf");
}
END_TEST

START_TEST(the_version_names_the_abi)
{
    ck_assert_int_eq(run("version", NULL, NULL), CLI_OK);
    says("(plugin ABI 1.2)");
    ck_assert_int_eq(run("--version", NULL, NULL), CLI_OK);
    says("(plugin ABI 1.2)");
}
END_TEST

START_TEST(a_number_is_digits_and_nothing_else)
{
    static const char *const WRONG[] = {"", "x", "-1", "1x", "+1", " 1", "1234567"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        const char *words[] = {"backup", "--keep", WRONG[i]};
        char program[] = "steward", group[] = "db", a[16], b[16], c[16];
        snprintf(a, sizeof a, "%s", words[0]);
        snprintf(b, sizeof b, "%s", words[1]);
        snprintf(c, sizeof c, "%s", words[2]);
        char *argv[] = {program, group, a, b, c, NULL};
        ck_assert_int_eq(cli_main(5, argv), CLI_USAGE);
    }
    ck_assert_int_eq(run("db", "backup", "--keep"), CLI_USAGE);
    says("needs a number: --keep");
}
END_TEST

START_TEST(the_commands_of_a_group_are_named)
{
    ck_assert_int_eq(run("db", NULL, NULL), CLI_USAGE);
    says("there are: db backup, db check, db restore\n");
    ck_assert_int_eq(run("user", "add", NULL), CLI_USAGE);
    says("there are: user passwd\n");
}
END_TEST

static void add(TCase *tests)
{
    ADD(an_unknown_command_exits_with_2_and_a_hint);
    ADD(no_command_shows_the_help_and_exits_with_2);
    ADD(every_command_explains_itself);
    ADD(unknown_options_and_surplus_words_are_refused);
    ADD(half_a_command_of_two_words_is_answered_by_those_there_are);
    ADD(a_missing_config_file_is_an_error);
    ADD(the_version_names_the_abi);
    ADD(a_number_is_digits_and_nothing_else);
    ADD(the_commands_of_a_group_are_named);
}

int main(void)
{
    return run_tests("cli", add);
}
