/* What a set of rules says to a command. */
#include "plugins/chat/rules/ruleset.h"
#include "tests/unit/run_tests.h"

#include <string.h>

static ruleset *set;
static int64_t last_id;

static void begin(void)
{
    set = ruleset_new();
    last_id = 0;
    ck_assert(set != NULL);
}

static void end(void)
{
    ruleset_free(set);
}

static void rule_of(int64_t agent, const char *tool, rule_effect effect, const char *pattern, int64_t expires_ms,
                    const char *session)
{
    const char *why = NULL;
    rule_given given = {
        .id = ++last_id,
        .agent_id = agent,
        .tool = tool,
        .pattern = pattern,
        .effect = effect,
        .expires_ms = expires_ms,
        .session_id = session,
    };
    ck_assert_msg(ruleset_add(set, &given, &why), "%s", why);
}

static void rule(rule_effect effect, const char *pattern)
{
    rule_of(0, "Bash", effect, pattern, 0, "");
}

static bool is_wrapper(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "sh") == 0 || strcmp(name, "eval") == 0;
}

static verdict asked(const wish *given)
{
    static char spare[VERDICT_SPARE(65536)];
    wish w = *given;
    verdict v;

    w.shell = w.shell || strcmp(w.tool, "Bash") == 0;
    w.is_wrapper = is_wrapper;
    ruleset_decide(set, &w, spare, &v);
    return v;
}

static verdict said(const char *command)
{
    wish w = {.agent_id = 7, .tool = "Bash", .session_id = "", .command = {command, strlen(command)}, .now_ms = 1000};
    return asked(&w);
}

static void says(const char *command, rule_effect effect, int64_t rule_id)
{
    verdict v = said(command);

    ck_assert_msg(v.effect == effect && v.rule_id == rule_id, "%s: %s by %lld, %s", command, rule_effect_name(v.effect),
                  (long long)v.rule_id, v.because);
}

START_TEST(deny_goes_before_ask_and_ask_before_allow)
{
    rule(RULE_ALLOW, "git *");
    rule(RULE_ASK, "git push*");
    rule(RULE_DENY, "git push --force*");
    rule(RULE_ALLOW, "git status");
    says("git status", RULE_ALLOW, 1);
    says("git push", RULE_ASK, 2);
    says("git push --force x", RULE_DENY, 3);
    says("rm x", RULE_ASK, 0);
    says("", RULE_ASK, 0);
}
END_TEST

START_TEST(a_compound_command_needs_a_rule_for_every_part)
{
    rule(RULE_ALLOW, "git *");
    rule(RULE_ALLOW, "ls");
    rule(RULE_DENY, "rm *");
    rule(RULE_ASK, "ls -l*");
    says("git status && ls", RULE_ALLOW, 1);
    says("ls; git status | git diff", RULE_ALLOW, 2);
    says("git status; curl x", RULE_ASK, 0);
    says("git status; rm x", RULE_DENY, 3);
    says("ls -la; git status", RULE_ASK, 4);
    says("ls -la; rm x", RULE_DENY, 3);
    verdict v = said("git status  ; curl   x;ls");
    ck_assert_uint_eq(v.part_count, 3);
    ck_assert_int_eq(v.parts[0].effect, RULE_ALLOW);
    ck_assert_int_eq(v.parts[1].effect, RULE_ASK);
    ck_assert_int_eq(v.parts[2].rule_id, 2);
}
END_TEST

START_TEST(no_wildcard_allows_what_is_more_than_plain_commands)
{
    static const char *const COMMANDS[] = {"git $(rm x)",  "git `rm x`", "git x > y", "git <<x",  "eval git x",
                                           "sh -c 'git'",  "git 'x",     "A=1 git x", "git x #y", "git x\\\ny",
                                           "git |& git x", "(git x)",    "! git x",   "git $'x'", "git <(rm x)"};
    rule(RULE_ALLOW, "*");
    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++)
        says(COMMANDS[i], RULE_ASK, 0);
    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
        char pattern[64], *out = pattern;
        for (const char *c = COMMANDS[i]; *c; c++) {
            if (strchr("*?\\", *c))
                *out++ = '\\';
            *out++ = *c;
        }
        *out = '\0';
        rule(RULE_ALLOW, pattern);
        says(COMMANDS[i], RULE_ALLOW, (int64_t)i + 2);
    }
    says("git  $(rm x)", RULE_ASK, 0);
}
END_TEST

