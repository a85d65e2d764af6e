/* The phases of a start, up to plugins that answer: main thread. What follows is in run.c. */
#include "core/plugin/module.h"

#include "core/base/log.h"
#include "core/plugin/retired.h"
#include "core/runtime/latch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void module_load(registry *r, const char *name)
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
    const sw_plugin *linked = registry_linked(r, name);
    if (linked ? !loader_copy(linked, name, &m->memory, &m->plugin, error) : !module_open(r, m, error)) {
        m->plugin = (sw_plugin){.name = m->host.name};
        module_quarantine(m, "%s", error);
        return;
    }
    const sw_table *options = &m->plugin.options;
    (void)config_declare(r->rt->config, name, options->rows, options->row_size,
                         options->count); /* see config_errors() */
}

void registry_load(registry *r, const char *dir)
{
    snprintf(r->dir, sizeof r->dir, "%s", dir);
    const config *c = r->rt->config;
    if (r->rt->safe_mode) {
        registry_load_safe(r);
        return;
    }
    for (size_t i = 0; i < config_list_count(c, "plugins.enabled"); i++)
        module_load(r, config_list_item(c, "plugins.enabled", i));
    for (size_t i = 0; i < config_list_count(c, "plugins.required"); i++) {
        const char *name = config_list_item(c, "plugins.required", i);
        if (!config_list_has(c, "plugins.enabled", name))
            config_value_error(r->rt->config, "plugins.required", "plugins.required: \"%s\" is not enabled", name);
    }
}

void registry_resolve(registry *r)
{
    for (unsigned i = 1; i < r->count; i++)
        r->modules[i]->required = config_plugin_required(r->rt->config, r->modules[i]->host.name);
    clash_resolve(r);
    order_resolve(r);
    const void *table = NULL;
    r->auth = service_provider(r, "auth/1", &table);
    if (r->auth) {
        uint32_t size;
        memcpy(&size, table, sizeof size);
        memcpy(&r->auth_service, table, size < sizeof r->auth_service ? size : sizeof r->auth_service);
    }
}

void registry_add_statements(registry *r, store *s)
{
    for (unsigned i = 0; i < r->order_count; i++) {
        const sw_plugin *p = &r->order[i]->plugin;
        bool good = store_add_statements(s, r->order[i]->host.name, p->statements) == SW_OK;
        for (unsigned k = 0; good && p->statement_tables && p->statement_tables[k]; k++)
            good = store_add_statements(s, r->order[i]->host.name, *p->statement_tables[k]) == SW_OK;
        if (!good)
            module_quarantine(r->order[i], "has statements that the store refuses");
    }
}

static bool production(const registry *r)
{
    return strcmp(config_text(r->rt->config, "server.env"), "production") == 0;
}

void registry_migrate(registry *r, store *s, sw_db *db)
{
    for (unsigned i = 0; i < r->order_count; i++) {
        module *m = r->order[i];
        char error[256] = "";
        if (module_quarantined(m) || (production(r) && retired_in_production(m->host.name)))
            continue;
        if (store_migrate(s, db, m->host.name, m->plugin.migrations, error, sizeof error) != SW_OK)
            module_quarantine(m, "could not be migrated: %s", error);
    }
    if (production(r))
        retired_drop(db);
}

/* ---- start() and prepare() ---- */

typedef struct {
    module *module;
    latch ready;
    sw_status status;
    char text[160];
} preparation;

/* On the writer. */
static sw_status prepare_step(sw_tx *tx, void *arg)
{
    preparation *p = arg;
    sw_status status = module_prepare(p->module, tx);
    const char *text = tx->req->failure.text;
    snprintf(p->text, sizeof p->text, "%s", text ? text : "");
    return status;
}

static void prepare_done(void *arg, sw_status outcome)
{
    preparation *p = arg;
    p->status = outcome;
    latch_open(&p->ready);
}

