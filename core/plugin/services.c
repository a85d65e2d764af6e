/* Services between plugins: who provides what, and to whom it is given. */
#include "core/plugin/module.h"

#include <string.h>

static const sw_provided *provided_row(const module *m, const char *name)
{
    const sw_provided *rows = m->plugin.provides.rows;
    for (uint32_t i = 0; i < m->plugin.provides.count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

bool module_provides(const module *m, const char *name)
{
    return provided_row(m, name) != NULL;
}

module *service_provider(const registry *r, const char *name, const void **ret_table)
{
    for (unsigned i = 1; i < r->count; i++) {
        module *m = r->modules[i];
        const sw_provided *row = module_quarantined(m) ? NULL : provided_row(m, name);
        if (row) {
            if (ret_table)
                *ret_table = row->table;
            return m;
        }
    }
    return NULL;
}

static bool declared(const sw_plugin *p, const char *name)
{
    const sw_need *rows = p->needs.rows;
    for (uint32_t i = 0; i < p->needs.count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return true;
    return false;
}

const void *sw_service(const sw_host *host, const char *name, void **ret_self)
{
    const void *table = NULL;
    if (!declared(host->plugin, name))
        return NULL;
    const module *provider = service_provider(host->rt->registry, name, &table);
    if (!provider || !provider->callable)
        return NULL;
    if (ret_self)
        *ret_self = provider->host.state;
    return table;
}
