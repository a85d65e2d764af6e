/* steward options: every option with its value, of a server that is not started. Main thread. */
#include "core/cli/cli.h"
#include "core/plugin/loader.h"
#include "core/server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_option(void *arg, const char *section, const sw_option *o, const char *value)
{
    const char *wanted = arg;
    char name[128];
    snprintf(name, sizeof name, "%s.%s", section, o->name);
    if (wanted && !strstr(name, wanted))
        return;
    printf("%s = %s\n    %s", name, value, option_type_name(o->type));
    if (o->type == SW_OPTION_ENUM)
        printf(" %s", o->choices);
    printf(", default %s%s", *o->default_value ? o->default_value : "empty", o->flags & SW_OPTION_LIVE ? ", live" : "");
    if (o->env)
        printf(", also %s", o->env);
    printf("\n    %s\n", o->summary);
}

int cli_options(const cli_args *args)
{
    server *s = malloc(sizeof *s);
    if (!s)
        return CLI_FAILED;
    bool good = server_configure(s, cli_config_file(args->config));
    if (!good)
        fputs(s->rt.config ? config_errors(s->rt.config) : "no memory\n", stderr);
    else if (args->template)
        config_print_template(stdout, s->rt.config);
    else
        config_each(s->rt.config, print_option, (void *)(uintptr_t)(args->count ? args->words[0] : NULL));
    server_close(s);
    free(s);
    return good ? CLI_OK : CLI_FAILED;
}
