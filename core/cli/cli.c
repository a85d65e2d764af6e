/* Which command is meant, and its arguments; and what `steward help` and `steward version` say. Main thread. */
#include "core/cli/cli.h"

#include "core/base/log.h"
#include "core/base/nearest.h"
#include "core/common/visible_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <steward/plugin.h>
#include <string.h>
#include <unistd.h>

static const char DEFAULT_CONFIG[] = "/etc/steward/steward.conf";

/* How many of `count` words are the command's name; 0: they are not. */
static size_t name_words(const char *name, const char *const *words, size_t count)
{
    for (size_t used = 0; used < count; used++) {
        size_t len = strlen(words[used]);
        if (strncmp(name, words[used], len) != 0)
            return 0;
        if (name[len] == '\0')
            return used + 1;
        if (len == 0 || name[len] != ' ')
            return 0;
        name += len + 1;
    }
    return 0;
}

/* The command that `words` begin with, and how many of them are its name. NULL when there is none. */
static const cli_command *find(const char *const *words, size_t count, size_t *ret_used)
{
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
        *ret_used = name_words(CLI_COMMANDS[i].name, words, count);
        if (*ret_used)
            return &CLI_COMMANDS[i];
    }
    return NULL;
}

/* Is its name `word` and a second one? */
static bool in_group(const cli_command *c, const char *word)
{
    size_t len = strlen(word);
    return strncmp(c->name, word, len) == 0 && c->name[len] == ' ';
}

/* The command that may be meant by words that name none, each word near to the name's, or NULL. */
static const char *nearest_command(const char *const *words, size_t count)
{
    const char *found = NULL;
    unsigned best = NEAREST_NONE;
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
        const char *name = CLI_COMMANDS[i].name, *second = strchr(name, ' ');
        unsigned first_off = NEAREST_NONE, second_off = second ? NEAREST_NONE : 0;
        char first[32];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(name, " "), name);
        if (!nearest(words[0], first, &first_off) ||
            (second && (count < 2 || !nearest(words[1], second + 1, &second_off))))
            continue;
        if (first_off + second_off >= best)
            continue;
        best = first_off + second_off;
        found = name;
    }
    return found;
}

const char *cli_config_file(const char *given)
{
    if (given)
        return given;
    /* One that is there and cannot be read is an error that its reader tells, and no reason to go by the defaults. */
    bool absent = access(DEFAULT_CONFIG, R_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
    return absent ? NULL : DEFAULT_CONFIG;
}

static void put_line(FILE *to, const char *format, va_list args) SW_PRINTF(2, 0);

static void put_line(FILE *to, const char *format, va_list args)
{
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    buf shown;
    buf_init(&shown, 0);
    if (len > 0)
        visible_text(text, (size_t)len, VISIBLE_ONE_LINE, &shown);
    if (shown.len && !shown.failed)
        fwrite(shown.at, 1, shown.len, to);
    fputc('\n', to);
    buf_done(&shown);
    if (len >= 0)
        free(text);
}

int cli_fail(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "steward %s: ", command);
    put_line(stderr, format, args);
    va_end(args);
    return CLI_FAILED;
}

void cli_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_line(stdout, format, args);
    va_end(args);
}

/* ---- help ---- */

/* All there is to say about a command, to stdout. */
static void explain(const cli_command *c)
{
    printf("usage: steward %s\n\n%s\n%s", c->usage, c->summary, c->details);
    if (c->options & CLI_CONFIG)
        printf("-c FILE: the configuration; without it /etc/steward/steward.conf if there is one, else the defaults.\n"
               "conf.d/*.conf beside it and the environment are read after it.\n");
}

/* The same of every command that begins with `word`. false: there are none. */
static bool explain_group(const char *word)
{
    bool any = false;
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        if (in_group(&CLI_COMMANDS[i], word)) {
            printf("%s", any ? "\n" : "");
            explain(&CLI_COMMANDS[i]);
            any = true;
        }
    return any;
}

/* In two columns; a long usage has a line of its own. */
static void print_summary(const cli_command *c)
{
    enum { COLUMN = 38 };
    if (strlen(c->usage) > COLUMN)
        printf("  %s\n  %*s  %s\n", c->usage, COLUMN, "", c->summary);
    else
        printf("  %-*s  %s\n", COLUMN, c->usage, c->summary);
}

int cli_help(const cli_args *args)
{
    if (args->count) {
        size_t used = 0;
        const cli_command *c = find(args->words, args->count, &used);
        if (c && used == args->count) {
            explain(c);
            return CLI_OK;
        }
        if (args->count == 1 && explain_group(args->words[0]))
            return CLI_OK;
        const char *meant = nearest_command(args->words, args->count);
        fprintf(stderr, "steward help: there is no command \"%s%s%s\"%s%s%s\ntry: steward help\n", args->words[0],
                args->count > 1 ? " " : "", args->count > 1 ? args->words[1] : "", meant ? "; did you mean \"" : "",
                meant ? meant : "", meant ? "\"?" : "");
        return CLI_USAGE;
    }
    printf("usage: steward COMMAND\n\n");
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        print_summary(&CLI_COMMANDS[i]);
    printf("\nsteward help COMMAND says more.\n");
    return CLI_OK;
}

