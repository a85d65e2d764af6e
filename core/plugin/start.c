/* The fourth phase: start() and prepare() of every plugin in start order, then its routes and frames. Main thread, but
 * for prepare(), which the writer calls. */
#include "core/plugin/plugin_internal.h"
#include "core/plugin/registry.h"

#include "core/base/log.h"
#include "core/crash/crash_scope.h"
#include "core/runtime/thread.h"
#include "core/runtime/writer.h"

#include <stdio.h>
#include <string.h>

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
    crash_scope before = crash_enter(&p->module->host, "prepare", NULL, NULL);
    sw_status status = p->module->plugin.prepare(tx);
    crash_leave(before);
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

/* The first need that no running plugin meets, or NULL. *ret_provider is the plugin that would, if there is one. */
static const char *need_missing(const registry *r, const module *m, const module **ret_provider)
{
    const sw_need *rows = m->plugin.needs.rows;
    for (uint32_t i = 0; i < m->plugin.needs.count; i++) {
        const module *provider = service_provider(r, rows[i].name, NULL);
        if (rows[i].optional || (provider && provider->host.status == MODULE_ENABLED))
            continue;
        *ret_provider = provider;
        for (unsigned k = 1; k < r->count && !provider; k++)
            if (plugin_provides(&r->modules[k]->plugin, rows[i].name))
                *ret_provider = r->modules[k];
        return rows[i].name;
    }
    return NULL;
}

static sw_status call_start(module *m)
{
    if (!m->plugin.start)
        return SW_OK;
    crash_scope before = crash_enter(&m->host, "start", NULL, NULL);
    sw_status status = m->plugin.start(&m->host, &m->host.state);
    crash_leave(before);
    return status;
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
    sw_status status = call_start(m);
    m->callable = status == SW_OK;
    if (status != SW_OK && !m->host.error[0])
        snprintf(m->host.error, sizeof m->host.error, "could not start (%s)", failure_code(status));
    bool good = status == SW_OK && prepare(m);
    m->starting = false;
    return good;
}

/* Ends a module that was started and cannot go on. */
static void abandon(module *m, const char *why)
{
    bool stop = m->callable;
    module_quarantine(m, "%s", why);
    if (stop)
        module_stop(m);
}

/* A plugin that is not for production refuses to start there, as it should: the installation is not at fault. */
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
    for (unsigned i = 1; i < r->count; i++)
        hub_reserve_types(h, &r->modules[i]->plugin);
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
            if (retired_here(r, m->host.name))
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
