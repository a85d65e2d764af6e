/* steward check: reads the configuration and the plugins' descriptors, looks at what they name, and starts nothing.
 * Main thread. */
#include "core/cli/cli.h"
#include "core/server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_warnings(const char *lines)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        fprintf(stderr, "warning: %.*s\n", (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

int cli_check(const cli_args *args)
{
    server *s = malloc(sizeof *s);
    if (!s)
        return CLI_FAILED;
    arena memory = {0};
    const char *file = cli_config_file(args->config);
    bool good = server_configure(s, file) && server_check(s, &memory);
    if (!s->rt.config) {
        fputs("no memory\n", stderr);
    } else {
        fputs(config_errors(s->rt.config), stderr);
        print_warnings(config_warnings(s->rt.config));
    }
    unsigned broken = s->plugins ? registry_quarantined(s->plugins) : 0; /* the log has a line for each */
    if (good && !broken)
        printf("%s: no errors, %u plugins\n", file ? file : "defaults", s->rt.module_count - 1);
    server_close(s);
    arena_done(&memory);
    free(s);
    return good && !broken ? CLI_OK : CLI_FAILED;
}
