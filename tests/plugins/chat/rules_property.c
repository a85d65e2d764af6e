/* The promise of rules: no syntax of the shell that is inserted into an allowed command slips through.
 *
 *   rules_property [COUNT [SEED]]          so many commands (200,000); ends with the first one that breaks the promise
 *   rules_property --print COUNT [SEED]    of so many commands, changed anywhere, those that are still allowed
 *
 * Each command is built from words that a random set of rules allows, so this file knows without the splitter where its
 * quotes are. Printed are, each ended by a NUL: the command, the number of its parts, the parts without quotes;
 * test_chat_rules_shell.py has bash and dash read and run them. */
#include "plugins/chat/rules/ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { COMMAND_MAX = 1024 };

/* ---- chance ---- */

static uint64_t state;

static uint64_t chance(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % below;
}

#define PICK(array) ((array)[chance(sizeof(array) / sizeof((array)[0]))])

/* ---- commands, and where the quotes are ---- */

/* What a place between two bytes is in. */
typedef enum { BETWEEN = 'b', FRONT = 'f', WORD = 'w', SINGLE = 's', DOUBLE = 'd', ESCAPED = 'e' } place;

typedef struct {
    char text[COMMAND_MAX];
    char places[COMMAND_MAX]; /* of the place before each byte, and of the end */
    size_t len;
} command;

/* `states` has one letter for each byte of `text`: the place before it. */
static void put(command *c, const char *text, const char *states)
{
    size_t len = strlen(text);

    if (c->len + len >= COMMAND_MAX - 64)
        return;
    memcpy(c->text + c->len, text, len);
    memcpy(c->places + c->len, states, len);
    c->len += len;
}

static const char *const NAMES[] = {"git", "ls", "make", "npm", "cargo"};
static const struct {
    const char *text, *states;
} ARGUMENTS[] = {
    {"status", "bwwwww"},     {"-v", "bw"},
    {"'a b'", "bssss"},       {"\"c d\"", "bdddd"},
    {"x'y;z'w", "bwssssw"},   {"e\\ f", "bwew"},
    {"\"it's\"", "bddddd"},   {"'say \"x\"'", "bsssssssss"},
    {"$HOME", "bwwww"},       {"\"$HOME\"", "bdddddd"},
    {"*.c", "bww"},           {"a=b", "bww"},
    {"{a,b}", "bwwww"},       {"#", "w"},
    {"\"a\\\"b\"", "bddedd"}, {"''", "bs"},
    {"\xe4\xbd\xa0", "bww"},  {"'#'", "bss"},
    {"\"|\"", "bdd"},         {"~", "b"},
};
static const char *const OPERATORS[] = {";", "&", "&&", "||", "|", "\n", " ; ", " && ", " | ", "\n\n", " & "};

static void simple(command *c)
{
    const char *name = PICK(NAMES);

    put(c, name, "fwwww");
    for (uint64_t n = chance(4); n > 0; n--) {
        size_t i = chance(sizeof ARGUMENTS / sizeof ARGUMENTS[0]);
        if (*ARGUMENTS[i].text == '#') /* not at the beginning of a word */
            put(c, " x#", "wbw");
        else {
            put(c, chance(4) ? " " : " \t ", "wbb");
            put(c, ARGUMENTS[i].text, ARGUMENTS[i].states);
        }
    }
}

static void build(command *c)
{
    c->len = 0;
    simple(c);
    for (uint64_t n = chance(4); n > 0; n--) {
        put(c, PICK(OPERATORS), "wbbb");
        simple(c);
    }
    c->text[c->len] = '\0';
    c->places[c->len] = WORD;
}

/* ---- rules ---- */

static bool is_wrapper(void *arg, const char *name)
{
    static const char *const WRAPPERS[] = {"sh",     "bash",    "dash",    "zsh",  "ksh",    "eval",  "exec", "source",
                                           ".",      "command", "builtin", "env",  "xargs",  "sudo",  "doas", "nohup",
                                           "nice",   "ionice",  "timeout", "time", "setsid", "watch", "ssh",  "find",
                                           "python", "python3", "perl",    "ruby", "node"};

    (void)arg;
    for (size_t i = 0; i < sizeof WRAPPERS / sizeof WRAPPERS[0]; i++)
        if (strcasecmp(WRAPPERS[i], name) == 0)
            return true;
    return false;
}

