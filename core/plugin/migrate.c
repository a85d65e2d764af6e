/* The third phase: statements are told to the store, tables brought up to date, and those settled that only a
 * development server may have. Main thread, before the writer runs.
 *
 * A plugin for developers names each of these tables in a row of its statements: ".name" is its own name and
 * ".drop-in-production", ".sql" is "DROP TABLE x". In production it is not migrated, and these statements run at every
 * start that finds such a table. A development server notes them in the store, so that they are found when the plugin
 * is not installed any more. A plugin may hold such a row in the name of another one: for stores that have no note. */
#include "core/plugin/plugin_internal.h"
#include "core/plugin/registry.h"

#include "core/base/log.h"
#include "core/base/table.h"

#include <string.h>

enum { DROPS_MAX = 256 };

typedef struct {
    const char *plugin; /* whose table it is; in the arena of the list */
    const char *sql;
} drop;

typedef struct {
    arena memory;
    drop rows[DROPS_MAX];
    unsigned count;
} drop_list;

static const char SUFFIX[] = ".drop-in-production";

static const char NOTES_EXIST[] = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'steward_retired'";
static const char NOTES_MAKE[] =
    "CREATE TABLE IF NOT EXISTS steward_retired (plugin TEXT NOT NULL, sql TEXT NOT NULL, PRIMARY KEY (plugin, sql))"
    " STRICT, WITHOUT ROWID";
static const char NOTE[] = "INSERT OR IGNORE INTO steward_retired (plugin, sql) VALUES (?1, ?2)";
static const char NOTES[] = "SELECT plugin, sql FROM steward_retired";
static const char FORGET[] = "DELETE FROM steward_migrations WHERE plugin = ?1";

static bool production(const registry *r)
{
    return strcmp(config_text(r->rt->config, "server.env"), "production") == 0;
}

static void retired_settle(const registry *r, sw_db *db);

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

/* ---- tables for development servers: what is declared ---- */

/* One plain table, and none of the core's: nothing else may come from a plugin, or from the store. */
static bool drops_one_table(const char *sql)
{
    static const char DROP[] = "DROP TABLE ";
    if (strncmp(sql, DROP, sizeof DROP - 1) != 0)
        return false;
    const char *table = sql + sizeof DROP - 1;
    size_t len = strspn(table, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return len > 0 && table[len] == '\0' && strncmp(table, "steward_", 8) != 0 && strncmp(table, "sqlite_", 7) != 0;
}

/* `plugin` is a name of `len` characters. */
typedef void (*declared)(void *arg, const char *plugin, size_t len, const char *sql);

/* Calls `each` for what the loaded plugins declare. */
static void each_declared(const registry *r, declared each, void *arg);

static void list_add(void *arg, const char *plugin, size_t len, const char *sql)
{
    drop_list *list = arg;
    if (list->count == DROPS_MAX || !sql || !drops_one_table(sql)) {
        log_error("plugins", "\"%s\" does not name one table to be dropped in production", sql ? sql : "");
        return;
    }
    drop d = {arena_strndup(&list->memory, plugin, len), arena_strndup(&list->memory, sql, strlen(sql))};
    if (d.plugin && d.sql)
        list->rows[list->count++] = d;
}

typedef struct {
    const char *plugin;
    bool found;
} search;

static void compare(void *arg, const char *plugin, size_t len, const char *sql)
{
    search *s = arg;
    (void)sql;
    s->found = s->found || (strlen(s->plugin) == len && memcmp(s->plugin, plugin, len) == 0);
}

bool retired_here(const registry *r, const char *plugin)
{
    search s = {.plugin = plugin};
    if (production(r))
        each_declared(r, compare, &s);
    return s.found;
}

static void each_in_table(sw_table statements, declared each, void *arg)
{
    for (uint32_t i = 0; i < statements.count; i++) {
        sw_statement st;
        table_row(statements, i, &st, sizeof st);
        size_t len = st.name ? strlen(st.name) : 0, tail = sizeof SUFFIX - 1;
        if (len > tail && strcmp(st.name + len - tail, SUFFIX) == 0)
            each(arg, st.name, len - tail, st.sql);
    }
}

static void each_declared(const registry *r, declared each, void *arg)
{
    for (unsigned i = 1; i < r->count; i++) {
        const sw_plugin *p = &r->modules[i]->plugin;
        each_in_table(p->statements, each, arg);
        for (unsigned k = 0; p->statement_tables && p->statement_tables[k]; k++)
            each_in_table(*p->statement_tables[k], each, arg);
    }
}

/* ---- the same: what the store has ---- */

/* Runs a statement with up to two texts to its end. SQLITE_ROW when it gave one. */
static int run(sqlite3 *raw, const char *sql, const char *first, const char *second)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(raw, sql, -1, &st, NULL);
    if (rc != SQLITE_OK)
        return rc;
    if (first)
        sqlite3_bind_text(st, 1, first, -1, SQLITE_STATIC);
    if (second)
        sqlite3_bind_text(st, 2, second, -1, SQLITE_STATIC);
    rc = sqlite3_step(st);
    sqlite3_finalize(st);
    return rc;
}

