/* The calls that begin and end a plugin, each told to the crash handler. Main thread, but for prepare(): the writer. */
#include "core/plugin/module.h"

#include "core/crash/crash_handler.h"

#include <stdio.h>

_Static_assert((int)CRASH_MODULES_MAX >= (int)RUNTIME_MODULES_MAX, "every plugin has a row in the crash report");
_Static_assert((int)CRASHES_WHY_MAX <= (int)sizeof((sw_host *)0)->error, "the reason fits");
_Static_assert((int)CRASHES_WHY_MAX >= (int)LOADER_ERROR_MAX, "room for either reason");

bool module_open(registry *r, module *m, char error[CRASHES_WHY_MAX])
{
    char path[PATH_MAX + PLUGIN_NAME_MAX + 8];
    const char *name = m->host.name;
    bool exempt = r->rt->safe_mode || config_plugin_required(r->rt->config, name);
    snprintf(path, sizeof path, "%s/%s.so", r->dir, name);
    if (!crashes_admit(r->crashes, &m->host, name, path, exempt, error))
        return false;
    crash_scope before = crash_enter(&m->host, "load", NULL, NULL); /* its constructors run */
    bool good = loader_open(r->dir, name, &m->memory, &m->plugin, &m->host.handle, error);
    crash_leave(before);
    crashes_loaded(r->crashes, &m->host, good ? m->plugin.version : NULL);
    return good;
}

sw_status module_start(module *m)
{
    if (!m->plugin.start)
        return SW_OK;
    crash_scope before = crash_enter(&m->host, "start", NULL, NULL);
    sw_status status = m->plugin.start(&m->host, &m->host.state);
    crash_leave(before);
    return status;
}

sw_status module_prepare(const module *m, sw_tx *tx)
{
    crash_scope before = crash_enter(&m->host, "prepare", NULL, NULL);
    sw_status status = m->plugin.prepare(tx);
    crash_leave(before);
    return status;
}

void module_reconfigure(module *m)
{
    if (!m->callable || !m->plugin.reconfigure)
        return;
    crash_scope before = crash_enter(&m->host, "reconfigure", NULL, NULL);
    m->plugin.reconfigure(&m->host, m->host.state);
    crash_leave(before);
}

void module_tell_switched(module *m, bool enabled)
{
    if (!m->callable || !m->plugin.switched)
        return;
    crash_scope before = crash_enter(&m->host, "switch", NULL, NULL);
    m->plugin.switched(&m->host, m->host.state, enabled);
    crash_leave(before);
}

void module_stop(const module *m)
{
    if (!m->plugin.stop)
        return;
    crash_scope before = crash_enter(&m->host, "stop", NULL, NULL);
    m->plugin.stop(m->host.state);
    crash_leave(before);
}

/* Needs in a circle have been quarantined. */
void module_mark_vital(registry *r, const module *m)
{
    const sw_need *need = m ? m->plugin.needs.rows : NULL;
    if (!m || m->host.status != MODULE_ENABLED)
        return;
    crashes_vital(r->crashes, &m->host);
    for (uint32_t i = 0; i < m->plugin.needs.count; i++)
        if (!need[i].optional)
            module_mark_vital(r, service_provider(r, need[i].name, NULL));
}
