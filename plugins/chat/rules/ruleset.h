/* What rules say to a command. Sans-IO: the rules are given, and deciding allocates nothing.
 *
 * Deny comes before ask, ask before allow, and among equals the oldest id; without any, a human is asked. A command of
 * a shell is split (shell_split.h): every part needs a rule that allows it, and one part that is denied or must be
 * asked decides for all. */
#ifndef CHAT_RULESET_H
#define CHAT_RULESET_H

#include "rules/shell_split.h"

typedef enum { RULE_ALLOW = 1, RULE_DENY, RULE_ASK } rule_effect;

/* "allow", "deny", "ask"; 0 for anything else. */
rule_effect rule_effect_of(const char *name);
const char *rule_effect_name(rule_effect effect);

/* A rule as it is stored. The texts are copied. */
typedef struct {
    int64_t id;
    int64_t agent_id; /* 0: every agent's */
    const char *tool; /* "*": every tool */
    const char *pattern;
    rule_effect effect;
    int64_t expires_ms;     /* 0: never */
    const char *session_id; /* "": every session's */
} rule_given;

typedef struct ruleset ruleset;

ruleset *ruleset_new(void);
void ruleset_free(ruleset *set);
/* In the order of ids. false: no memory, or *ret_why says what is wrong with the pattern. */
bool ruleset_add(ruleset *set, const rule_given *rule, const char **ret_why);

/* What an agent wishes to do. */
typedef struct {
    int64_t agent_id;
    const char *tool;       /* "" when it was not said */
    const char *session_id; /* "" when it was not said */
    sw_str command;
    int64_t now_ms;
    bool shell;      /* the command is one of a shell */
    bool other_text; /* what came with it names another command than this one: no rule allows it */
    shell_is_wrapper is_wrapper;
    void *wrapper_arg;
} wish;

enum { VERDICT_PARTS_MAX = 64 }; /* a command of more parts is never allowed */

typedef struct {
    sw_str text;
    rule_effect effect;
    int64_t rule_id; /* 0: none */
} verdict_part;

typedef struct {
    rule_effect effect;
    int64_t rule_id;     /* the rule that decided; 0: none. Of several that allow, that of the first part */
    int64_t until_ms;    /* when the first of the rules that spoke expires; 0: none does */
    const char *because; /* a static text without the end of a sentence */
    const char *find;    /* why no wildcard allows it, "" when nothing stands against that */
    verdict_part parts[VERDICT_PARTS_MAX];
    size_t part_count;
} verdict;

/* `spare`: VERDICT_SPARE(command.len) bytes, which the texts of the parts are in. */
#define VERDICT_SPARE(len) (2 * SHELL_SPARE(len))
void ruleset_decide(const ruleset *set, const wish *w, char *spare, verdict *ret);

#endif
