/* Services between plugins: who provides what, to whom it is given, and the one that the core itself asks: auth/1,
 * which turns tokens into principals. Any thread, but where noted. */
#include "core/plugin/plugin_internal.h"
#include "core/plugin/registry.h"

#include "core/crash/crash_scope.h"

#include <string.h>

static const sw_provided *provided_row(const sw_plugin *p, const char *name)
{
    const sw_provided *rows = p->provides.rows;
    for (uint32_t i = 0; i < p->provides.count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

bool plugin_provides(const sw_plugin *p, const char *name)
{
    return p && provided_row(p, name);
}

module *service_provider(const registry *r, const char *name, const void **ret_table)
{
    for (unsigned i = 1; i < r->count; i++) {
        module *m = r->modules[i];
        const sw_provided *row = module_quarantined(m) ? NULL : provided_row(&m->plugin, name);
        if (row) {
            if (ret_table)
                *ret_table = row->table;
            return m;
        }
    }
    return NULL;
}

const sw_host *registry_service(const registry *r, const char *name, const void **ret_table)
{
    const module *m = service_provider(r, name, ret_table);
    return m ? &m->host : NULL;
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

/* ---- auth/1, for the HTTP server ---- */

static void end_name(sw_principal *ret)
{
    ret->name[sizeof ret->name - 1] = '\0';
}

/* On a worker, or on a slow one when the provider waits for another machine. */
sw_status registry_authenticate(runtime *rt, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    const registry *r = rt->registry;
    const module *m = r->auth;
    if (!m || m->host.status != MODULE_ENABLED || !r->auth_service.authenticate)
        return SW_UNAVAILABLE;
    *ret = (sw_principal){.size = sizeof *ret};
    crash_scope before = crash_enter(&m->host, "service", "authenticate", NULL);
    sw_status status = r->auth_service.authenticate(m->host.state, db, token, len, ret);
    crash_leave(before);
    end_name(ret);
    return status;
}

sw_status registry_ask(sw_request *req, const char *token, size_t len, sw_principal *ret)
{
    const registry *r = req->host->rt->registry;
    const module *m = r->auth;
    if (!m || m->host.status != MODULE_ENABLED)
        return SW_UNAVAILABLE;
    *ret = (sw_principal){.size = sizeof *ret};
    crash_scope before = crash_enter(&m->host, "service", "ask", NULL);
    sw_status status = r->auth_service.ask(m->host.state, req, token, len, ret);
    crash_leave(before);
    end_name(ret);
    return status;
}
