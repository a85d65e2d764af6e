/* Copies of a store beside a writer, and what an examination finds. */
#include "core/db/snapshot.h"
#include "tests/unit/db/store_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 3000 }; /* of a kilobyte: more than one step of the copy, and more than one file's worth of cache */

static test_store t;
static char copy_path[112], error[512], told[4096];
static int asked;

static void setup(void)
{
    test_store_folder(&t);
    ck_assert_int_eq(test_store_open(&t), SW_OK);
    test_store_foreign(
        &t, "CREATE TABLE things (id INTEGER PRIMARY KEY, x TEXT);"
            "INSERT INTO things (x) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000)"
            " SELECT printf('%1000d', i) FROM n;");
    snprintf(copy_path, sizeof copy_path, "%s/copy", t.folder);
    close(open(copy_path, O_CREAT | O_EXCL | O_WRONLY, 0600));
    asked = 0;
    told[0] = '\0';
}

static void teardown(void)
{
    test_store_remove(&t);
}

static snapshot *begin(void)
{
    snapshot *s = NULL;
    ck_assert_msg(snapshot_open(t.path, &s, error, sizeof error) == SW_OK, "%s", error);
    return s;
}

static int64_t count_in(const char *path)
{
    sqlite3 *raw = NULL;
    sqlite3_stmt *stmt = NULL;
    ck_assert_int_eq(sqlite3_open_v2(path, &raw, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(raw, "SELECT count(*) FROM things", -1, &stmt, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(raw);
    return count;
}

/* A writer that writes between any two steps of the copy. */
static bool write_meanwhile(void)
{
    asked++;
    test_store_foreign(
        &t, "INSERT INTO things (x) VALUES (hex(randomblob(5000))); UPDATE things SET x = x WHERE id % 100 = 7");
    return false;
}

START_TEST(a_copy_is_of_the_moment_it_began_and_no_write_makes_it_begin_again)
{
    snapshot *s = begin();
    ck_assert_msg(snapshot_copy(s, copy_path, write_meanwhile, error, sizeof error) == SW_OK, "%s", error);
    snapshot_close(s);
    struct stat about;
    ck_assert_int_eq(stat(copy_path, &about), 0);
    ck_assert_int_ge(asked, 3);
    ck_assert_int_le(asked, 40); /* 750 pages in steps of 256, and looks during the check */
    ck_assert_int_eq(count_in(copy_path), ROWS);
    ck_assert_int_eq(count_in(t.path), ROWS + asked);
}
END_TEST

static bool stop_at_once(void)
{
    return true;
}

START_TEST(a_copy_ends_when_it_is_told_to)
{
    snapshot *s = begin();
    ck_assert_int_eq(snapshot_copy(s, copy_path, stop_at_once, error, sizeof error), SW_BUSY);
    ck_assert_str_eq(error, "stopped by a signal");
    snapshot_close(s);
}
END_TEST

START_TEST(a_snapshot_cannot_write_and_leaves_no_files)
{
    char wal[112];
    struct stat about;
    snapshot *s = begin();
    ck_assert_int_ne(sqlite3_exec(snapshot_raw(s), "DELETE FROM things", NULL, NULL, NULL), SQLITE_OK);
    snapshot_close(s);
    snapshot_close(NULL);
    snprintf(wal, sizeof wal, "%s-wal", t.path);
    ck_assert_int_ne(stat(wal, &about), 0);
    ck_assert_int_eq(count_in(t.path), ROWS);
}
END_TEST

static void note(void *arg, const char *text)
{
    (void)arg;
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s\n", text);
}

START_TEST(an_examination_of_a_good_store_finds_nothing)
{
    int64_t version, own;
    snapshot *s = begin();
    ck_assert_int_eq(examine_integrity(snapshot_raw(s), NULL, note, NULL), SW_OK);
    ck_assert_int_eq(examine_foreign_keys(snapshot_raw(s), NULL, note, NULL), SW_OK);
    ck_assert_str_eq(told, "");
    ck_assert_int_eq(examine_schema(snapshot_raw(s), &version, &own), SW_OK);
    ck_assert_int_eq(version, own);
    ck_assert_int_eq(store_key_check(snapshot_raw(s), t.options.key_check), SW_OK);
    t.options.key_check[0] ^= 1;
    ck_assert_int_eq(store_key_check(snapshot_raw(s), t.options.key_check), SW_INVALID);
    snapshot_close(s);
}
END_TEST

START_TEST(an_examination_stops_when_it_is_told_to)
{
    snapshot *s = begin();
    ck_assert_int_eq(examine_integrity(snapshot_raw(s), stop_at_once, note, NULL), SW_BUSY);
    snapshot_close(s);
}
END_TEST

START_TEST(twenty_rows_that_refer_to_nothing_are_enough)
{
    test_store_foreign(&t, "CREATE TABLE parts (thing INTEGER REFERENCES things (id));"
                           "INSERT INTO parts SELECT id + 100000 FROM things LIMIT 50");
    snapshot *s = begin();
    ck_assert_int_eq(examine_foreign_keys(snapshot_raw(s), NULL, note, NULL), SW_OK);
    snapshot_close(s);
    int lines = 0;
    for (const char *at = told; *at != '\0'; at++)
        lines += *at == '\n';
    ck_assert_int_eq(lines, 20);
    ck_assert_ptr_nonnull(strstr(told, "row 1 of parts refers to a row of things that is not there\n"));
}
END_TEST

static const sw_migration ONE[] = {{"0001_one", "CREATE TABLE one (x TEXT) STRICT;"}};
static const sw_migration TWO[] = {{"0001_one", "CREATE TABLE one (x TEXT) STRICT;"},
                                   {"0002_two", "CREATE TABLE two (x TEXT) STRICT;"}};

START_TEST(missing_migrations_are_counted_and_not_applied)
{
    sw_db *writer = db_open(t.store, true);
    ck_assert_int_eq(store_migrate(t.store, writer, "p", (sw_table)SW_TABLE(ONE), error, sizeof error), SW_OK);
    db_close(writer);
    unsigned missing = 9;
    snapshot *s = begin();
    sqlite3 *raw = snapshot_raw(s);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(store_migrations_missing(raw, "p", (sw_table)SW_TABLE(TWO), &missing, error, sizeof error),
                         SW_OK);
        ck_assert_uint_eq(missing, 1);
    }
    ck_assert_int_eq(store_migrations_missing(raw, "p", (sw_table)SW_TABLE(ONE), &missing, error, sizeof error), SW_OK);
    ck_assert_uint_eq(missing, 0);
    ck_assert_int_eq(store_migrations_missing(raw, "p", (sw_table){0}, &missing, error, sizeof error), SW_INVALID);
    ck_assert_ptr_nonnull(strstr(error, "0001_one of p, which this build does not know"));
    snapshot_close(s);
}
END_TEST

START_TEST(what_is_no_store_is_told_apart_from_none)
{
    snapshot *s = NULL;
    char path[112];
    ck_assert_int_eq(snapshot_open(copy_path, &s, error, sizeof error), SW_NOT_FOUND); /* empty */
    snprintf(path, sizeof path, "%s/none", t.folder);
    ck_assert_int_eq(snapshot_open(path, &s, error, sizeof error), SW_NOT_FOUND);
    ck_assert_int_eq(snapshot_open(t.folder, &s, error, sizeof error), SW_INVALID);
    test_store_foreign(&t, "PRAGMA application_id = 1");
    ck_assert_int_eq(snapshot_open(t.path, &s, error, sizeof error), SW_INVALID);
    ck_assert_ptr_nonnull(strstr(error, "another program"));
    ck_assert_ptr_null(s);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_copy_is_of_the_moment_it_began_and_no_write_makes_it_begin_again);
    ADD(a_copy_ends_when_it_is_told_to);
    ADD(a_snapshot_cannot_write_and_leaves_no_files);
    ADD(an_examination_of_a_good_store_finds_nothing);
    ADD(an_examination_stops_when_it_is_told_to);
    ADD(twenty_rows_that_refer_to_nothing_are_enough);
    ADD(missing_migrations_are_counted_and_not_applied);
    ADD(what_is_no_store_is_told_apart_from_none);
}

int main(void)
{
    return run_tests("snapshot", add);
}
