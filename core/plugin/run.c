/* What runs: timers and housekeeping, reloads, live switches, the tick, and the end. Main thread, but for the switches:
 * any. */
#include "core/plugin/plugin_internal.h"
#include "core/plugin/registry.h"

#include "core/base/log.h"
#include "core/crash/crash_scope.h"
#include "core/http/http.h"
#include "core/runtime/writer.h"

#include <stdatomic.h>
#include <stdio.h>

/* Nobody can sign in without this plugin and what it needs: tells crashes_vital(). `m` may be NULL. Needs in a circle
 * have been quarantined, so this ends. */
static void mark_vital(registry *r, const module *m)
{
    const sw_need *need = m ? m->plugin.needs.rows : NULL;
    if (!m || m->host.status != MODULE_ENABLED)
        return;
    crashes_vital(r->crashes, &m->host);
    for (uint32_t i = 0; i < m->plugin.needs.count; i++)
        if (!need[i].optional)
            mark_vital(r, service_provider(r, need[i].name, NULL));
}

void registry_run(registry *r)
{
    runtime *rt = r->rt;
    mark_vital(r, r->auth);
    for (unsigned i = 0; i < r->order_count; i++) {
        module *m = r->order[i];
        if (m->host.status != MODULE_ENABLED)
            continue;
        const sw_timer *timers = m->plugin.timers.rows;
        const sw_housekeeping *work = m->plugin.housekeeping.rows;
        for (uint32_t k = 0; k < m->plugin.timers.count; k++)
            if (!timer_add(rt, &m->host, &timers[k]))
                log_error("plugins", "plugin %s: no room for timer %s", m->host.name, timers[k].name);
        for (uint32_t k = 0; k < m->plugin.housekeeping.count; k++)
            if (!writer_add_housekeeping(rt->writer, &m->host, &work[k]))
                log_error("plugins", "plugin %s: no room for housekeeping %s", m->host.name, work[k].name);
    }
}

/* Live options have changed. */
static void reconfigure(module *m)
{
    if (!m->callable || !m->plugin.reconfigure)
        return;
    crash_scope before = crash_enter(&m->host, "reconfigure", NULL, NULL);
    m->plugin.reconfigure(&m->host, m->host.state);
    crash_leave(before);
}

void registry_reconfigure(registry *r)
{
    for (unsigned i = 0; i < r->order_count; i++)
        reconfigure(r->order[i]);
}

void registry_tick(registry *r)
{
    for (unsigned i = 0; i < r->order_count; i++) {
        module *m = r->order[i];
        if (m->events)
            serial_tick(m->events);
        int draining = MODULE_DRAINING;
        if (m->host.in_flight == 0)
            (void)atomic_compare_exchange_strong(&m->host.status, &draining, MODULE_DISABLED);
    }
}

unsigned registry_pending(const registry *r)
{
    unsigned count = 0;
    for (unsigned i = 0; i < r->order_count; i++)
        if (r->order[i]->events)
            count += serial_length(r->order[i]->events);
    return count;
}

/* The server stops: what the module keeps waiting for an answer ends now. Who does not say how gets 503. */
static void drain(module *m)
{
    if (!m->callable)
        return;
    if (!m->plugin.draining) {
        defers_refuse(m->host.rt, &m->host);
        return;
    }
    crash_scope before = crash_enter(&m->host, "draining", NULL, NULL);
    m->plugin.draining(&m->host, m->host.state);
    crash_leave(before);
}

void registry_drain(registry *r)
{
    for (unsigned i = r->order_count; i-- > 0;) {
        module *m = r->order[i];
        drain(m);
        timers_remove(r->rt, &m->host);
        writer_remove_housekeeping(r->rt->writer, &m->host);
    }
}

void module_stop(const module *m)
{
    if (!m->plugin.stop)
        return;
    crash_scope before = crash_enter(&m->host, "stop", NULL, NULL);
    m->plugin.stop(m->host.state);
    crash_leave(before);
}

void registry_stop(registry *r)
{
    events_drop(r);
    for (unsigned i = r->order_count; i-- > 0;) {
        module *m = r->order[i];
        if (m->callable)
            module_stop(m);
        m->callable = false;
    }
}

/* ---- live switches ---- */

static void tell_switched(module *m, bool enabled)
{
    if (!m->callable || !m->plugin.switched)
        return;
    crash_scope before = crash_enter(&m->host, "switch", NULL, NULL);
    m->plugin.switched(&m->host, m->host.state, enabled);
    crash_leave(before);
}

/* An enabled plugin that cannot do without `m`, or NULL. */
static const module *dependent_of(const registry *r, const module *m)
{
    for (unsigned i = 0; i < r->order_count; i++) {
        const module *other = r->order[i];
        const sw_need *need = other->plugin.needs.rows;
        if (other == m || other->host.status != MODULE_ENABLED)
            continue;
        for (uint32_t k = 0; k < other->plugin.needs.count; k++)
            if (!need[k].optional && plugin_provides(&m->plugin, need[k].name))
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
        tell_switched(m, false);
        streams_cut(r->rt->streams, &m->host);
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
            tell_switched(m, true);
            return SW_OK;
        }
    if (before != MODULE_ENABLED) {
        snprintf(error, error_size, "%s does not run: %s", name, m->host.error);
        return SW_CONFLICT;
    }
    return SW_OK;
}