/* Waits for the writer. */
static bool prepare(module *m)
{
    if (!m->plugin.prepare)
        return true;
    preparation p = {.module = m, .status = SW_BUSY};
    latch_init(&p.ready);
    if (sw_write_later(&m->host, prepare_step, &p, prepare_done))
        latch_wait(&p.ready);
    latch_done(&p.ready);
    if (p.status == SW_OK)
        return true;
    if (!m->host.error[0])
        snprintf(m->host.error, sizeof m->host.error, "could not prepare its data (%s)%s%s", failure_code(p.status),
                 p.text[0] ? ": " : "", p.text);
    return false;
}

/* The first need that nothing meets; NULL: none. */
static const char *need_missing(const registry *r, const module *m, const module **ret_provider)
{
    const sw_need *rows = m->plugin.needs.rows;
    for (uint32_t i = 0; i < m->plugin.needs.count; i++) {
        const module *provider = service_provider(r, rows[i].name, NULL);
        if (rows[i].optional || (provider && provider->host.status == MODULE_ENABLED))
            continue;
        *ret_provider = provider;
        for (unsigned k = 1; k < r->count && !provider; k++)
            if (module_provides(r->modules[k], rows[i].name))
                *ret_provider = r->modules[k];
        return rows[i].name;
    }
    return NULL;
}

static bool start_module(registry *r, module *m)
{
    const module *provider = NULL;
    const char *missing = need_missing(r, m, &provider);
    if (missing && provider) {
        module_quarantine(m, "needs %s of plugin %s, which does not run", missing, provider->host.name);
        return false;
    }
    if (missing) {
        module_quarantine(m, "needs %s, which no enabled plugin provides", missing);
        return false;
    }
    m->starting = true;
    sw_status status = module_start(m);
    m->callable = status == SW_OK;
    if (status != SW_OK && !m->host.error[0])
        snprintf(m->host.error, sizeof m->host.error, "could not start (%s)", failure_code(status));
    bool good = status == SW_OK && prepare(m);
    m->starting = false;
    return good;
}

/* Ends a module that has been started and cannot go on. */
static void abandon(module *m, const char *why)
{
    bool stop = m->callable;
    module_quarantine(m, "%s", why);
    if (stop)
        module_stop(m);
}

/* A plugin that is not for production says no there, as it should: that is no fault of the installation. */
static void module_refused(module *m)
{
    m->callable = false;
    m->host.status = MODULE_DISABLED;
    log_warn("plugins", "plugin %s does not run: %s", m->host.name, m->host.error);
}

/* The core's part of it. */
static void serve(registry *r, http_server *http, hub *h)
{
    char error[sizeof((sw_host *)0)->error];
    r->http = http;
    if (!http_add_routes(http, &r->modules[0]->host, error, sizeof error))
        log_error("plugins", "the server's own routes: %s", error);
    hub_on_socket(h, events_socket);
    http_authenticate_on(http, r->auth_service.waits ? SW_LANE_SLOW : SW_LANE_WORKER);
    if (r->auth_service.ask)
        http_ask_with(http, &r->auth->host, registry_ask);
}

void registry_start(registry *r, http_server *http, hub *h)
{
    char error[sizeof((sw_host *)0)->error];
    if (!events_prepare(r))
        log_error("plugins", "no memory for subscriptions");
    if (http)
        serve(r, http, h);
    for (unsigned i = 0; i < r->order_count; i++) {
        module *m = r->order[i];
        if (module_quarantined(m))
            continue;
        if (!start_module(r, m)) {
            memcpy(error, m->host.error, sizeof error);
            if (production(r) && retired_in_production(m->host.name))
                module_refused(m);
            else if (!module_quarantined(m))
                abandon(m, error);
            continue;
        }
        m->host.error[0] = '\0';
        if (http && (!http_add_routes(http, &m->host, error, sizeof error) ||
                     !hub_add_module(h, &m->host, error, sizeof error))) {
            abandon(m, error);
            continue;
        }
        m->host.status = MODULE_ENABLED;
        log_debug("plugins", "plugin %s %s runs", m->host.name, m->plugin.version);
    }
    if (!r->auth || r->auth->host.status != MODULE_ENABLED)
        log_error("plugins", "no plugin provides auth/1: only public routes can answer");
}
