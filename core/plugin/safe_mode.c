/* `steward serve --safe-mode`: what an administrator needs to get in, whatever the configuration enables. */
#include "core/plugin/module.h"

#include <stdio.h>

static const char *const SAFE[] = {"auth", "users"};

/* It stays listed, and its section of the configuration is known, but nothing of it is looked at. */
static void leave_out(registry *r, const char *name)
{
    module *m = registry_find(r, name) ? NULL : module_new(r, name);
    if (!m)
        return;
    m->left_out = true;
    m->host.status = MODULE_DISABLED;
    snprintf(m->host.error, sizeof m->host.error, "left out: the server was started with --safe-mode");
}

void registry_load_safe(registry *r)
{
    const config *c = r->rt->config;
    for (size_t i = 0; i < sizeof SAFE / sizeof SAFE[0]; i++)
        module_load(r, SAFE[i]);
    for (size_t i = 0; i < config_list_count(c, "plugins.enabled"); i++)
        leave_out(r, config_list_item(c, "plugins.enabled", i));
}
