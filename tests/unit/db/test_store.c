/* The store: identity, version, key, migrations. */
#include "tests/unit/db/store_fixture.h"
#include "tests/unit/run_tests.h"

#include <sys/stat.h>

static test_store t;

static void setup(void)
{
    test_store_folder(&t);
}

static void teardown(void)
{
    test_store_remove(&t);
}

START_TEST(a_new_store_can_be_opened_again)
{
    ck_assert_int_eq(test_store_open(&t), SW_OK);
    store_close(t.store);
    ck_assert_int_eq(test_store_open(&t), SW_OK);
    struct stat st;
    ck_assert_int_eq(stat(t.path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(another_master_key_is_refused_and_named)
{
    ck_assert_int_eq(test_store_open(&t), SW_OK);
    store_close(t.store);
    t.store = NULL;
    t.options.key_check[31] ^= 1;
    ck_assert_int_eq(test_store_open(&t), SW_INVALID);
    ck_assert_ptr_nonnull(strstr(t.error, "master.key"));
    ck_assert_ptr_nonnull(strstr(t.error, t.path));
}
END_TEST

START_TEST(a_newer_schema_is_refused)
{
    ck_assert_int_eq(test_store_open(&t), SW_OK);
    store_close(t.store);
    t.store = NULL;
    test_store_foreign(&t, "PRAGMA user_version = 99");
    ck_assert_int_eq(test_store_open(&t), SW_INVALID);
    ck_assert_ptr_nonnull(strstr(t.error, "newer"));
}
END_TEST

START_TEST(a_database_of_another_program_is_refused)
{
    test_store_foreign(&t, "CREATE TABLE a (b)");
    ck_assert_int_eq(test_store_open(&t), SW_INVALID);
    ck_assert_ptr_nonnull(strstr(t.error, "another program"));
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused)
{
    FILE *f = fopen(t.path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database, whatever its name says\n", f);
    fclose(f);
    ck_assert_int_ne(test_store_open(&t), SW_OK);
    ck_assert_ptr_nonnull(strstr(t.error, "not a database"));
}
END_TEST

START_TEST(memory_and_missing_folders_are_refused)
{
    t.options.path = ":memory:";
    ck_assert_int_eq(test_store_open(&t), SW_INVALID);
    t.options.path = "/nonexistent/folder/x.db";
    ck_assert_int_eq(test_store_open(&t), SW_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(t.error, "No such file"));
    t.options.path = t.path;
}
END_TEST

START_TEST(pragmas_are_as_designed)
{
    ck_assert_int_eq(test_store_open(&t), SW_OK);
    sw_db *writer = db_open(t.store, true), *reader = db_open(t.store, false);
    ck_assert_int_eq(sqlite3_db_readonly(db_raw(writer), "main"), 0);
    ck_assert_int_eq(sqlite3_db_readonly(db_raw(reader), "main"), 1);
    static const struct {
        const char *sql;
        int expected;
    } PRAGMAS[] = {
        {"PRAGMA foreign_keys", 1}, {"PRAGMA synchronous", 1},        {"PRAGMA recursive_triggers", 0},
        {"PRAGMA temp_store", 2},   {"PRAGMA wal_autocheckpoint", 0}, {"PRAGMA trusted_schema", 0},
    };
    for (size_t i = 0; i < sizeof PRAGMAS / sizeof *PRAGMAS; i++) {
        sqlite3_stmt *stmt = NULL;
        sqlite3_prepare_v2(db_raw(writer), PRAGMAS[i].sql, -1, &stmt, NULL);
        ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
        ck_assert_msg(sqlite3_column_int(stmt, 0) == PRAGMAS[i].expected, "%s", PRAGMAS[i].sql);
        sqlite3_finalize(stmt);
    }
    sqlite3_exec(db_raw(reader), "BEGIN IMMEDIATE", NULL, NULL, NULL); /* only ever a read transaction there */
    ck_assert_int_lt(sqlite3_txn_state(db_raw(reader), "main"), SQLITE_TXN_WRITE);
    ck_assert_int_eq(db_exec(writer, "BEGIN IMMEDIATE"), SW_OK);
    ck_assert_int_eq(sqlite3_txn_state(db_raw(writer), "main"), SQLITE_TXN_WRITE);
    db_close(reader);
    db_close(writer);
}
END_TEST

/* ---- migrations ---- */

static const sw_migration ONE[] = {
    {"0001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT; INSERT INTO a VALUES (1);"}};
static const sw_migration TWO[] = {
    {"0001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT; INSERT INTO a VALUES (1);"},
    {"0002_b", "INSERT INTO a VALUES (2);"},
};

static sw_status migrate(sw_table table)
{
    sw_db *db = db_open(t.store, true);
    t.error[0] = '\0';
    sw_status status = store_migrate(t.store, db, "notes", table, t.error, sizeof t.error);
    db_close(db);
    return status;
}

START_TEST(migrations_run_once_and_in_order)
{
    ck_assert_int_eq(test_store_open(&t), SW_OK);
    ck_assert_int_eq(migrate((sw_table)SW_TABLE(ONE)), SW_OK);
    ck_assert_int_eq(migrate((sw_table)SW_TABLE(ONE)), SW_OK);
    ck_assert_int_eq(migrate((sw_table)SW_TABLE(TWO)), SW_OK);
    ck_assert_int_eq(migrate((sw_table)SW_TABLE(TWO)), SW_OK);
    test_store_foreign(&t, "INSERT INTO a VALUES (3)");
}
END_TEST

START_TEST(a_changed_migration_is_refused)
{
    static const sw_migration CHANGED[] = {{"0001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY, more TEXT) STRICT;"}};
    ck_assert_int_eq(test_store_open(&t), SW_OK);
    ck_assert_int_eq(migrate((sw_table)SW_TABLE(ONE)), SW_OK);
    ck_assert_int_eq(migrate((sw_table)SW_TABLE(CHANGED)), SW_INVALID);
    ck_assert_ptr_nonnull(strstr(t.error, "0001_a of notes has changed"));
}
END_TEST

START_TEST(a_store_of_a_newer_plugin_is_refused)
{
    ck_assert_int_eq(test_store_open(&t), SW_OK);
    ck_assert_int_eq(migrate((sw_table)SW_TABLE(TWO)), SW_OK);
    ck_assert_int_eq(migrate((sw_table)SW_TABLE(ONE)), SW_INVALID);
    ck_assert_ptr_nonnull(strstr(t.error, "newer"));
    ck_assert_ptr_nonnull(strstr(t.error, "0002_b"));
}
END_TEST

START_TEST(a_failing_migration_leaves_nothing)
{
    static const sw_migration BAD[] = {{"0001_a", "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1);"}};
    static const sw_migration COMMITS[] = {
        {"0001_a", "CREATE TABLE half (x); COMMIT; INSERT INTO nowhere VALUES (1);"}};
    ck_assert_int_eq(test_store_open(&t), SW_OK);
    ck_assert_int_ne(migrate((sw_table)SW_TABLE(BAD)), SW_OK);
    ck_assert_ptr_nonnull(strstr(t.error, "nowhere"));
    ck_assert_int_ne(migrate((sw_table)SW_TABLE(COMMITS)), SW_OK);
    test_store_foreign(&t, "CREATE TABLE half (x)");
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_new_store_can_be_opened_again);
    ADD(another_master_key_is_refused_and_named);
    ADD(a_newer_schema_is_refused);
    ADD(a_database_of_another_program_is_refused);
    ADD(a_file_that_is_no_database_is_refused);
    ADD(memory_and_missing_folders_are_refused);
    ADD(pragmas_are_as_designed);
    ADD(migrations_run_once_and_in_order);
    ADD(a_changed_migration_is_refused);
    ADD(a_store_of_a_newer_plugin_is_refused);
    ADD(a_failing_migration_leaves_nothing);
}

int main(void)
{
    return run_tests("store", add);
}
