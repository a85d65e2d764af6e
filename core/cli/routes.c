/* steward routes: the tables of routes, of a server that is not started. Main thread. */
#include "core/cli/cli.h"
#include "core/http/request_check.h"
#include "core/plugin/loader.h"
#include "core/server/server.h"

#include <stdio.h>
#include <stdlib.h>

static void print_route(void *module_name, const sw_route *r)
{
    cli_say("%-7s %-44s %-10s %-9s %s", http_method_name(r->method), r->path, (const char *)module_name,
            access_name(r->access), r->summary ? r->summary : "");
}

static void print_module(const sw_host *m)
{
    char name[PLUGIN_NAME_MAX + 1];
    const sw_route *rows = m->plugin->routes.rows;
    snprintf(name, sizeof name, "%s", m->name);
    for (uint32_t i = 0; i < m->plugin->routes.count; i++)
        print_route(name, &rows[i]);
}

int cli_routes(const cli_args *args)
{
    server *s = malloc(sizeof *s);
    if (!s)
        return CLI_FAILED;
    bool good = server_configure(s, cli_config_file(args->config));
    if (!good)
        fputs(s->rt.config ? config_errors(s->rt.config) : "no memory\n", stderr);
    char core[] = "core";
    if (good)
        http_each_own_route(print_route, core);
    for (unsigned i = 0; good && i < s->rt.module_count; i++)
        if (s->rt.modules[i]->status != MODULE_QUARANTINED)
            print_module(s->rt.modules[i]);
    server_close(s);
    free(s);
    return good ? CLI_OK : CLI_FAILED;
}
