/* The rules that are in force, and their verdict on a command.
 *
 * A rule keeps its pattern twice: as it is written, for tools that are no shell, and with its blanks tidied, for parts
 * of a shell's command. Rules that deny or ask see a part also after quotes were removed, and the whole command beside
 * its parts; rules that allow see a part as it stands. */
#include "rules/ruleset.h"

#include "rules/pattern.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t id, agent_id, expires_ms;
    char *tool, *session_id; /* "" for every session */
    pattern *written, *tidy;
    bool any_tool;
} rule;

typedef struct {
    rule *rules; /* in the order of ids */
    size_t count, room;
} rule_list;

struct ruleset {
    rule_list lists[RULE_ASK + 1]; /* by effect */
};

static const char *const EFFECTS[] = {[RULE_ALLOW] = "allow", [RULE_DENY] = "deny", [RULE_ASK] = "ask"};

rule_effect rule_effect_of(const char *name)
{
    for (rule_effect effect = RULE_ALLOW; effect <= RULE_ASK; effect++)
        if (strcmp(EFFECTS[effect], name) == 0)
            return effect;
    return 0;
}

const char *rule_effect_name(rule_effect effect)
{
    return effect >= RULE_ALLOW && effect <= RULE_ASK ? EFFECTS[effect] : "";
}

/* ---- the set ---- */

ruleset *ruleset_new(void)
{
    return calloc(1, sizeof(ruleset));
}

static void rule_done(rule *r)
{
    free(r->tool);
    free(r->session_id);
    pattern_free(r->written);
    pattern_free(r->tidy);
}

void ruleset_free(ruleset *set)
{
    if (!set)
        return;
    for (rule_effect effect = RULE_ALLOW; effect <= RULE_ASK; effect++) {
        for (size_t i = 0; i < set->lists[effect].count; i++)
            rule_done(&set->lists[effect].rules[i]);
        free(set->lists[effect].rules);
    }
    free(set);
}

static rule *place_for(rule_list *list)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        rule *rules = reallocarray(list->rules, room, sizeof *rules);
        if (!rules)
            return NULL;
        list->rules = rules;
        list->room = room;
    }
    return &list->rules[list->count];
}

bool ruleset_add(ruleset *set, const rule_given *given, const char **ret_why)
{
    rule *r = place_for(&set->lists[given->effect]);
    sw_str text = {given->pattern, strlen(given->pattern)};

    *ret_why = NULL;
    if (!r)
        return false;
    *r = (rule){
        .id = given->id,
        .agent_id = given->agent_id,
        .expires_ms = given->expires_ms,
        .tool = strdup(given->tool),
        .session_id = strdup(given->session_id),
        .any_tool = strcmp(given->tool, "*") == 0,
        .written = pattern_read(text, false, ret_why),
        .tidy = pattern_read(text, true, ret_why),
    };
    if (!r->tool || !r->session_id || !r->written || !r->tidy) {
        rule_done(r);
        return false;
    }
    set->lists[given->effect].count++;
    return true;
}

/* ---- which rule speaks of a text ---- */

static bool concerns(const rule *r, const wish *w)
{
    return (!r->agent_id || r->agent_id == w->agent_id) && (!r->expires_ms || r->expires_ms > w->now_ms) &&
           (r->any_tool || strcmp(r->tool, w->tool) == 0) &&
           (!*r->session_id || strcmp(r->session_id, w->session_id) == 0);
}

static void spoke(verdict *ret, const rule *r)
{
    if (r->expires_ms && (!ret->until_ms || r->expires_ms < ret->until_ms))
        ret->until_ms = r->expires_ms;
}

