/* The list of modules and their states. Main thread, but where registry.h says otherwise. */
#include "core/plugin/registry.h"
#include "core/plugin/plugin_internal.h"

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

http_server *registry_http(const registry *r)
{
    return r->http;
}

crash_tally registry_crashes(const sw_host *host)
{
    return crashes_tally(host->rt->registry->crashes, host);
}

bool registry_knows(void *arg, const char *plugin)
{
    const registry *r = arg;
    if (registry_find(r, plugin) ||
        r->rt->safe_mode) /* in safe mode sections of plugins that are not loaded are accepted */
        return true;
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s.so", r->dir, plugin);
    return plugin_name_valid(plugin) && len > 0 && (size_t)len < sizeof path && access(path, F_OK) == 0;
}
