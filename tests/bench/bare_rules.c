/* bare_rules --seconds 3: decisions of the rules of chat. 1,000 rules of every effect, of which none is the first one
 * that fits; a command of two parts that the last rules allow, and one of the longest that may be asked. */
#include "bench.h"

#include "rules/ruleset.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RULES = 1000, LONGEST = 16384 };

static void add_rule(ruleset *set, int64_t id, rule_effect effect, const char *pattern)
{
    const char *why = NULL;
    rule_given rule = {.id = id, .tool = "Bash", .pattern = pattern, .effect = effect, .session_id = ""};

    if (!ruleset_add(set, &rule, &why))
        fail("a rule cannot be added");
}

static ruleset *rules(void)
{
    static const char *const NAMES[] = {"git", "npm", "cargo", "make", "docker", "kubectl", "go", "ls"};
    ruleset *set = ruleset_new();
    char pattern[64];

    if (!set)
        fail("no memory");
    for (int i = 1; i <= RULES - 2; i++) {
        snprintf(pattern, sizeof pattern, i % 5 == 0 ? "*%s*%d*" : "%s sub%d *", NAMES[i % 8], i);
        add_rule(set, i, i % 4 == 0 ? RULE_DENY : i % 4 == 1 ? RULE_ASK : RULE_ALLOW, pattern);
    }
    add_rule(set, RULES - 1, RULE_ALLOW, "git status*");
    add_rule(set, RULES, RULE_ALLOW, "npm test *");
    return set;
}

/* CPU microseconds for one decision. */
static double measure(const ruleset *set, const char *command, int64_t seconds, rule_effect expected)
{
    static char spare[VERDICT_SPARE(LONGEST)];
    wish w = {.tool = "Bash", .session_id = "", .command = {command, strlen(command)}, .shell = true};
    int64_t begin = cpu_ns(), until = now_ns() + seconds * 1000000000;
    uint64_t count = 0;
    verdict v;

    for (; now_ns() < until; count++) {
        ruleset_decide(set, &w, spare, &v);
        if (v.effect != expected)
            fail("the verdict is another one");
    }
    return (double)(cpu_ns() - begin) / 1e3 / (double)count;
}

int main(int argc, char **argv)
{
    static char longest[LONGEST + 1];
    int64_t seconds = option_int(argc, argv, "seconds", 3);
    ruleset *set = rules();

    memset(longest, 'g', LONGEST);
    memcpy(longest, "git commit -m ", 14);
    printf("{\"two_parts_us\":%.3f,", measure(set, "git status -s && npm test -- --watch=false", seconds, RULE_ALLOW));
    printf("\"longest_us\":%.3f}\n", measure(set, longest, seconds, RULE_ASK));
    ruleset_free(set);
    return 0;
}
