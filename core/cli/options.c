/* steward options: every option with its value, of a server that is not started. Main thread. */
#include "core/base/nearest.h"
#include "core/cli/cli.h"
#include "core/plugin/loader.h"
#include "core/server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *wanted; /* a part of the name, or NULL */
    bool any;
    unsigned best; /* how near the nearest name is to what is wanted */
    char nearest[128];
} search;

static void note_nearest(search *to, const char *section, const char *key, const char *name)
{
    if (nearest(to->wanted, name, &to->best) || nearest(to->wanted, key, &to->best))
        snprintf(to->nearest, sizeof to->nearest, "%s", name);
    if (nearest(to->wanted, section, &to->best))
        snprintf(to->nearest, sizeof to->nearest, "%s", section);
}

static void print_option(void *arg, const char *section, const sw_option *o, const char *value)
{
    search *to = arg;
    char name[128];
    snprintf(name, sizeof name, "%s.%s", section, o->name);
    if (to->wanted && !strstr(name, to->wanted)) {
        note_nearest(to, section, o->name, name);
        return;
    }
    to->any = true;
    bool choices = o->type == SW_OPTION_ENUM;
    cli_say("%s = %s", name, value);
    cli_say("    %s%s%s, default %s%s%s%s", option_type_name(o->type), choices ? " " : "", choices ? o->choices : "",
            *o->default_value ? o->default_value : "empty", o->flags & SW_OPTION_LIVE ? ", live" : "",
            o->env ? ", also " : "", o->env ? o->env : "");
    cli_say("    %s", o->summary);
}

static int print_found(const config *c, const char *wanted)
{
    search to = {.wanted = wanted, .best = NEAREST_NONE};
    config_each(c, print_option, &to);
    if (to.any)
        return CLI_OK;
    if (*to.nearest)
        return cli_fail("options", "no option has \"%s\" in its name; did you mean %s?", wanted, to.nearest);
    return cli_fail("options", "no option of the core or of an enabled plugin has \"%s\" in its name", wanted);
}

int cli_options(const cli_args *args)
{
    server *s = malloc(sizeof *s);
    if (!s)
        return CLI_FAILED;
    int code = CLI_FAILED;
    bool good = server_configure(s, cli_config_file(args->config));
    if (!good)
        fputs(s->rt.config ? config_errors(s->rt.config) : "no memory\n", stderr);
    else if (args->template)
        config_print_template(stdout, s->rt.config);
    else
        code = print_found(s->rt.config, args->count ? args->words[0] : NULL);
    if (good && args->template)
        code = CLI_OK;
    server_close(s);
    free(s);
    return code;
}
