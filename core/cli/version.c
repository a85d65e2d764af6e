/* steward version */
#include "core/cli/cli.h"

#include <stdio.h>
#include <steward/plugin.h>

int cli_version(const cli_args *args)
{
    (void)args;
    printf("steward %s (plugin ABI %u.%u)\n", STEWARD_VERSION, SW_ABI_MAJOR, SW_ABI_MINOR);
    return CLI_OK;
}
