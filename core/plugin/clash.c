/* What two modules cannot both have: a service, a route, a frame type, the recovery. The earlier one keeps it. */
#include "core/plugin/module.h"

#include <string.h>

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
        if (module_provides(before, rows[i].name)) {
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

void clash_resolve(registry *r)
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
