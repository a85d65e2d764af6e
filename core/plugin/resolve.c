/* The second phase: what two modules cannot both have is the earlier one's, and everyone gets a place in the start
 * order. Main thread. */
#include "core/plugin/plugin_internal.h"
#include "core/plugin/registry.h"

#include <stdio.h>
#include <string.h>

static void resolve_clashes(registry *r);
static void resolve_order(registry *r);

void registry_resolve(registry *r)
{
    for (unsigned i = 1; i < r->count; i++)
        r->modules[i]->required = config_plugin_required(r->rt->config, r->modules[i]->host.name);
    resolve_clashes(r);
    resolve_order(r);
    const void *table = NULL;
    r->auth = service_provider(r, "auth/1", &table);
    if (r->auth) {
        uint32_t size;
        memcpy(&size, table, sizeof size);
        memcpy(&r->auth_service, table, size < sizeof r->auth_service ? size : sizeof r->auth_service);
    }
}

/* ---- clashes: a service, a route, a frame type, the recovery ---- */

/* The same pattern, parameters by any name: "/a/:id" and "/a/:user". */
static bool path_same(const char *a, const char *b)
{
    for (;;) {
        size_t a_len = strcspn(a, "/");
        size_t b_len = strcspn(b, "/");
        bool same = a[0] == ':' ? b[0] == ':' : a_len == b_len && memcmp(a, b, a_len) == 0;
        if (!same || a[a_len] != b[b_len])
            return false;
        if (a[a_len] == '\0')
            return true;
        a += a_len + 1;
        b += b_len + 1;
    }
}

static bool routes_clash(module *m, const module *before)
{
    const sw_route *mine = m->plugin.routes.rows, *theirs = before->plugin.routes.rows;
    for (uint32_t i = 0; i < m->plugin.routes.count; i++)
        for (uint32_t k = 0; k < before->plugin.routes.count; k++)
            if (mine[i].method == theirs[k].method && path_same(mine[i].path, theirs[k].path)) {
                module_quarantine(m, "has the route %s, which %s has already", mine[i].path, before->host.name);
                return true;
            }
    return false;
}

static bool frames_clash(module *m, const module *before)
{
    const sw_frame_handler *mine = m->plugin.frames.rows, *theirs = before->plugin.frames.rows;
    for (uint32_t i = 0; i < m->plugin.frames.count; i++)
        for (uint32_t k = 0; k < before->plugin.frames.count; k++)
            if (strcmp(mine[i].type, theirs[k].type) == 0) {
                module_quarantine(m, "takes the frame %s, which %s takes already", mine[i].type, before->host.name);
                return true;
            }
    return false;
}

static bool services_clash(module *m, const module *before)
{
    const sw_provided *rows = m->plugin.provides.rows;
    for (uint32_t i = 0; i < m->plugin.provides.count; i++)
        if (plugin_provides(&before->plugin, rows[i].name)) {
            module_quarantine(m, "provides %s, which %s provides already", rows[i].name, before->host.name);
            return true;
        }
    return false;
}

static bool recovery_clash(module *m, const module *before)
{
    if (!m->plugin.recovery || !before->plugin.recovery)
        return false;
    module_quarantine(m, "owns the stored frames, which %s owns already", before->host.name);
    return true;
}

static void resolve_clashes(registry *r)
{
    for (unsigned i = 1; i < r->count; i++)
        for (unsigned k = 0; k < i && !module_quarantined(r->modules[i]); k++) {
            module *m = r->modules[i];
            const module *before = r->modules[k];
            if (module_quarantined(before))
                continue;
            (void)(services_clash(m, before) || routes_clash(m, before) || frames_clash(m, before) ||
                   recovery_clash(m, before));
        }
}

/* ---- the order: providers before those that need them, else as in plugins.enabled ---- */

static bool placed(const registry *r, const module *m)
{
    for (unsigned i = 0; i < r->order_count; i++)
        if (r->order[i] == m)
            return true;
    return false;
}

/* A provider that `m` must wait for and that has no place yet, or NULL. A need that nobody provides is not waited for:
 * registry_start() will report it. */
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

static void resolve_order(registry *r)
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
