/* Plugins that production never runs, and what a development server may have left behind of them in the store. Main
 * thread, before the writer runs. */
#include "core/plugin/plugin_internal.h"

#include "core/base/log.h"

#include <string.h>

/* dev-mock keeps agents' raw tokens. With secure_delete the dropped pages are overwritten in the file; the TRUNCATE
 * checkpoint then empties the WAL, where older copies of them may stand. */
static const struct {
    const char *plugin;
    const char *exists;
    const char *drop;
} RETIRED[] = {
    {"dev-mock", "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'dev_mock_tokens'",
     "PRAGMA secure_delete = ON;"
     "BEGIN IMMEDIATE;"
     "DROP TABLE IF EXISTS dev_mock_tokens;"
     "DELETE FROM steward_migrations WHERE plugin = 'dev-mock';"
     "COMMIT;"
     "PRAGMA wal_checkpoint(TRUNCATE);"},
};

static bool production(const registry *r)
{
    return strcmp(config_text(r->rt->config, "server.env"), "production") == 0;
}

bool retired_here(const registry *r, const char *plugin)
{
    if (!production(r))
        return false;
    for (size_t i = 0; i < sizeof RETIRED / sizeof RETIRED[0]; i++)
        if (strcmp(RETIRED[i].plugin, plugin) == 0)
            return true;
    return false;
}

static bool exists(sqlite3 *raw, const char *sql)
{
    sqlite3_stmt *st = NULL;
    bool found = sqlite3_prepare_v2(raw, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;
    sqlite3_finalize(st);
    return found;
}

void retired_settle(const registry *r, sw_db *db)
{
    sqlite3 *raw = db_raw(db);
    if (!production(r))
        return;
    for (size_t i = 0; i < sizeof RETIRED / sizeof RETIRED[0]; i++) {
        if (!exists(raw, RETIRED[i].exists))
            continue;
        if (sqlite3_exec(raw, RETIRED[i].drop, NULL, NULL, NULL) == SQLITE_OK) {
            log_warn("plugins", "production: the tables of plugin %s were dropped and overwritten", RETIRED[i].plugin);
            continue;
        }
        log_error("plugins", "production: the tables of plugin %s could not be dropped: %s", RETIRED[i].plugin,
                  sqlite3_errmsg(raw));
        if (!sqlite3_get_autocommit(raw))
            (void)sqlite3_exec(raw, "ROLLBACK", NULL, NULL, NULL);
    }
}