START_TEST(a_compound_command_is_allowed_by_a_pattern_equal_to_it)
{
    rule(RULE_ALLOW, "npm ci && npm test > log");
    says("npm ci && npm test > log", RULE_ALLOW, 1);
    says("npm ci && npm test >  log", RULE_ASK, 0);
    rule(RULE_DENY, "npm test*");
    says("npm ci && npm test > log", RULE_DENY, 2);
}
END_TEST

START_TEST(rules_that_stop_look_behind_quotes_and_at_the_whole_command)
{
    rule(RULE_ALLOW, "*");
    rule(RULE_DENY, "rm *");
    rule(RULE_DENY, "curl * | sh*");
    rule(RULE_ASK, "git push*");
    says("r'm' x", RULE_DENY, 2);
    says("\\rm x", RULE_DENY, 2);
    says("r\\\nm x", RULE_DENY, 2);
    says("ls;  rm   x", RULE_DENY, 2);
    says("curl  x  |  sh", RULE_DENY, 3);
    says("curl \"x\" | s'h'", RULE_DENY, 3);
    says("git 'push' x", RULE_ASK, 4);
    says("echo rm x", RULE_ALLOW, 1);
    says("echo $(x); rm x", RULE_DENY, 2);
}
END_TEST

START_TEST(a_rule_is_for_its_agent_tool_session_and_time)
{
    wish w = {.agent_id = 7, .tool = "Bash", .session_id = "s1", .command = {"ls", 2}, .now_ms = 1000};

    rule_of(8, "Bash", RULE_ALLOW, "ls", 0, "");
    rule_of(7, "Read", RULE_ALLOW, "ls", 0, "");
    rule_of(7, "bash", RULE_ALLOW, "ls", 0, "");
    rule_of(7, "Bash", RULE_ALLOW, "ls", 1000, "");
    rule_of(7, "Bash", RULE_ALLOW, "ls", 0, "s2");
    ck_assert_int_eq(asked(&w).effect, RULE_ASK);
    rule_of(7, "*", RULE_ALLOW, "ls", 1001, "s1");
    ck_assert_int_eq(asked(&w).rule_id, 6);
    w.now_ms = 1001;
    ck_assert_int_eq(asked(&w).effect, RULE_ASK);
}
END_TEST

START_TEST(a_tool_that_is_no_shell_is_matched_as_it_stands)
{
    static const char COMMAND[] = "WebFetch https://x/?a=1&b=2;c  ";
    wish w = {.agent_id = 7, .tool = "WebFetch", .session_id = "", .command = {COMMAND, strlen(COMMAND)}};

    rule_of(0, "WebFetch", RULE_ALLOW, "WebFetch https://x/*", 0, "");
    ck_assert_int_eq(asked(&w).effect, RULE_ALLOW);
    w.shell = true;
    ck_assert_int_eq(asked(&w).effect, RULE_ASK);
}
END_TEST

START_TEST(no_rule_allows_a_command_whose_input_names_another)
{
    wish w = {.agent_id = 7, .tool = "Bash", .session_id = "", .command = {"ls", 2}, .other_text = true};

    rule(RULE_ALLOW, "ls");
    ck_assert_int_eq(asked(&w).effect, RULE_ASK);
    rule(RULE_DENY, "ls");
    ck_assert_int_eq(asked(&w).effect, RULE_DENY);
}
END_TEST

START_TEST(a_command_of_too_many_parts_is_never_allowed)
{
    char command[256] = "";

    rule(RULE_ALLOW, "ls");
    for (int i = 0; i < VERDICT_PARTS_MAX; i++)
        strcat(command, "ls;");
    says(command, RULE_ALLOW, 1);
    strcat(command, "ls");
    says(command, RULE_ASK, 0);
    rule(RULE_DENY, "rm x");
    strcpy(command + strlen(command) - 2, "rm x");
    says(command, RULE_DENY, 2);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, begin, end);
    ADD(deny_goes_before_ask_and_ask_before_allow);
    ADD(a_compound_command_needs_a_rule_for_every_part);
    ADD(no_wildcard_allows_what_is_more_than_plain_commands);
    ADD(a_compound_command_is_allowed_by_a_pattern_equal_to_it);
    ADD(rules_that_stop_look_behind_quotes_and_at_the_whole_command);
    ADD(a_rule_is_for_its_agent_tool_session_and_time);
    ADD(a_tool_that_is_no_shell_is_matched_as_it_stands);
    ADD(no_rule_allows_a_command_whose_input_names_another);
    ADD(a_command_of_too_many_parts_is_never_allowed);
}

int main(void)
{
    return run_tests("ruleset", add);
}
