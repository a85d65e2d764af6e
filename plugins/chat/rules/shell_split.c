/* The splitter of shell commands: quotes and operators as in POSIX sh, and a find for everything whose meaning hangs on
 * more than them. bash, dash and zsh differ in much of that; where one of them would run something else, it is a find.
 *
 * Each byte of the command is looked at once; a part is looked at once more when it ends, for the name of its command.
 */
#include "rules/shell_split.h"

#include <string.h>

static const char *const WHYS[SHELL_WHYS] = {
    [SHELL_PLAIN] = "",
    [SHELL_NUL] = "it holds a control character",
    [SHELL_UNBALANCED] = "a quote in it has no end",
    [SHELL_SUBSTITUTION] = "it holds a substitution",
    [SHELL_WRITES] = "it holds a redirection that writes",
    [SHELL_HERE_DOCUMENT] = "it holds a here document",
    [SHELL_REDIRECTION] = "it holds a redirection that is not a plain one",
    [SHELL_PARENTHESIS] = "it holds a parenthesis outside quotes",
    [SHELL_DOLLAR_QUOTE] = "it holds $' or $\"",
    [SHELL_PARAMETER] = "it holds ${ with more than a name",
    [SHELL_COMMENT] = "it holds a comment",
    [SHELL_CONTINUED] = "it holds a backslash before a newline",
    [SHELL_PIPE_BOTH] = "it holds |&",
    [SHELL_NO_COMMAND] = "an operator in it has no command",
    [SHELL_RESERVED] = "it holds a reserved word of the shell",
    [SHELL_ASSIGNMENT] = "it holds an assignment before a command",
    [SHELL_EXPANDED_NAME] = "the name of a command in it comes from an expansion",
    [SHELL_WRAPPER] = "it holds a command that runs what its arguments say",
};

const char *shell_why_text(shell_why why)
{
    return why < SHELL_WHYS ? WHYS[why] : "";
}

/* ---- one part while it is read ---- */

typedef struct {
    char *tidy, *plain;           /* where it begins */
    size_t name_tidy, name_plain; /* how long its first word is, once that has ended */
    bool blank;                   /* a space is due before the next byte */
    bool in_word, named;          /* `named`: the first word has ended */
    bool expanded;                /* something in the first word is expanded */
    bool reads, from;             /* it has a <; a word is due after it */
} reading;

static void find(shell_scan *s, shell_why why)
{
    if (!s->why)
        s->why = why;
}

static bool left(const shell_scan *s, size_t count)
{
    return (size_t)(s->end - s->at) >= count;
}

/* The byte after the one at hand, 0 at the end. */
static char next_byte(const shell_scan *s)
{
    return left(s, 2) ? s->at[1] : '\0';
}

static void end_name(const shell_scan *s, reading *r)
{
    if (r->named || s->tidy == r->tidy)
        return;
    r->named = true;
    r->name_tidy = (size_t)(s->tidy - r->tidy);
    r->name_plain = (size_t)(s->plain - r->plain);
}

/* The space that stands for a run of blanks. */
static void settle_blank(shell_scan *s, reading *r)
{
    if (r->blank && s->tidy != r->tidy) {
        *s->tidy++ = ' ';
        *s->plain++ = ' ';
    }
    r->blank = false;
}

/* The byte at hand, as it stands; `kept`: it is there after quotes were removed. */
static void take(shell_scan *s, bool kept)
{
    if (*s->at == '\0')
        find(s, SHELL_NUL);
    if (kept)
        *s->plain++ = *s->at;
    *s->tidy++ = *s->at++;
}

static void begin_word(shell_scan *s, reading *r)
{
    settle_blank(s, r);
    r->in_word = true;
    r->from = false;
}

static void expands(reading *r)
{
    if (!r->named)
        r->expanded = true;
}