static void list_noted(drop_list *list, sqlite3 *raw)
{
    sqlite3_stmt *st = NULL;
    if (run(raw, NOTES_EXIST, NULL, NULL) != SQLITE_ROW || sqlite3_prepare_v2(raw, NOTES, -1, &st, NULL) != SQLITE_OK)
        return;
    while (sqlite3_step(st) == SQLITE_ROW) {
        const char *plugin = (const char *)sqlite3_column_text(st, 0);
        const char *sql = (const char *)sqlite3_column_text(st, 1);
        if (plugin && sql)
            list_add(list, plugin, strlen(plugin), sql);
    }
    sqlite3_finalize(st);
}

/* Does that statement find its table? */
static bool compiles(sqlite3 *raw, const char *sql)
{
    sqlite3_stmt *st = NULL;
    bool good = sqlite3_prepare_v2(raw, sql, -1, &st, NULL) == SQLITE_OK;
    sqlite3_finalize(st);
    return good;
}

/* With secure_delete the dropped pages are overwritten in the file; the TRUNCATE checkpoint then empties the WAL, where
 * older copies of them may stand. */
static void drop_table(sqlite3 *raw, const drop *d)
{
    bool good = sqlite3_exec(raw, "PRAGMA secure_delete = ON; BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
                run(raw, d->sql, NULL, NULL) == SQLITE_DONE && run(raw, FORGET, d->plugin, NULL) == SQLITE_DONE &&
                sqlite3_exec(raw, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) == SQLITE_OK;
    if (good) {
        log_warn("plugins", "production: the tables of plugin %s were dropped and overwritten", d->plugin);
        return;
    }
    log_error("plugins", "production: the tables of plugin %s could not be dropped: %s", d->plugin,
              sqlite3_errmsg(raw));
    if (!sqlite3_get_autocommit(raw))
        (void)sqlite3_exec(raw, "ROLLBACK", NULL, NULL, NULL);
}

/* What a plugin that was migrated says of itself. */
static void note(const registry *r, sqlite3 *raw, const drop *d)
{
    const sw_host *owner = registry_find(r, d->plugin);
    if (!owner || owner->status == MODULE_QUARANTINED)
        return;
    if (run(raw, NOTES_MAKE, NULL, NULL) != SQLITE_DONE || run(raw, NOTE, d->plugin, d->sql) != SQLITE_DONE)
        log_error("plugins", "cannot note what production is to drop of plugin %s: %s", d->plugin, sqlite3_errmsg(raw));
}

/* After the migrations. In production it drops what a development server left in the store; elsewhere it notes there
 * what is to be dropped some day. */
static void retired_settle(const registry *r, sw_db *db)
{
    sqlite3 *raw = db_raw(db);
    drop_list list = {0};
    each_declared(r, list_add, &list);
    if (production(r))
        list_noted(&list, raw);
    for (unsigned i = 0; i < list.count; i++) {
        if (!production(r))
            note(r, raw, &list.rows[i]);
        else if (compiles(raw, list.rows[i].sql))
            drop_table(raw, &list.rows[i]);
    }
    arena_done(&list.memory);
}
