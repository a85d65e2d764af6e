/* The list of modules and their states. The phases of a start are in start.c. */
#include "core/plugin/module.h"

#include "core/base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

module *module_new(registry *r, const char *name)
{
    if (r->count == RUNTIME_MODULES_MAX)
        return NULL;
    module *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    arena_init(&m->memory, 0);
    char *own = arena_strndup(&m->memory, name, strlen(name));
    if (!own) {
        module_free(m);
        return NULL;
    }
    m->host.rt = r->rt;
    m->host.name = own;
    m->host.plugin = &m->plugin;
    m->host.status = MODULE_LOADED;
    m->plugin.name = own;
    r->modules[r->count++] = m;
    r->rt->modules[r->rt->module_count++] = &m->host;
    return m;
}

void module_free(module *m)
{
    if (!m)
        return;
    arena_done(&m->memory);
    free(m);
}

void module_quarantine(module *m, const char *format, ...)
{
    char text[sizeof m->host.error];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(m->host.error, text, sizeof text);
    m->callable = false;
    m->host.status = MODULE_QUARANTINED;
    log_error("plugins", "plugin %s is quarantined: %s", m->host.name, text);
}

bool module_quarantined(const module *m)
{
    return m->host.status == MODULE_QUARANTINED;
}

bool module_out(const module *m)
{
    return m->left_out || module_quarantined(m);
}

registry *registry_new(runtime *rt, const sw_plugin *core)
{
    registry *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->rt = rt;
    module *m = module_new(r, "core");
    if (!m) {
        free(r);
        return NULL;
    }
    m->plugin = *core;
    m->plugin.version = rt->version;
    m->host.status = MODULE_ENABLED;
    rt->registry = r;
    rt->publish = events_publish;
    return r;
}

void registry_free(registry *r)
{
    if (!r)
        return;
    events_drop(r);
    for (unsigned i = 0; i < r->count; i++)
        module_free(r->modules[i]);
    r->rt->module_count = 0;
    r->rt->registry = NULL;
    r->rt->publish = NULL;
    if (r->jwt_secret)
        crypto_wipe(r->jwt_secret, strlen(r->jwt_secret));
    free(r->jwt_secret);
    free(r);
}

void registry_watch_crashes(registry *r, crashes *c)
{
    r->crashes = c;
}

void registry_give_jwt_secret(registry *r, char *secret)
{
    r->jwt_secret = secret;
}

module *module_of(const sw_host *host)
{
    const registry *r = host->rt->registry;
    for (unsigned i = 0; r && i < r->count; i++)
        if (&r->modules[i]->host == host)
            return r->modules[i];
    return NULL;
}

const sw_host *registry_failed(const registry *r)
{
    for (unsigned i = 1; i < r->count; i++)
        if (r->modules[i]->required && !r->modules[i]->left_out && r->modules[i]->host.error[0])
            return &r->modules[i]->host;
    return NULL;
}

unsigned registry_quarantined(const registry *r)
{
    unsigned count = 0;
    for (unsigned i = 1; i < r->count; i++)
        count += module_quarantined(r->modules[i]);
    return count;
}

unsigned registry_running(const registry *r)
{
    unsigned count = 0;
    for (unsigned i = 1; i < r->count; i++)
        count += r->modules[i]->host.status == MODULE_ENABLED;
    return count;
}

sw_host *registry_find(const registry *r, const char *name)
{
    for (unsigned i = 1; i < r->count; i++)
        if (strcmp(r->modules[i]->host.name, name) == 0)
            return &r->modules[i]->host;
    return NULL;
}

void registry_offer(registry *r, const sw_plugin *const *linked)
{
    r->linked = linked;
}

const sw_plugin *registry_linked(const registry *r, const char *name)
{
    for (size_t i = 0; r->linked && r->linked[i]; i++)
        if (strcmp(r->linked[i]->name, name) == 0)
            return r->linked[i];
    return NULL;
}

bool registry_knows(void *arg, const char *plugin)
{
    const registry *r = arg;
    if (registry_find(r, plugin) || r->rt->safe_mode) /* where sections of plugins that are not loaded are no errors */
        return true;
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s.so", r->dir, plugin);
    return plugin_name_valid(plugin) && len > 0 && (size_t)len < sizeof path && access(path, F_OK) == 0;
}

/* An enabled plugin that cannot do without `m`; NULL: none. */
static const module *dependent_of(const registry *r, const module *m)
{
    for (unsigned i = 0; i < r->order_count; i++) {
        const module *other = r->order[i];
        const sw_need *need = other->plugin.needs.rows;
        if (other == m || other->host.status != MODULE_ENABLED)
            continue;
        for (uint32_t k = 0; k < other->plugin.needs.count; k++)
            if (!need[k].optional && module_provides(m, need[k].name))
                return other;
    }
    return NULL;
}

/* Its routes, frames, events, timers and housekeeping end; its state and its object stay, so what still runs is safe.
 */
sw_status registry_disable(registry *r, const char *name, char *error, size_t error_size)
{
    module *m = (module *)registry_find(r, name);
    if (!m)
        return SW_NOT_FOUND;
    const module *dependent = dependent_of(r, m);
    if (dependent) {
        snprintf(error, error_size, "%s is needed by %s", name, dependent->host.name);
        return SW_CONFLICT;
    }
    int enabled = MODULE_ENABLED;
    int after = m->host.in_flight ? MODULE_DRAINING : MODULE_DISABLED;
    if (atomic_compare_exchange_strong(&m->host.status, &enabled, after)) {
        log_info("plugins", "plugin %s is disabled", name);
        module_tell_switched(m, false);
    } else if (enabled == MODULE_QUARANTINED || enabled == MODULE_LOADED) {
        snprintf(error, error_size, "%s is not enabled", name);
        return SW_CONFLICT;
    }
    return SW_OK;
}

sw_status registry_enable(registry *r, const char *name, char *error, size_t error_size)
{
    module *m = (module *)registry_find(r, name);
    if (!m)
        return SW_NOT_FOUND;
    const sw_need *need = m->plugin.needs.rows;
    for (uint32_t i = 0; i < m->plugin.needs.count; i++) {
        const module *provider = service_provider(r, need[i].name, NULL);
        if (!need[i].optional && (!provider || provider->host.status != MODULE_ENABLED)) {
            snprintf(error, error_size, "%s needs %s, which no enabled plugin provides", name, need[i].name);
            return SW_CONFLICT;
        }
    }
    int before = m->callable ? (int)m->host.status : MODULE_QUARANTINED;
    while (before == MODULE_DISABLED || before == MODULE_DRAINING)
        if (atomic_compare_exchange_weak(&m->host.status, &before, MODULE_ENABLED)) {
            log_info("plugins", "plugin %s is enabled", name);
            module_tell_switched(m, true);
            return SW_OK;
        }
    if (before != MODULE_ENABLED) {
        snprintf(error, error_size, "%s does not run: %s", name, m->host.error);
        return SW_CONFLICT;
    }
    return SW_OK;
}
