/* steward help [COMMAND] */
#include "core/cli/cli.h"

#include <stdio.h>

int cli_help(const cli_args *args)
{
    if (args->count) {
        const cli_command *c = cli_find(args->words[0]);
        if (!c) {
            fprintf(stderr, "steward help: there is no command \"%s\"\ntry: steward help\n", args->words[0]);
            return CLI_USAGE;
        }
        printf("usage: steward %s\n\n%s\n%s", c->usage, c->summary, c->details);
        if (c->options & CLI_CONFIG)
            printf(
                "-c FILE: the configuration; without it /etc/steward/steward.conf if there is one, else the defaults.\n"
                "conf.d/*.conf beside it and the environment are read after it.\n");
        return CLI_OK;
    }
    printf("usage: steward COMMAND\n\n");
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
        printf("  %-44s %s\n", CLI_COMMANDS[i].usage, CLI_COMMANDS[i].summary);
    printf("\nsteward help COMMAND says more.\n");
    return CLI_OK;
}