static bool same_text(sw_str a, sw_str b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* The oldest rule of that effect whose pattern matches, 0 when there is none. `tidy`: the text is a part of a shell's
 * command. `plain` may be the same text. */
static int64_t oldest(const ruleset *set, rule_effect effect, const wish *w, bool tidy, sw_str text, sw_str plain,
                      verdict *ret)
{
    const rule_list *list = &set->lists[effect];
    bool twice = !same_text(text, plain);
    uint64_t bytes = pattern_bytes(text), plain_bytes = twice ? pattern_bytes(plain) : 0;

    for (size_t i = 0; i < list->count; i++) {
        const rule *r = &list->rules[i];
        const pattern *p = tidy ? r->tidy : r->written;
        if ((pattern_matches(p, text, bytes) || (twice && pattern_matches(p, plain, plain_bytes))) && concerns(r, w)) {
            spoke(ret, r);
            return r->id;
        }
    }
    return 0;
}

/* The oldest rule that allows exactly this command, byte by byte. */
static int64_t oldest_equal(const ruleset *set, const wish *w, verdict *ret)
{
    const rule_list *list = &set->lists[RULE_ALLOW];

    for (size_t i = 0; i < list->count; i++)
        if (pattern_equals(list->rules[i].written, w->command) && concerns(&list->rules[i], w)) {
            spoke(ret, &list->rules[i]);
            return list->rules[i].id;
        }
    return 0;
}

/* ---- the verdict ---- */

typedef struct {
    int64_t deny, ask; /* the oldest rule that said so, 0 for none */
    bool open;         /* a part that no rule allows */
    bool too_many;
    shell_why why;
} finding;

static void older(int64_t *kept, int64_t id)
{
    if (id && (!*kept || id < *kept))
        *kept = id;
}

/* What the rules that stop say to this text: that of one that denies, else that of one that asks. */
static verdict_part stopped(const ruleset *set, const wish *w, bool tidy, sw_str text, sw_str plain, finding *f,
                            verdict *ret)
{
    int64_t id = oldest(set, RULE_DENY, w, tidy, text, plain, ret);

    older(&f->deny, id);
    if (id)
        return (verdict_part){.text = text, .effect = RULE_DENY, .rule_id = id};
    id = oldest(set, RULE_ASK, w, tidy, text, plain, ret);
    older(&f->ask, id);
    return (verdict_part){.text = text, .effect = RULE_ASK, .rule_id = id};
}

static void judge_part(const ruleset *set, const wish *w, bool tidy, sw_str text, sw_str plain, finding *f,
                       verdict *ret)
{
    verdict_part part = stopped(set, w, tidy, text, plain, f, ret);

    if (part.effect == RULE_ASK && !part.rule_id) {
        part.rule_id = oldest(set, RULE_ALLOW, w, tidy, text, text, ret);
        if (part.rule_id)
            part.effect = RULE_ALLOW;
        else
            f->open = true;
    }
    if (ret->part_count < VERDICT_PARTS_MAX)
        ret->parts[ret->part_count++] = part;
    else
        f->too_many = true;
}

/* The rules that stop see the whole command as well, as it came, tidied, and without quotes. */
static void judge_whole(const ruleset *set, const wish *w, char *spare, finding *f, verdict *ret)
{
    shell_scan s;
    shell_part whole;

    shell_begin_whole(&s, w->command, spare);
    if (!shell_next(&s, &whole))
        return;
    stopped(set, w, true, whole.tidy, whole.plain, f, ret);
    stopped(set, w, false, w->command, w->command, f, ret);
}

static void judge_shell(const ruleset *set, const wish *w, char *spare, finding *f, verdict *ret)
{
    shell_scan s;
    shell_part part;

    judge_whole(set, w, spare + SHELL_SPARE(w->command.len), f, ret);
    shell_begin(&s, w->command, spare, w->is_wrapper, w->wrapper_arg);
    while (shell_next(&s, &part))
        judge_part(set, w, true, part.tidy, part.plain, f, ret);
    f->why = s.why;
    if (ret->part_count == 0)
        f->open = true;
}

static void settle(verdict *ret, rule_effect effect, int64_t rule_id, const char *because)
{
    ret->effect = effect;
    ret->rule_id = rule_id;
    ret->because = because;
}

/* A rule that is equal to the whole command allows each of its parts. */
static void allow_equal(verdict *ret, int64_t rule_id)
{
    settle(ret, RULE_ALLOW, rule_id, "a rule that is equal to the command allows it");
    for (size_t i = 0; i < ret->part_count; i++) {
        ret->parts[i].effect = RULE_ALLOW;
        ret->parts[i].rule_id = rule_id;
    }
}

void ruleset_decide(const ruleset *set, const wish *w, char *spare, verdict *ret)
{
    finding f = {0};
    int64_t equal;

    ret->part_count = 0;
    ret->until_ms = 0;
    if (w->shell)
        judge_shell(set, w, spare, &f, ret);
    else
        judge_part(set, w, false, w->command, w->command, &f, ret);
    if (w->command.len > 0 && memchr(w->command.at, '\0', w->command.len))
        f.why = SHELL_NUL;
    ret->find = shell_why_text(f.why);
    if (f.deny)
        settle(ret, RULE_DENY, f.deny, "a rule denies it");
    else if (f.ask)
        settle(ret, RULE_ASK, f.ask, "a rule says that a human must be asked");
    else if (w->other_text)
        settle(ret, RULE_ASK, 0, "its input names another command, which no rule allows");
    else if (!f.why && !f.too_many && !f.open)
        settle(ret, RULE_ALLOW, ret->parts[0].rule_id, "a rule allows it");
    else if ((equal = oldest_equal(set, w, ret)) != 0)
        allow_equal(ret, equal);
    else if (f.why)
        settle(ret, RULE_ASK, 0, "no wildcard allows it");
    else if (f.too_many)
        settle(ret, RULE_ASK, 0, "it has too many parts");
    else
        settle(ret, RULE_ASK, 0, ret->part_count > 1 ? "no rule matches every part of it" : "no rule matches");
}
