/* steward plugin inspect FILE.so: its tables as text, read from the file: nothing of it runs. And what would keep a
 * server from running it, by the same rules. Main thread. */
#include "core/cli/cli.h"
#include "core/config/config.h"
#include "core/http/request_check.h"
#include "core/http/router.h"
#include "core/plugin/loader.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char COMMAND[] = "plugin inspect";

static const char *or_dash(const char *text)
{
    return text && *text ? text : "-";
}

static void print_head(const sw_plugin *p)
{
    cli_say("name        %s", p->name);
    cli_say("version     %s", p->version);
    cli_say("abi         %u.%u", (unsigned)p->abi_major, (unsigned)p->abi_minor);
    cli_say("license     %s", or_dash(p->license));
    cli_say("summary     %s", or_dash(p->summary));
    const sw_provided *provided = p->provides.rows;
    for (uint32_t i = 0; i < p->provides.count; i++)
        cli_say("provides    %s", provided[i].name);
    const sw_need *needs = p->needs.rows;
    for (uint32_t i = 0; i < p->needs.count; i++)
        cli_say("needs       %s%s", needs[i].name, needs[i].optional ? " (optional)" : "");
}

static void print_tables(const sw_plugin *p)
{
    const sw_option *options = p->options.rows;
    for (uint32_t i = 0; i < p->options.count; i++)
        cli_say("option      %s (%s, default \"%s\") %s", options[i].name, option_type_name(options[i].type),
                options[i].default_value, options[i].summary);
    const sw_route *routes = p->routes.rows;
    for (uint32_t i = 0; i < p->routes.count; i++)
        cli_say("route       %s %s (%s, %s lane) %s", http_method_name(routes[i].method), routes[i].path,
                access_name(routes[i].access), lane_name(routes[i].lane), or_dash(routes[i].summary));
    const sw_frame_handler *frames = p->frames.rows;
    for (uint32_t i = 0; i < p->frames.count; i++) {
        if (frames[i].roles == 0) {
            cli_say("frame       %s (made here) %s", frames[i].type, or_dash(frames[i].summary));
            continue;
        }
        char roles[64] = "";
        for (sw_role role = SW_ROLE_ADMIN; role <= SW_ROLE_BUTLER; role++)
            if (frames[i].roles & SW_ROLE_BIT(role))
                snprintf(roles + strlen(roles), sizeof roles - strlen(roles), "%s ", sw_role_name(role));
        cli_say("frame       %s (%son the %s lane) %s", frames[i].type, roles, lane_name(frames[i].lane),
                or_dash(frames[i].summary));
    }
    const sw_subscription *events = p->subscriptions.rows;
    for (uint32_t i = 0; i < p->subscriptions.count; i++)
        cli_say("event       %s (%s)", events[i].event,
                events[i].in_tx && events[i].after ? "in_tx, after"
                : events[i].in_tx                  ? "in_tx"
                                                   : "after");
    const sw_housekeeping *work = p->housekeeping.rows;
    for (uint32_t i = 0; i < p->housekeeping.count; i++)
        cli_say("housekeeping %s (every %lld ms)", work[i].name, (long long)work[i].every_ms);
    const sw_timer *timers = p->timers.rows;
    for (uint32_t i = 0; i < p->timers.count; i++)
        cli_say("timer       %s (every %lld ms)", timers[i].name, (long long)timers[i].every_ms);
    const sw_migration *migrations = p->migrations.rows;
    for (uint32_t i = 0; i < p->migrations.count; i++)
        cli_say("migration   %s", migrations[i].name);
    unsigned statements = p->statements.count;
    for (unsigned i = 0; p->statement_tables && p->statement_tables[i]; i++)
        statements += p->statement_tables[i]->count;
    cli_say("statements  %u", statements);
    cli_say("recovery    %s", p->recovery ? "yes" : "no");
}

/* ---- would it run? What its rows say alone is known by now ---- */

static bool options_run(const sw_plugin *p)
{
    config *c = config_new();
    bool good = c && config_load(c, NULL, NULL) &&
                config_declare(c, p->name, p->options.rows, p->options.row_size, p->options.count);
    if (!good)
        cli_fail(COMMAND, "%s", c ? config_errors(c) : "no memory");
    config_free(c);
    return good;
}

static bool routes_run(const sw_plugin *p)
{
    char error[256] = "out of memory";
    sw_host host = {.name = p->name};
    router *r = router_new();
    bool good = r != NULL;
    const sw_route *rows = p->routes.rows;
    for (uint32_t i = 0; good && i < p->routes.count; i++)
        good = router_add(r, &host, &rows[i], ROUTE_PLAIN, error, sizeof error);
    if (!good)
        cli_fail(COMMAND, "%s would be quarantined: %s", p->name, error);
    router_free(r);
    return good;
}

/* FILE split into its folder and NAME, without ".so". false: it does not end so. */
static bool split(const char *file, char folder[PATH_MAX], char name[PATH_MAX])
{
    char full[PATH_MAX];
    if (!realpath(file, full))
        snprintf(full, sizeof full, "%s", file);
    const char *slash = strrchr(full, '/');
    const char *base = slash ? slash + 1 : full;
    size_t len = strlen(base);
    if (len <= 3 || strcmp(base + len - 3, ".so") != 0)
        return false;
    snprintf(folder, PATH_MAX, "%.*s", slash ? (int)(slash - full) : 1, slash ? full : ".");
    snprintf(name, PATH_MAX, "%.*s", (int)(len - 3), base);
    return true;
}

int cli_plugin_inspect(const cli_args *args)
{
    char folder[PATH_MAX], name[PATH_MAX], error[LOADER_ERROR_MAX];
    if (!split(args->words[0], folder, name))
        return cli_fail(COMMAND, "%s is no .so file", args->words[0]);
    arena memory = {0};
    sw_plugin p;
    bool good = loader_read(folder, name, &memory, &p, error);
    if (good) {
        print_head(&p);
        print_tables(&p);
        good = options_run(&p) && routes_run(&p);
    } else {
        cli_fail(COMMAND, "%s %s", name, error);
    }
    arena_done(&memory);
    return good ? CLI_OK : CLI_FAILED;
}
