/* The commands, in the order of `steward help`. */
#include "core/cli/cli.h"

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
            "to get in when another plugin keeps the server from running.\n"
            "--new-store begins with an empty database although the one that belongs to master.key is gone; without it\n"
            "such a start is refused. A database that is there is left as it is.\n",
        .options = CLI_CONFIG | CLI_INITIAL_PASSWORD | CLI_SAFE_MODE | CLI_NEW_STORE,
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
        .details =
            "Pages, indexes and references, the versions of the tables, and whether it belongs to master.key. Changes\n"
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
        .details =
            "DIR, by default NAME, must not be there yet, or be empty. steward-plugin(7) goes on from there; it is in the\n"
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
        .summary = "Show what a plugin declares, without running anything of it.",
        .details = "Reads the file alone. Exits with 1 when a server would not run the plugin, and says why.\n",
        .words_min = 1,
        .words_max = 1,
        .run = cli_plugin_inspect,
    },
    {
        .name = "plugin release",
        .usage = "plugin release [-c FILE] NAME",
        .summary = "Let a plugin start again that crashed the server too often.",
        .details =
            "It starts with the next start of the server, which may run meanwhile. Its earlier crashes no longer\n"
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
