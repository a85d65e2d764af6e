/* Which command, and its arguments. */
#include "core/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char DEFAULT_CONFIG[] = "/etc/steward/steward.conf";

const cli_command CLI_COMMANDS[] = {
    {
        .name = "serve",
        .usage = "serve [-c FILE] [--print-initial-password] [--safe-mode]",
        .summary = "Run the server in the foreground.",
        .details =
            "Prints \"listening on http://HOST:PORT\" once it answers. SIGTERM stops it after what runs has been\n"
            "answered, a second one at once; SIGHUP reads the configuration again.\n"
            "--print-initial-password shows a password made for the first admin here instead of leaving it in\n"
            "the data folder.\n"
            "--safe-mode loads no plugins but the server's own auth and users, whatever the configuration enables:\n"
            "to get in when another plugin keeps the server from running.\n",
        .options = CLI_CONFIG | CLI_INITIAL_PASSWORD | CLI_SAFE_MODE,
        .run = cli_serve,
    },
    {
        .name = "check",
        .usage = "check [-c FILE]",
        .summary = "Check the configuration, plugins' options included, and print every error.",
        .details = "Starts nothing and writes nothing. Exits with 1 when there are errors.\n",
        .options = CLI_CONFIG,
        .run = cli_check,
    },
    {
        .name = "routes",
        .usage = "routes [-c FILE]",
        .summary = "List every route of the enabled plugins.",
        .details = "",
        .options = CLI_CONFIG,
        .run = cli_routes,
    },
    {
        .name = "options",
        .usage = "options [NAME] [-c FILE] [--template]",
        .summary = "List options with their values, defaults and meaning.",
        .details = "NAME: only those whose name contains it (\"limits\", \"plugin:chat\", \"server.port\").\n"
                   "--template prints them as an annotated configuration file.\n",
        .options = CLI_CONFIG | CLI_TEMPLATE,
        .words_max = 1,
        .run = cli_options,
    },
    {
        .name = "db backup",
        .usage = "db backup [-c FILE] [--keep N] [FILE]",
        .summary = "Copy the store, also while a server writes to it.",
        .details =
            "Without FILE into backups in the data folder, by a name that says when; of those the latest N stay\n"
            "(storage.backups_kept, 10; 0: all). A FILE must not exist yet; it belongs to who runs the command, in a\n"
            "folder of the server's user to that. master.key is not part of it: keep a copy of that elsewhere.\n"
            "When there is no store yet it says so and exits with 0.\n",
        .options = CLI_CONFIG | CLI_KEEP,
        .words_max = 1,
        .run = cli_db_backup,
    },
    {
        .name = "db check",
        .usage = "db check [-c FILE] [FILE]",
        .summary = "Look for damage in the store, or in a backup.",
        .details = "Pages, indexes and references, the versions of the tables, and whether it belongs to master.key. Changes\n"
                   "nothing, and a server may run meanwhile. Exits with 1 when something is wrong.\n",
        .options = CLI_CONFIG,
        .words_max = 1,
        .run = cli_db_check,
    },
    {
        .name = "db restore",
        .usage = "db restore [-c FILE] FILE",
        .summary = "Put a backup in the place of the store.",
        .details =
            "While no server runs. FILE is examined first; the store that it replaces stays beside it, with \".replaced-\"\n"
            "and the time behind its name.\n",
        .options = CLI_CONFIG,
        .words_min = 1,
        .words_max = 1,
        .run = cli_db_restore,
    },
    {
        .name = "plugin new",
        .usage = "plugin new NAME [--dir DIR]",
        .summary = "Make a folder with a plugin of your own, that builds and has tests.",
        .details = "DIR, by default NAME, must not be there yet, or be empty. steward-plugin(7) goes on from there; it is in the\n"
                   "package steward-dev, as are the headers that the plugin needs.\n",
        .options = CLI_DIR,
        .words_min = 1,
        .words_max = 1,
        .run = cli_plugin_new,
    },
    {
        .name = "user passwd",
        .usage = "user passwd [-c FILE] NAME",
        .summary = "Give a user another password.",
        .details =
            "Reads it twice from the terminal, or one line from standard input. Whoever is signed in by the old one\n"
            "has to sign in again. A server that runs does it, asked through the socket \"control\" in the data\n"
            "folder; else it is done in the store. Agents and Butler have no password.\n",
        .options = CLI_CONFIG,
        .words_min = 1,
        .words_max = 1,
        .run = cli_user_passwd,
    },
    {
        .name = "plugin inspect",
        .usage = "plugin inspect FILE.so",
        .summary = "Show what a plugin declares, without starting it.",
        .details = "",
        .words_min = 1,
        .words_max = 1,
        .run = cli_plugin_inspect,
    },
    {
        .name = "plugin release",
        .usage = "plugin release [-c FILE] NAME",
        .summary = "Let a plugin start again that crashed the server too often.",
        .details = "It starts with the next start of the server, which may run meanwhile. Its earlier crashes no longer\n"
                   "count. Another build of the plugin needs no release, and none is needed once plugins.crash_window\n"
                   "has passed.\n",
        .options = CLI_CONFIG,
        .words_min = 1,
        .words_max = 1,
        .run = cli_plugin_release,
    },
    {
        .name = "version",
        .usage = "version",
        .summary = "Print the version of the server and of its plugin ABI.",
        .details = "",
        .run = cli_version,
    },
    {
        .name = "help",
        .usage = "help [COMMAND]",
        .summary = "Explain the commands, or one of them.",
        .details = "",
        .words_max = 2,
        .run = cli_help,
    },
};
const size_t CLI_COMMAND_COUNT = sizeof CLI_COMMANDS / sizeof CLI_COMMANDS[0];

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