static void add(ruleset *set, int64_t id, const char *pattern)
{
    const char *why = NULL;
    rule_given given = {
        .id = id, .tool = chance(2) ? "Bash" : "*", .pattern = pattern, .effect = RULE_ALLOW, .session_id = ""};

    if (!ruleset_add(set, &given, &why))
        abort();
}

/* Rules that allow every simple command of NAMES, in one way or another; `all`: every simple command at all. */
static ruleset *rules_of_chance(bool all)
{
    ruleset *set = ruleset_new();
    int64_t id = 1;
    char pattern[32];

    if (!set)
        abort();
    if (all)
        add(set, id++, "*");
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        static const char *const WILD[] = {" *", "*", " ?*"}, *const BARE[] = {"", "", "", "*"};
        snprintf(pattern, sizeof pattern, "%s%s", NAMES[i], PICK(BARE));
        add(set, id++, pattern);
        snprintf(pattern, sizeof pattern, "%s%s", NAMES[i], PICK(WILD));
        add(set, id++, pattern);
    }
    return set;
}

static bool allowed(const ruleset *set, const char *text, size_t len, char *spare, verdict *ret)
{
    wish w = {.tool = "Bash", .session_id = "", .command = {text, len}, .shell = true, .is_wrapper = is_wrapper};

    ruleset_decide(set, &w, spare, ret);
    return ret->effect == RULE_ALLOW;
}

/* ---- what is inserted, and where it means what it says ---- */

#define OUTSIDE "bfw"

static const struct {
    const char *text, *where;
    bool separates; /* it only brings another command, which a rule for everything allows */
} INSERTS[] = {
    {"$(evil)", OUTSIDE "d", false},
    {"`evil`", OUTSIDE "d", false},
    {"<(evil)", OUTSIDE, false},
    {">(evil)", OUTSIDE, false},
    {"$((evil))", OUTSIDE "d", false},
    {"${x:-$(evil)}", OUTSIDE "d", false},
    {"${x@P}", OUTSIDE "d", false},
    {">x", OUTSIDE, false},
    {" >> x", OUTSIDE, false},
    {" 2> x", OUTSIDE, false},
    {"&>x", OUTSIDE, false},
    {">|x", OUTSIDE, false},
    {" <> x", OUTSIDE, false},
    {" >& x", OUTSIDE, false},
    {" 2>&1 ", OUTSIDE, false},
    {"<<evil", OUTSIDE, false},
    {" <<- evil\n", OUTSIDE, false},
    {"<<<evil", OUTSIDE, false},
    {"$'evil'", OUTSIDE, false},
    {"$\"evil\"", OUTSIDE, false},
    {"(evil)", OUTSIDE, false},
    {"; (evil) ;", OUTSIDE, false},
    {"\nevil() { evil; }\n", OUTSIDE, false},
    {"|&evil", OUTSIDE, false},
    {"\\\n", OUTSIDE "d", false},
    {" #", OUTSIDE, false},
    {"\n# evil\n", OUTSIDE, false},
    {";evil", OUTSIDE, true},
    {"&evil", OUTSIDE, true},
    {"&&evil ", OUTSIDE, true},
    {"||evil ", OUTSIDE, true},
    {"|evil ", OUTSIDE, true},
    {"\nevil\n", OUTSIDE, true},
    {";evil;", OUTSIDE, true},
    {" & evil & ", OUTSIDE, true},
    {";;", OUTSIDE, false},
    {"\";evil;\"", "d", true},
    {"';evil;'", "s", true},
    {"\"$(evil)\"", OUTSIDE "d", false},
    {"'$(evil)'", "s", false},
    {"'`evil`'", "s", false},
    {"\">x\"", "d", false},
    {"X=1 ", "f", false},
    {"X= ", "f", false},
    {"X+=1 ", "f", false},
    {"eval ", "f", false},
    {"'eval' ", "f", false},
    {"e\"va\"l ", "f", false},
    {"\\eval ", "f", false},
    {"sh -c ", "f", false},
    {"/bin/sh -c ", "f", false},
    {"bash -c ", "f", false},
    {"sudo ", "f", false},
    {"env ", "f", false},
    {"exec ", "f", false},
    {"xargs ", "f", false},
    {"python3.11 -c ", "f", false},
    {"command ", "f", false},
    {". ", "f", false},
    {"timeout 5 ", "f", false},
    {"if ", "f", false},
    {"then ", "f", false},
    {"while ", "f", false},
    {"! ", "f", false},
    {"{ ", "f", false},
    {"time ", "f", false},
    {"function f ", "f", false},
    {"case ", "f", false},
    {"coproc ", "f", false},
    {"[[ ", "f", false},
    {"$X ", "f", false},
    {"$X", "f", false},
    {"{x,y} ", "f", false},
    {"<x ", "f", false},
    {"2<x ", "f", false},
};