int cli_version(const cli_args *args)
{
    (void)args;
    printf("steward %s (plugin ABI %u.%u)\n", STEWARD_VERSION, SW_ABI_MAJOR, SW_ABI_MINOR);
    return CLI_OK;
}

/* ---- the command line ---- */

static int usage_error(const cli_command *c, const char *what, const char *word)
{
    fprintf(stderr, "steward %s: %s: %s\nusage: steward %s\n", c->name, what, word, c->usage);
    return CLI_USAGE;
}

/* Is `word` the option, and does the command take it? */
static bool takes(const cli_command *c, const char *word, const char *option, unsigned bit)
{
    return (c->options & bit) && strcmp(word, option) == 0;
}

/* A number of digits alone, up to six. */
static bool read_count(const char *text, long *ret)
{
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 6 || text[len] != '\0')
        return false;
    *ret = strtol(text, NULL, 10);
    return true;
}

/* CLI_OK, or CLI_USAGE after a message. */
static int parse(const cli_command *c, int argc, char **argv, cli_args *ret)
{
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (options_end || word[0] != '-' || word[1] == '\0') {
            if (ret->count == c->words_max)
                return usage_error(c, "unexpected argument", word);
            ret->words[ret->count++] = word;
        } else if (strcmp(word, "--") == 0) {
            options_end = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            ret->help = true;
        } else if (takes(c, word, "-c", CLI_CONFIG) || takes(c, word, "--config", CLI_CONFIG)) {
            if (++i == argc)
                return usage_error(c, "needs a file", word);
            ret->config = argv[i];
        } else if ((c->options & CLI_CONFIG) && strncmp(word, "--config=", 9) == 0) {
            ret->config = word + 9;
        } else if (takes(c, word, "--keep", CLI_KEEP)) {
            if (++i == argc || !read_count(argv[i], &ret->keep_count))
                return usage_error(c, "needs a number", word);
            ret->keep = true;
        } else if (takes(c, word, "--dir", CLI_DIR)) {
            if (++i == argc)
                return usage_error(c, "needs a folder", word);
            ret->dir = argv[i];
        } else if ((c->options & CLI_DIR) && strncmp(word, "--dir=", 6) == 0) {
            ret->dir = word + 6;
        } else if (takes(c, word, "--print-initial-password", CLI_INITIAL_PASSWORD)) {
            ret->print_initial_password = true;
        } else if (takes(c, word, "--safe-mode", CLI_SAFE_MODE)) {
            ret->safe_mode = true;
        } else if (takes(c, word, "--new-store", CLI_NEW_STORE)) {
            ret->new_store = true;
        } else if (takes(c, word, "--template", CLI_TEMPLATE)) {
            ret->template = true;
        } else {
            return usage_error(c, "unknown option", word);
        }
    }
    if (!ret->help && ret->count < c->words_min) {
        fprintf(stderr, "usage: steward %s\n", c->usage);
        return CLI_USAGE;
    }
    return CLI_OK;
}

/* "plugin" alone and "plugin show" are answered by the commands of that group; "plugin --help" is not an error. */
static int unknown_command(const char *const *words, size_t count)
{
    if (count == 2 && (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0) && explain_group(words[0]))
        return fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
    bool group = false;
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        group = group || in_group(&CLI_COMMANDS[i], words[0]);
    bool second = group && count > 1 && words[1][0] != '-';
    const char *meant = group && !second ? NULL : nearest_command(words, count);
    if (meant) {
        fprintf(stderr, "steward: unknown command \"%s%s%s\"; did you mean \"%s\"?\ntry: steward help\n", words[0],
                second ? " " : "", second ? words[1] : "", meant);
        return CLI_USAGE;
    }
    fprintf(stderr, "steward: %s \"%s%s%s\"; there are:", group && !second ? "incomplete command" : "unknown command",
            words[0], second ? " " : "", second ? words[1] : "");
    const char *before = " ";
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        if (!group || in_group(&CLI_COMMANDS[i], words[0])) {
            fprintf(stderr, "%s%s", before, CLI_COMMANDS[i].name);
            before = ", ";
        }
    fprintf(stderr, "\ntry: steward help\n");
    return CLI_USAGE;
}

int cli_main(int argc, char **argv)
{
    const char *const *words = (const char *const *)argv + 1;
    size_t count = argc > 1 ? (size_t)argc - 1 : 0, used = 1;
    static const char *const HELP[] = {"help"}, *const VERSION[] = {"version"};
    const cli_command *c;
    if (count == 0 || strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0)
        c = find(HELP, 1, &used);
    else if (strcmp(words[0], "--version") == 0 || strcmp(words[0], "-V") == 0)
        c = find(VERSION, 1, &used);
    else
        c = find(words, count, &used);
    if (!c)
        return unknown_command(words, count);
    log_open(LOG_TEXT, SW_LOG_INFO, NULL); /* finds out where stderr goes */
    cli_args args = {0};
    if (count > 0 && parse(c, (int)(count - used), argv + 1 + used, &args) != CLI_OK)
        return CLI_USAGE;
    int code;
    if (args.help) {
        explain(c);
        code = CLI_OK;
    } else {
        code = c->run(&args);
    }
    if (count == 0)
        code = CLI_USAGE;
    return fflush(stdout) == 0 ? code : CLI_FAILED;
}
