/* The rules of chat: any command is split without a byte too far, whatever is in it; deciding is the same twice; and a
 * command that is allowed by a wildcard has no syntax in it but what divides it. The first line of the input is a
 * pattern, the rest a command. */
#include "plugins/chat/rules/pattern.h"
#include "plugins/chat/rules/ruleset.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static bool is_wrapper(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "eval") == 0;
}

static void check_parts(sw_str command)
{
    char *spare = malloc(SHELL_SPARE(command.len));
    shell_scan s;
    shell_part part;
    size_t tidy = 0;

    must(spare != NULL);
    shell_begin(&s, command, spare, is_wrapper, NULL);
    while (shell_next(&s, &part)) {
        must(part.tidy.len > 0 && part.plain.len <= part.tidy.len);
        must(part.tidy.at[part.tidy.len] == '\0' && part.plain.at[part.plain.len] == '\0');
        tidy += part.tidy.len;
    }
    must(tidy <= command.len && s.at == s.end);
    free(spare);
}

static void decide(const ruleset *set, sw_str command, bool shell, verdict *ret, char *spare)
{
    wish w = {.tool = "Bash", .session_id = "", .command = command, .shell = shell, .is_wrapper = is_wrapper};

    ruleset_decide(set, &w, spare, ret);
}

static void check_verdict(const char *given, sw_str command)
{
    char *spare = malloc(VERDICT_SPARE(command.len));
    const char *why = NULL;
    ruleset *set = ruleset_new();
    rule_given rule = {.id = 1, .tool = "*", .pattern = given, .effect = RULE_ALLOW, .session_id = ""};
    verdict v;

    must(spare != NULL && set != NULL);
    if (ruleset_add(set, &rule, &why)) {
        for (int shell = 0; shell < 2; shell++) {
            decide(set, command, shell != 0, &v, spare);
            must(v.effect == RULE_ALLOW || v.effect == RULE_ASK);
            must((v.effect == RULE_ALLOW) == (v.rule_id == 1));
            if (v.effect == RULE_ALLOW && v.part_count > 0 && shell && *v.find)
                must(strlen(given) == command.len || !strpbrk(given, "*?") || strchr(given, '\\'));
        }
        rule = (rule_given){.id = 2, .tool = "*", .pattern = "*", .effect = RULE_DENY, .session_id = ""};
        must(ruleset_add(set, &rule, &why));
        decide(set, command, true, &v, spare);
        must(command.len == 0 || v.effect == RULE_DENY);
    }
    ruleset_free(set);
    free(spare);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t len = line ? (size_t)(line - data) : 0, after = line ? len + 1 : 0;
    char *given = malloc(len + 1), *text = malloc(size - after + 1);

    must(given != NULL && text != NULL);
    memcpy(given, len ? (const char *)data : "", len);
    given[len] = '\0';
    memcpy(text, size > after ? (const char *)data + after : "", size - after);
    char *command = realloc(text, size - after ? size - after : 1); /* no byte after it */
    must(command != NULL);
    check_parts((sw_str){command, size - after});
    check_verdict(given, (sw_str){command, size - after});
    free(command);
    free(given);
    return 0;
}