const cli_command *cli_find(const char *const *words, size_t count, size_t *ret_used)
{
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
        *ret_used = name_words(CLI_COMMANDS[i].name, words, count);
        if (*ret_used)
            return &CLI_COMMANDS[i];
    }
    return NULL;
}

bool cli_in_group(const cli_command *c, const char *word)
{
    size_t len = strlen(word);
    return strncmp(c->name, word, len) == 0 && c->name[len] == ' ';
}

const char *cli_config_file(const char *given)
{
    if (given)
        return given;
    return access(DEFAULT_CONFIG, F_OK) == 0 ? DEFAULT_CONFIG : NULL;
}

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

/* "plugin" alone and "plugin show" are answered by the commands of that group; "plugin --help" is no error. */
static int unknown_command(const char *const *words, size_t count)
{
    if (count == 2 && (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0) && cli_explain_group(words[0]))
        return fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
    bool group = false;
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        group = group || cli_in_group(&CLI_COMMANDS[i], words[0]);
    bool second = group && count > 1 && words[1][0] != '-';
    fprintf(stderr, "steward: %s \"%s%s%s\"; there are:", group && !second ? "incomplete command" : "unknown command",
            words[0], second ? " " : "", second ? words[1] : "");
    const char *before = " ";
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        if (!group || cli_in_group(&CLI_COMMANDS[i], words[0])) {
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
        c = cli_find(HELP, 1, &used);
    else if (strcmp(words[0], "--version") == 0 || strcmp(words[0], "-V") == 0)
        c = cli_find(VERSION, 1, &used);
    else
        c = cli_find(words, count, &used);
    if (!c)
        return unknown_command(words, count);
    cli_args args = {0};
    if (count > 0 && parse(c, (int)(count - used), argv + 1 + used, &args) != CLI_OK)
        return CLI_USAGE;
    int code;
    if (args.help) {
        cli_explain(c);
        code = CLI_OK;
    } else {
        code = c->run(&args);
    }
    if (count == 0)
        code = CLI_USAGE;
    return fflush(stdout) == 0 ? code : CLI_FAILED;
}
