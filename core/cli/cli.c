/* Which command, and its arguments. */
#include "core/cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char DEFAULT_CONFIG[] = "/etc/steward/steward.conf";

const cli_command CLI_COMMANDS[] = {
    {
        .name = "serve",
        .usage = "serve [-c FILE] [--print-initial-password]",
        .summary = "Run the server in the foreground.",
        .details =
            "Prints \"listening on http://HOST:PORT\" once it answers. SIGTERM stops it after what runs has been\n"
            "answered, a second one at once; SIGHUP reads the configuration again.\n"
            "--print-initial-password shows a password made for the first admin here instead of leaving it in\n"
            "the data folder.\n",
        .options = CLI_CONFIG | CLI_INITIAL_PASSWORD,
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
        .name = "plugin",
        .usage = "plugin inspect FILE.so",
        .summary = "Show what a plugin declares, without starting it.",
        .details = "",
        .words_max = 2,
        .run = cli_plugin,
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
        .words_max = 1,
        .run = cli_help,
    },
};
const size_t CLI_COMMAND_COUNT = sizeof CLI_COMMANDS / sizeof CLI_COMMANDS[0];

const cli_command *cli_find(const char *name)
{
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        if (strcmp(CLI_COMMANDS[i].name, name) == 0)
            return &CLI_COMMANDS[i];
    return NULL;
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
        } else if (takes(c, word, "--print-initial-password", CLI_INITIAL_PASSWORD)) {
            ret->print_initial_password = true;
        } else if (takes(c, word, "--template", CLI_TEMPLATE)) {
            ret->template = true;
        } else {
            return usage_error(c, "unknown option", word);
        }
    }
    return CLI_OK;
}

static int unknown_command(const char *name)
{
    fprintf(stderr, "steward: unknown command \"%s\"; there are:", name);
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        fprintf(stderr, " %s", CLI_COMMANDS[i].name);
    fprintf(stderr, "\ntry: steward help\n");
    return CLI_USAGE;
}

int cli_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const cli_command *c = cli_find(name);
    if (!c)
        return unknown_command(name);
    cli_args args = {0};
    if (parse(c, argc - 2 > 0 ? argc - 2 : 0, argv + 2, &args) != CLI_OK)
        return CLI_USAGE;
    if (args.help) {
        args.words[0] = c->name;
        args.count = 1;
        return cli_help(&args);
    }
    int code = c->run(&args);
    if (argc < 2)
        code = CLI_USAGE;
    return fflush(stdout) == 0 ? code : CLI_FAILED;
}
