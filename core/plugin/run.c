/* What runs: timers and housekeeping, reloads, the tick, and the end. Main thread. */
#include "core/plugin/module.h"

#include "core/base/log.h"

#include <stdatomic.h>

void registry_run(registry *r)
{
    runtime *rt = r->rt;
    module_mark_vital(r, r->auth);
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

void registry_reconfigure(registry *r)
{
    for (unsigned i = 0; i < r->order_count; i++)
        module_reconfigure(r->order[i]);
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

void registry_drain(registry *r)
{
    for (unsigned i = r->order_count; i-- > 0;) {
        module *m = r->order[i];
        timers_remove(r->rt, &m->host);
        writer_remove_housekeeping(r->rt->writer, &m->host);
    }
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
