/* The third phase: statements are told to the store, and tables brought up to date. Main thread, before the writer
 * runs. */
#include "core/plugin/plugin_internal.h"
#include "core/plugin/registry.h"

#include <string.h>

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

void registry_migrate(registry *r, store *s, sw_db *db)
{
    for (unsigned i = 0; i < r->order_count; i++) {
        module *m = r->order[i];
        char error[256] = "";
        if (module_quarantined(m) || retired_here(r, m->host.name))
            continue;
        if (store_migrate(s, db, m->host.name, m->plugin.migrations, error, sizeof error) != SW_OK)
            module_quarantine(m, "could not be migrated: %s", error);
    }
    retired_settle(r, db);
}
