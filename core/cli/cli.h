/* The command line: one const row in commands.c and one file per command, but for help and version, which are in cli.c.
 */
#ifndef CORE_CLI_CLI_H
#define CORE_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <steward/base.h>

/* Exit codes. The last one is sysexits' EX_CONFIG: a service manager need not try again. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_BAD_CONFIG = 78 };

/* What a command takes. */
enum {
    CLI_CONFIG = 1,           /* -c FILE, --config FILE   */
    CLI_INITIAL_PASSWORD = 2, /* --print-initial-password */
    CLI_TEMPLATE = 4,         /* --template               */
    CLI_KEEP = 8,             /* --keep N                 */
    CLI_SAFE_MODE = 16,       /* --safe-mode              */
    CLI_DIR = 32,             /* --dir DIR                */
    CLI_NEW_STORE = 64        /* --new-store              */
};

enum { CLI_WORDS_MAX = 4 };

typedef struct {
    const char *config; /* NULL when it was not given */
    const char *dir;    /* the same */
    bool print_initial_password, template, safe_mode, new_store, help;
    bool keep; /* --keep was given: keep_count */
    long keep_count;
    const char *words[CLI_WORDS_MAX]; /* what is not an option */
    size_t count;
} cli_args;

typedef struct {
    const char *name;    /* one word, or two: "plugin inspect" */
    const char *usage;   /* "serve [-c FILE]" */
    const char *summary; /* one sentence */
    const char *details; /* further lines for `steward help NAME`; "" when none */
    unsigned options;    /* CLI_* ored */
    size_t words_min, words_max;
    int (*run)(const cli_args *args);
} cli_command;

/* commands.c */
extern const cli_command CLI_COMMANDS[];
extern const size_t CLI_COMMAND_COUNT;

int cli_main(int argc, char **argv);
/* "steward COMMAND: " and why, in one line to stderr. Always CLI_FAILED. */
int cli_fail(const char *command, const char *format, ...) SW_PRINTF(2, 3);
/* Says one line to stdout. It may hold texts of anybody's (names, plugins, a store that is looked at): they stay on the
 * line, and all of them can be seen. */
void cli_say(const char *format, ...) SW_PRINTF(1, 2);
/* The config file to read: `given`, else /etc/steward/steward.conf unless there is none, else NULL. */
const char *cli_config_file(const char *given);

int cli_serve(const cli_args *args);
int cli_check(const cli_args *args);
int cli_routes(const cli_args *args);
int cli_options(const cli_args *args);
int cli_db_backup(const cli_args *args);
int cli_db_check(const cli_args *args);
int cli_db_restore(const cli_args *args);
int cli_plugin_new(const cli_args *args);
int cli_user_passwd(const cli_args *args);
int cli_plugin_inspect(const cli_args *args);
int cli_plugin_release(const cli_args *args);
int cli_version(const cli_args *args);
int cli_help(const cli_args *args);

#endif