static bool name_byte(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* `${NAME}` or `${1}`, at hand. Anything else in braces can hold words, quotes and commands. */
static void parameter(shell_scan *s)
{
    const char *c = s->at + 2;

    if (c < s->end && *c >= '0' && *c <= '9')
        c++;
    else
        while (c < s->end && name_byte(*c, c == s->at + 2))
            c++;
    if (c == s->at + 2 || c >= s->end || *c != '}')
        find(s, SHELL_PARAMETER);
}

/* A `$`, outside quotes or inside double ones. */
static void dollar(shell_scan *s, reading *r, bool quoted)
{
    char next = next_byte(s);

    if (!quoted && (next == '\'' || next == '"')) {
        find(s, SHELL_DOLLAR_QUOTE);
        take(s, false);
        return;
    }
    if (next == '(' || next == '[')
        find(s, SHELL_SUBSTITUTION);
    if (next == '{')
        parameter(s);
    expands(r);
    take(s, true);
}

static void single_quotes(shell_scan *s)
{
    take(s, false);
    while (left(s, 1) && *s->at != '\'')
        take(s, true);
    if (left(s, 1))
        take(s, false);
    else
        find(s, SHELL_UNBALANCED);
}

/* A backslash; inside double quotes it is one only before $ ` " \ and a newline. */
static void backslash(shell_scan *s, bool quoted)
{
    char next = next_byte(s);

    if (!left(s, 2)) {
        find(s, SHELL_UNBALANCED);
        take(s, true);
    } else if (next == '\n') {
        find(s, SHELL_CONTINUED);
        take(s, false);
        take(s, false);
    } else {
        take(s, quoted && (next == '\0' || !strchr("$`\"\\", next)));
        take(s, true);
    }
}

static void double_quotes(shell_scan *s, reading *r)
{
    take(s, false);
    while (left(s, 1) && *s->at != '"') {
        switch (*s->at) {
        case '\\':
            backslash(s, true);
            break;
        case '$':
            dollar(s, r, true);
            break;
        case '`':
            find(s, SHELL_SUBSTITUTION);
            take(s, true);
            break;
        default:
            take(s, true);
        }
    }
    if (left(s, 1))
        take(s, false);
    else
        find(s, SHELL_UNBALANCED);
}

/* ---- redirections ---- */

static bool only_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at == end;
}

/* One that reads is a plain word of the command, as long as it comes after the name. */
static void less(shell_scan *s, reading *r)
{
    char next = next_byte(s);

    if (next == '<')
        find(s, SHELL_HERE_DOCUMENT);
    if (next == '(')
        find(s, SHELL_SUBSTITUTION);
    if (next == '>')
        find(s, SHELL_WRITES);
    if (next == '&')
        find(s, SHELL_REDIRECTION);
    bool joined = r->in_word;
    settle_blank(s, r);
    if (s->tidy == r->tidy || r->from)
        find(s, SHELL_REDIRECTION);
    if (joined && !r->named && only_digits(r->tidy, s->tidy))
        find(s, SHELL_REDIRECTION);
    end_name(s, r);
    take(s, true);
    if (next == '&')
        take(s, true);
    r->in_word = false;
    r->reads = r->from = true;
}

/* ---- the end of a part ---- */

static const char *const RESERVED[] = {
    "!",      "{",        "}",      "[[",      "]]",  "if", "then",   "elif",      "else",   "fi",
    "do",     "done",     "case",   "esac",    "for", "in", "while",  "until",     "select", "time",
    "coproc", "function", "repeat", "foreach", "end", "-",  "noglob", "nocorrect", NULL,
};

/* Builtins that evaluate arithmetic in a word, however it was quoted: test -v 'a[$(id)]'. */
static const char *const EVALUATE[] = {
    "[",       "test",  "let",  "printf",    "declare", "typeset", "local", "readonly", "export",
    "integer", "float", "read", "readarray", "mapfile", "unset",   "wait",  NULL,
};

