/* steward help [COMMAND] */
#include "core/cli/cli.h"

#include <stdio.h>

void cli_explain(const cli_command *c)
{
    printf("usage: steward %s\n\n%s\n%s", c->usage, c->summary, c->details);
    if (c->options & CLI_CONFIG)
        printf("-c FILE: the configuration; without it /etc/steward/steward.conf if there is one, else the defaults.\n"
               "conf.d/*.conf beside it and the environment are read after it.\n");
}

bool cli_explain_group(const char *word)
{
    bool any = false;
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        if (cli_in_group(&CLI_COMMANDS[i], word)) {
            printf("%s", any ? "\n" : "");
            cli_explain(&CLI_COMMANDS[i]);
            any = true;
        }
    return any;
}

int cli_help(const cli_args *args)
{
    if (args->count) {
        size_t used = 0;
        const cli_command *c = cli_find(args->words, args->count, &used);
        if (c && used == args->count) {
            cli_explain(c);
            return CLI_OK;
        }
        if (args->count == 1 && cli_explain_group(args->words[0]))
            return CLI_OK;
        fprintf(stderr, "steward help: there is no command \"%s%s%s\"\ntry: steward help\n", args->words[0],
                args->count > 1 ? " " : "", args->count > 1 ? args->words[1] : "");
        return CLI_USAGE;
    }
    printf("usage: steward COMMAND\n\n");
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        printf("  %-44s %s\n", CLI_COMMANDS[i].usage, CLI_COMMANDS[i].summary);
    printf("\nsteward help COMMAND says more.\n");
    return CLI_OK;
}
