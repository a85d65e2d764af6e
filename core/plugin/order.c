/* The start order: providers before those that need them, else as in plugins.enabled. */
#include "core/plugin/module.h"

#include <stdio.h>
#include <string.h>

static bool placed(const registry *r, const module *m)
{
    for (unsigned i = 0; i < r->order_count; i++)
        if (r->order[i] == m)
            return true;
    return false;
}

/* A provider that `m` must wait for and that has no place yet; NULL: none. A need that nobody provides is no reason to
 * wait: starting says so. */
static const module *waits_for(const registry *r, const module *m, bool with_optional)
{
    const sw_need *rows = m->plugin.needs.rows;
    for (uint32_t i = 0; i < m->plugin.needs.count; i++) {
        const module *provider = service_provider(r, rows[i].name, NULL);
        if (provider && provider != m && (with_optional || !rows[i].optional) && !placed(r, provider))
            return provider;
    }
    return NULL;
}

static bool place_next(registry *r, bool with_optional)
{
    for (unsigned i = 1; i < r->count; i++) {
        module *m = r->modules[i];
        if (module_out(m) || placed(r, m) || waits_for(r, m, with_optional))
            continue;
        r->order[r->order_count++] = m;
        return true;
    }
    return false;
}

/* Some modules wait for each other: follows the waits of one until a module comes twice, and quarantines that circle.
 */
static void break_circle(registry *r)
{
    const module *at = NULL;
    for (unsigned i = 1; i < r->count && !at; i++)
        if (!module_out(r->modules[i]) && !placed(r, r->modules[i]))
            at = r->modules[i];
    for (unsigned steps = 0; at && steps < r->count; steps++)
        at = waits_for(r, at, false);
    if (!at)
        return;

    char names[160] = "";
    module *circle[RUNTIME_MODULES_MAX];
    unsigned count = 0;
    const module *first = at;
    do {
        size_t len = strlen(names);
        snprintf(names + len, sizeof names - len, "%s -> ", at->host.name);
        for (unsigned i = 1; i < r->count; i++)
            if (r->modules[i] == at)
                circle[count++] = r->modules[i];
        at = waits_for(r, at, false);
    } while (at && at != first && count < RUNTIME_MODULES_MAX);
    for (unsigned i = 0; i < count; i++)
        module_quarantine(circle[i], "needs itself in a circle: %s%s", names, first->host.name);
}

void order_resolve(registry *r)
{
    r->order_count = 0;
    for (;;) {
        unsigned left = 0;
        for (unsigned i = 1; i < r->count; i++)
            left += !module_out(r->modules[i]) && !placed(r, r->modules[i]);
        if (left == 0)
            return;
        if (!place_next(r, true) && !place_next(r, false))
            break_circle(r);
    }
}
