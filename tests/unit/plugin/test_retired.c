/* What production drops of a plugin for developers: with the plugin, without it, and in its name. */
#include "core/plugin/plugin_internal.h"
#include "core/plugin/registry.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>
#include <string.h>

static const sw_migration MIGRATIONS[] = {
    {.name = "0001_toy.sql", .sql = "CREATE TABLE toy_keys (a TEXT); CREATE TABLE toy_rest (a TEXT)"}};
static const sw_statement DROPS[] = {
    {.name = "toy.drop-in-production", .sql = "DROP TABLE toy_keys"},
    {.name = "toy.drop", .sql = "DROP TABLE toy_rest"},
};
static const sw_statement BAD_DROPS[] = {
    {.name = "bad.drop-in-production", .sql = "DROP TABLE steward_core"},
    {.name = "bad.drop-in-production", .sql = "DROP TABLE toy_keys; DROP TABLE toy_rest"},
    {.name = "bad.drop-in-production", .sql = "DELETE FROM toy_rest"},
};

/* A plugin for developers, one that knows nothing of it, one that speaks for it, and one that asks for too much. */
static const sw_plugin TOY = {SW_PLUGIN_HEAD, .name = "toy", .version = "1", .migrations = SW_TABLE(MIGRATIONS),
                              .statements = SW_TABLE(DROPS)};
static const sw_plugin OLD_TOY = {SW_PLUGIN_HEAD, .name = "toy", .version = "1", .migrations = SW_TABLE(MIGRATIONS)};
static const sw_table DROP_TABLE_OF_TOY = SW_TABLE(DROPS);
static const sw_table *const DROP_TABLES[] = {&DROP_TABLE_OF_TOY, NULL};
static const sw_plugin FRIEND = {SW_PLUGIN_HEAD, .name = "friend", .version = "1", .statement_tables = DROP_TABLES};
static const sw_plugin BAD = {SW_PLUGIN_HEAD, .name = "bad", .version = "1", .statements = SW_TABLE(BAD_DROPS)};

static char folder[64];

static void setup(void)
{
    test_folder(folder, sizeof folder);
}

static void teardown(void)
{
    test_remove(folder);
}

static int64_t number(sw_db *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    ck_assert_int_eq(sqlite3_prepare_v2(db_raw(db), sql, -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

/* A start of a server with these plugins, up to its migrations. `check` looks at the store then. */
static void migrate(const char *env, const sw_plugin *const *plugins, void (*check)(const registry *r, sw_db *db))
{
    static const sw_plugin CORE = {SW_PLUGIN_HEAD, .name = "core"};
    char path[128], error[512];
    char *environment[] = {(char *)(uintptr_t)env, NULL};
    runtime rt = {.data_dir = folder, .version = "test"};
    config *c = config_new();
    ck_assert_msg(config_load(c, NULL, environment), "%s", config_errors(c));
    rt.config = c;
    registry *r = registry_new(&rt, &CORE);
    ck_assert_ptr_nonnull(r);
    for (; *plugins; plugins++) {
        module *m = module_new(r, (*plugins)->name);
        ck_assert_msg(loader_copy(*plugins, (*plugins)->name, &m->memory, &m->plugin, error), "%s", error);
    }
    registry_resolve(r);
    snprintf(path, sizeof path, "%s/steward.db", folder);
    store_options o = {.path = path, .full_sync = false, .cache_bytes = 8 << 20, .connections = 4};
    store *s = NULL;
    ck_assert_msg(store_open(&o, &s, error, sizeof error) == SW_OK, "%s", error);
    registry_add_statements(r, s);
    sw_db *db = db_open(s, true);
    ck_assert_ptr_nonnull(db);
    registry_migrate(r, s, db);
    check(r, db);
    db_close(db);
    store_close(s);
    registry_free(r);
    config_free(c);
}

static const char DEVELOPMENT[] = "STEWARD_SERVER_ENV=development", PRODUCTION[] = "STEWARD_SERVER_ENV=production";

static void check_there(const registry *r, sw_db *db)
{
    ck_assert(!retired_here(r, "toy"));
    ck_assert_int_eq(number(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'toy_%'"), 2);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM steward_migrations WHERE plugin = 'toy'"), 1);
}

static void check_dropped(const registry *r, sw_db *db)
{
    ck_assert_int_eq(retired_here(r, "toy"), registry_find(r, "toy") || registry_find(r, "friend"));
    ck_assert_int_eq(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'toy_keys'"), 0);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'toy_rest'"), 1);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM steward_migrations WHERE plugin = 'toy'"), 0);
}

static void check_never_made(const registry *r, sw_db *db)
{
    ck_assert(retired_here(r, "toy"));
    ck_assert_int_eq(number(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'toy_%'"), 0);
    ck_assert_int_eq(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'steward_retired'"), 0);
}

START_TEST(production_never_migrates_it)
{
    migrate(PRODUCTION, (const sw_plugin *const[]){&TOY, NULL}, check_never_made);
}
END_TEST

START_TEST(production_drops_what_development_left)
{
    migrate(DEVELOPMENT, (const sw_plugin *const[]){&TOY, NULL}, check_there);
    migrate(PRODUCTION, (const sw_plugin *const[]){&TOY, NULL}, check_dropped);
    migrate(PRODUCTION, (const sw_plugin *const[]){&TOY, NULL}, check_dropped);
}
END_TEST

START_TEST(the_store_tells_when_the_plugin_is_gone)
{
    migrate(DEVELOPMENT, (const sw_plugin *const[]){&TOY, NULL}, check_there);
    migrate(PRODUCTION, (const sw_plugin *const[]){NULL}, check_dropped);
}
END_TEST

START_TEST(another_plugin_may_tell_of_a_store_without_a_note)
{
    migrate(DEVELOPMENT, (const sw_plugin *const[]){&OLD_TOY, NULL}, check_there);
    migrate(PRODUCTION, (const sw_plugin *const[]){NULL}, check_there);
    migrate(PRODUCTION, (const sw_plugin *const[]){&FRIEND, NULL}, check_dropped);
}
END_TEST

START_TEST(nothing_but_one_plain_table_is_dropped)
{
    migrate(DEVELOPMENT, (const sw_plugin *const[]){&OLD_TOY, NULL}, check_there);
    migrate(PRODUCTION, (const sw_plugin *const[]){&BAD, NULL}, check_there);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(production_never_migrates_it);
    ADD(production_drops_what_development_left);
    ADD(the_store_tells_when_the_plugin_is_gone);
    ADD(another_plugin_may_tell_of_a_store_without_a_note);
    ADD(nothing_but_one_plain_table_is_dropped);
}

int main(void)
{
    return run_tests("retired", add);
}
