/* The first phase: every enabled plugin is opened and its options are declared. In safe mode that is what an
 * administrator needs to get in, whatever the configuration enables. Main thread. */
#include "core/plugin/plugin_internal.h"
#include "core/plugin/registry.h"

#include "core/base/log.h"
#include "core/crash/crash_handler.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert((int)CRASHES_WHY_MAX >= (int)LOADER_ERROR_MAX, "room for either reason");
_Static_assert((int)CRASH_MODULES_MAX >= (int)RUNTIME_MODULES_MAX, "every plugin has a row in the crash report");
_Static_assert((int)CRASHES_WHY_MAX <= (int)sizeof((sw_host *)0)->error, "the reason fits");

/* The plugins that sign people in: the ones that provide auth/1 and users/1 in this server's own folder. */
static const char *const SAFE[] = {"auth", "users"};

static void load(registry *r, const char *name);
static void load_safe(registry *r);

void registry_load(registry *r, const char *dir)
{
    snprintf(r->dir, sizeof r->dir, "%s", dir);
    const config *c = r->rt->config;
    if (r->rt->safe_mode) {
        load_safe(r);
        return;
    }
    for (size_t i = 0; i < config_list_count(c, "plugins.enabled"); i++)
        load(r, config_list_item(c, "plugins.enabled", i));
    for (size_t i = 0; i < config_list_count(c, "plugins.required"); i++) {
        const char *name = config_list_item(c, "plugins.required", i);
        if (!config_list_has(c, "plugins.enabled", name))
            config_value_error(r->rt->config, "plugins.required", "plugins.required: \"%s\" is not enabled", name);
    }
}

/* May every user of the machine put another file there? In development that is only said, for file systems that know no
 * modes. */
static bool anybody_writes(const registry *r, const char *path, char error[CRASHES_WHY_MAX])
{
    const char *const both[] = {r->dir, path};
    for (size_t i = 0; i < 2; i++) {
        struct stat about;
        if (stat(both[i], &about) != 0 || !(about.st_mode & S_IWOTH))
            continue;
        snprintf(error, CRASHES_WHY_MAX, "every user of this machine may write to %s: chmod o-w", both[i]);
        if (strcmp(config_text(r->rt->config, "server.env"), "development") != 0)
            return true;
        log_warn("plugins", "%s", error);
    }
    return false;
}

/* There is no such file: perhaps another name is meant. */
static bool is_missing(const registry *r, const char *name, const char *path, char error[CRASHES_WHY_MAX])
{
    if (!plugin_name_valid(name) || access(path, F_OK) == 0)
        return false;
    snprintf(error, CRASHES_WHY_MAX, "there is no readable file %.400s%s", path,
             config_hint_plugin(r->rt->config, name));
    return true;
}

/* Opens its file, unless it has crashed the server too often. false: `error` says why not. */
static bool open_file(registry *r, module *m, char error[CRASHES_WHY_MAX])
{
    char path[PATH_MAX + PLUGIN_NAME_MAX + 8];
    const char *name = m->host.name;
    bool exempt = r->rt->safe_mode || config_plugin_required(r->rt->config, name);
    snprintf(path, sizeof path, "%s/%s.so", r->dir, name);
    if (is_missing(r, name, path, error) || anybody_writes(r, path, error))
        return false;
    if (!crashes_admit(r->crashes, &m->host, name, path, exempt, error))
        return false;
    crash_scope before = crash_enter(&m->host, "load", NULL, NULL); /* its constructors run */
    bool good = loader_open(r->dir, name, &m->memory, &m->plugin, &m->host.handle, error);
    crash_leave(before);
    crashes_loaded(r->crashes, &m->host, good ? m->plugin.version : NULL);
    return good;
}

/* The descriptor of that name that was offered, or NULL when the plugin is a file. */
static const sw_plugin *find_linked(const registry *r, const char *name)
{
    for (size_t i = 0; r->linked && r->linked[i]; i++)
        if (strcmp(r->linked[i]->name, name) == 0)
            return r->linked[i];
    return NULL;
}

/* A plugin of that name, loaded, or quarantined. */
static void load(registry *r, const char *name)
{
    char error[CRASHES_WHY_MAX] = "";
    if (strcmp(name, "core") == 0 || registry_find(r, name)) {
        config_value_error(r->rt->config, "plugins.enabled",
                           "plugins.enabled: \"%s\" stands there twice, or is the server's own name", name);
        return;
    }
    module *m = module_new(r, name);
    if (!m) {
        config_add_error(r->rt->config, "plugins.enabled: no room for more than %d plugins", RUNTIME_MODULES_MAX - 1);
        return;
    }
    const sw_plugin *linked = find_linked(r, name);
    if (linked ? !loader_copy(linked, name, &m->memory, &m->plugin, error) : !open_file(r, m, error)) {
        m->plugin = (sw_plugin){.name = m->host.name};
        module_quarantine(m, "%s", error);
        return;
    }
    const sw_table *options = &m->plugin.options;
    (void)config_declare(r->rt->config, name, options->rows, options->row_size,
                         options->count); /* see config_errors() */
}

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

static void load_safe(registry *r)
{
    const config *c = r->rt->config;
    for (size_t i = 0; i < sizeof SAFE / sizeof SAFE[0]; i++)
        load(r, SAFE[i]);
    for (size_t i = 0; i < config_list_count(c, "plugins.enabled"); i++)
        leave_out(r, config_list_item(c, "plugins.enabled", i));
}
