/* steward routes */
#include "core/cli/cli.h"
#include "core/plugin/names.h"
#include "core/cli/server.h"

#include <stdio.h>
#include <stdlib.h>

static void print_module(const sw_host *m)
{
    const sw_route *rows = m->plugin->routes.rows;
    for (uint32_t i = 0; i < m->plugin->routes.count; i++)
        printf("%-7s %-44s %-10s %-9s %s\n", method_name(rows[i].method), rows[i].path, m->name,
               access_name(rows[i].access), rows[i].summary ? rows[i].summary : "");
}

int cli_routes(const cli_args *args)
{
    server *s = malloc(sizeof *s);
    if (!s)
        return CLI_FAILED;
    bool good = server_configure(s, cli_config_file(args->config));
    if (!good)
        fputs(s->rt.config ? config_errors(s->rt.config) : "no memory\n", stderr);
    for (unsigned i = 0; good && i < s->rt.module_count; i++)
        if (s->rt.modules[i]->status != MODULE_QUARANTINED)
            print_module(s->rt.modules[i]);
    server_close(s);
    free(s);
    return good ? CLI_OK : CLI_FAILED;
}