static bool listed(const char *const *list, const char *word)
{
    for (; *list; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

static bool assigns(const char *word)
{
    size_t at = 0;

    while (name_byte(word[at], at == 0))
        at++;
    return at > 0 && (word[at] == '=' || (word[at] == '+' && word[at + 1] == '='));
}

/* The last segment of its path, and that without a version at its end: /usr/bin/python3.11 is python, too. */
static bool wraps(const shell_scan *s, char *name)
{
    char *slash = strrchr(name, '/');
    char *base = slash ? slash + 1 : name;
    size_t len = strlen(base);

    if (!s->is_wrapper)
        return false;
    if (s->is_wrapper(s->arg, base))
        return true;
    while (len > 1 && strchr("0123456789.-", base[len - 1]))
        len--;
    char cut = base[len];
    base[len] = '\0';
    bool wrapper = cut && s->is_wrapper(s->arg, base);
    base[len] = cut;
    return wrapper;
}

static void judge_name(shell_scan *s, const reading *r)
{
    char after_tidy = r->tidy[r->name_tidy], after_plain = r->plain[r->name_plain];

    r->tidy[r->name_tidy] = '\0';
    r->plain[r->name_plain] = '\0';
    if (listed(RESERVED, r->plain))
        find(s, SHELL_RESERVED);
    if (assigns(r->tidy))
        find(s, SHELL_ASSIGNMENT);
    if ((r->expanded && strcmp(r->tidy, "[") != 0) || *r->tidy == '=')
        find(s, SHELL_EXPANDED_NAME);
    if (wraps(s, r->plain))
        find(s, SHELL_WRAPPER);
    bool evaluates = listed(EVALUATE, r->plain);
    r->tidy[r->name_tidy] = after_tidy;
    r->plain[r->name_plain] = after_plain;
    if (evaluates && (strchr(r->plain, '`') || strstr(r->plain, "$(")))
        find(s, SHELL_SUBSTITUTION);
}

static void end_part(shell_scan *s, reading *r, shell_part *ret)
{
    end_name(s, r);
    *ret = (shell_part){
        .tidy = {r->tidy, (size_t)(s->tidy - r->tidy)},
        .plain = {r->plain, (size_t)(s->plain - r->plain)},
    };
    *s->tidy++ = '\0';
    *s->plain++ = '\0';
    if (s->whole || ret->tidy.len == 0)
        return;
    judge_name(s, r);
    if (r->from)
        find(s, SHELL_REDIRECTION);
    /* bash opens these as connections. */
    if (r->reads && (strstr(r->plain, "/dev/tcp") || strstr(r->plain, "/dev/udp")))
        find(s, SHELL_REDIRECTION);
}

/* ---- operators ---- */

/* The operator at hand. `empty`: no command stands before it. */
static void step_over(shell_scan *s, bool empty)
{
    char c = *s->at++;
    bool twice = left(s, 1) && *s->at == c && c != '\n';

    if (c == '|' && left(s, 1) && *s->at == '&') {
        find(s, SHELL_PIPE_BOTH);
        s->at++;
    }
    if (twice)
        s->at++;
    if (c == ';' && twice) /* of a case */
        find(s, SHELL_RESERVED);
    if (empty && c != '\n')
        find(s, SHELL_NO_COMMAND);
    if (c != '\n' || !empty)
        s->wanting = c == '|' || (c == '&' && twice);
}

static bool is_operator(const shell_scan *s)
{
    return !s->whole && left(s, 1) && (*s->at == ';' || *s->at == '&' || *s->at == '|' || *s->at == '\n');
}

/* ---- the bytes outside quotes ---- */

static bool control(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte < 0x20 || byte == 0x7f;
}

/* Those that mean something to a shell. */
static void special(shell_scan *s, reading *r)
{
    char c = *s->at;

    if (c == '`')
        find(s, SHELL_SUBSTITUTION);
    if (c == '(' || c == ')')
        find(s, SHELL_PARENTHESIS);
    if (c == '>')
        find(s, SHELL_WRITES);
    if (c == '#' && !r->in_word)
        find(s, SHELL_COMMENT);
    if (control(c))
        find(s, SHELL_NUL);
    if (c == '*' || c == '?' || c == '[' || c == '{')
        expands(r);
    begin_word(s, r);
    take(s, true);
    if (c == '(' || c == ')' || c == '>')
        r->in_word = false;
}

static void one(shell_scan *s, reading *r)
{
    switch (*s->at) {
    case ' ':
    case '\t':
        end_name(s, r);
        r->blank = true;
        r->in_word = false;
        s->at++;
        return;
    case '<':
        less(s, r);
        return;
    case '\'':
        begin_word(s, r);
        single_quotes(s);
        return;
    case '"':
        begin_word(s, r);
        double_quotes(s, r);
        return;
    case '\\':
        begin_word(s, r);
        backslash(s, false);
        return;
    case '$':
        begin_word(s, r);
        dollar(s, r, false);
        return;
    default:
        special(s, r);
    }
}

void shell_begin(shell_scan *s, sw_str command, char *spare, shell_is_wrapper is_wrapper, void *arg)
{
    *s = (shell_scan){
        .at = command.at,
        .end = command.at + command.len,
        .tidy = spare,
        .plain = spare + command.len + 2,
        .is_wrapper = is_wrapper,
        .arg = arg,
    };
}

void shell_begin_whole(shell_scan *s, sw_str command, char *spare)
{
    shell_begin(s, command, spare, NULL, NULL);
    s->whole = true;
}

bool shell_next(shell_scan *s, shell_part *ret)
{
    while (left(s, 1)) {
        reading r = {.tidy = s->tidy, .plain = s->plain};
        while (left(s, 1) && !is_operator(s))
            one(s, &r);
        end_part(s, &r, ret);
        bool empty = ret->tidy.len == 0;
        if (!empty)
            s->wanting = false;
        if (left(s, 1))
            step_over(s, empty);
        if (!empty)
            return true;
    }
    if (s->wanting)
        find(s, SHELL_NO_COMMAND);
    return false;
}