static void insert(const command *c, size_t at, const char *text, char *ret, size_t *ret_len)
{
    size_t len = strlen(text);

    memcpy(ret, c->text, at);
    memcpy(ret + at, text, len);
    memcpy(ret + at + len, c->text + at, c->len - at);
    *ret_len = c->len + len;
    ret[*ret_len] = '\0';
}

static void broken(const char *what, const char *text)
{
    printf("%s: %s\n", what, text);
    exit(1);
}

/* One command, and one thing inserted into it. */
static void round_of_insert(const ruleset *set, bool all, char *spare)
{
    command c;
    verdict v;
    char changed[COMMAND_MAX + 64];
    size_t len = 0, at = 0, which = 0;

    build(&c);
    if (!allowed(set, c.text, c.len, spare, &v))
        broken("a command of allowed parts is not allowed", c.text);
    do {
        which = chance(sizeof INSERTS / sizeof INSERTS[0]);
        at = chance(c.len + 1);
    } while (!strchr(INSERTS[which].where, c.places[at]) || (all && INSERTS[which].separates));
    insert(&c, at, INSERTS[which].text, changed, &len);
    if (allowed(set, changed, len, spare, &v))
        broken("it slips through", changed);
    /* A NUL, anywhere. */
    changed[chance(len)] = '\0';
    if (allowed(set, changed, len, spare, &v))
        broken("a NUL slips through", changed);
}

/* ---- changes anywhere, for a shell to judge ---- */

static const char *const BYTES[] = {";",  "&", "|", "<", ">", "(", ")",  "$",   "`",    "'",  "\"", "\\",   " ",   "\n",
                                    "#",  "!", "{", "}", "[", "]", "*",  "?",   "~",    "=",  "\t", "evil", "if ", "&&",
                                    "||", "^", "%", "-", "@", "1", "<x", "\\;", "\"\"", "''", "$x", "\\\\"};

static void change(command *c)
{
    char changed[COMMAND_MAX + 64];
    size_t at = chance(c->len + 1), len = 0;

    if (c->len + 8 >= COMMAND_MAX)
        return;
    if (chance(4) == 0 && at < c->len) {
        memmove(c->text + at, c->text + at + 1, c->len - at);
        c->len--;
        return;
    }
    insert(c, at, PICK(BYTES), changed, &len);
    memcpy(c->text, changed, len + 1);
    c->len = len;
}

static void print_allowed(const command *c, const char *text, char *spare)
{
    shell_scan s;
    shell_part part;
    size_t count = 0;

    for (int twice = 0; twice < 2; twice++) {
        shell_begin(&s, (sw_str){text, c->len}, spare, is_wrapper, NULL);
        while (shell_next(&s, &part))
            if (twice)
                printf("%s%c", part.plain.at, 0);
            else
                count++;
        if (!twice)
            printf("%s%c%zu%c", text, 0, count, 0);
    }
}

static void round_of_change(const ruleset *set, char *spare)
{
    command c;
    verdict v;

    build(&c);
    for (uint64_t n = chance(4) + 1; n > 0; n--)
        change(&c);
    if (allowed(set, c.text, c.len, spare, &v))
        print_allowed(&c, c.text, spare);
}

int main(int argc, char **argv)
{
    static char spare[VERDICT_SPARE(COMMAND_MAX + 64)];
    bool print = argc > 1 && strcmp(argv[1], "--print") == 0;
    int first = print ? 2 : 1;
    uint64_t count = argc > first ? strtoull(argv[first], NULL, 10) : 200000;

    state = (argc > first + 1 ? strtoull(argv[first + 1], NULL, 10) : 1) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (uint64_t i = 0; i < count;) {
        bool all = !print && chance(8) == 0;
        ruleset *set = rules_of_chance(all);
        for (int n = 0; n < 64 && i < count; n++, i++)
            if (print)
                round_of_change(set, spare);
            else
                round_of_insert(set, all, spare);
        ruleset_free(set);
    }
    if (!print)
        printf("%llu commands, none slipped through\n", (unsigned long long)count);
    return 0;
}
