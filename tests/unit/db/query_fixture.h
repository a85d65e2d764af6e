/* A store with a table of things, a connection that writes and one that reads. */
#ifndef TESTS_UNIT_DB_QUERY_FIXTURE_H
#define TESTS_UNIT_DB_QUERY_FIXTURE_H

#include "tests/unit/db/store_fixture.h"

#include <steward/host.h>

enum { FIND, PUT, PUT_BACK, COUNT, CHILD, MANY, ENDLESS, WRITE_ENDLESS, COMMITS, WRONG, TWO, CHILD_BACK, STATEMENTS };
enum { BY_NAME = 1, ABOVE = 2 };

static const char *const FIND_CLAUSES[] = {"AND name = ?1", "AND id > ?2", NULL};
static const char *const MANY_CLAUSES[] = {"AND id <> 101", "AND id <> 102", "AND id <> 103", "AND id <> 104",
                                           "AND id <> 105", "AND id <> 106", "AND id <> 107", NULL};
static const char ENDLESS_SQL[] =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
static const char WRITE_ENDLESS_SQL[] = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                                        " INSERT INTO things (name) SELECT 'x' || i FROM n WHERE i < 0";

static const sw_statement TABLE[STATEMENTS] = {
    [FIND] = {"find", "SELECT id, name FROM things WHERE 1 {clauses} ORDER BY id LIMIT ?3", FIND_CLAUSES},
    [PUT] = {"put", "INSERT INTO things (name, blob, real) VALUES (?1, ?2, ?3)", NULL},
    [PUT_BACK] = {"put_back", "INSERT INTO things (name) VALUES (?1) RETURNING id, name", NULL},
    [COUNT] = {"count", "SELECT count(*) FROM things", NULL},
    [CHILD] = {"child", "INSERT INTO children (thing_id) VALUES (?1)", NULL},
    [MANY] = {"many", "SELECT count(*) FROM things WHERE 1 {clauses}", MANY_CLAUSES},
    [ENDLESS] = {"endless", ENDLESS_SQL, NULL},
    [WRITE_ENDLESS] = {"write_endless", WRITE_ENDLESS_SQL, NULL},
    [COMMITS] = {"commits", "COMMIT", NULL},
    [WRONG] = {"wrong", "SELECT nothing FROM nowhere", NULL},
    [TWO] = {"two", "SELECT 1; SELECT 2", NULL},
    [CHILD_BACK] = {"child_back", "INSERT INTO children (thing_id) VALUES (?1) RETURNING thing_id", NULL},
};
static const sw_migration MIGRATIONS[] = {
    {"0001", "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE, blob BLOB, real REAL) STRICT;"
             "CREATE TABLE children (thing_id INTEGER NOT NULL REFERENCES things (id)) STRICT;"},
};

static test_store t;
static sw_db *db, *reader;
static arena memory, reader_memory;

static inline void setup(void)
{
    test_store_folder(&t);
    ck_assert_int_eq(test_store_open(&t), SW_OK);
    ck_assert_int_eq(store_add_statements(t.store, "things", (sw_table)SW_TABLE(TABLE)), SW_OK);
    db = db_open(t.store, true);
    ck_assert_int_eq(store_migrate(t.store, db, "things", (sw_table)SW_TABLE(MIGRATIONS), t.error, sizeof t.error),
                     SW_OK);
    reader = db_open(t.store, false);
    arena_init(&memory, 0);
    arena_init(&reader_memory, 0);
    db_lend(db, &memory, 0);
    db_lend(reader, &reader_memory, 0);
}

static inline void teardown(void)
{
    db_close(reader);
    db_close(db);
    arena_done(&memory);
    arena_done(&reader_memory);
    test_store_remove(&t);
}

static inline sw_status put(const char *name)
{
    return sw_db_query(db, &TABLE[PUT], 0, NULL, "snn", name);
}

static inline int64_t count(sw_db *on)
{
    sw_rows *rows = NULL;
    ck_assert_int_eq(sw_db_query(on, &TABLE[COUNT], 0, &rows, ""), SW_OK);
    ck_assert(sw_rows_next(rows));
    int64_t n = sw_rows_int(rows, 0);
    ck_assert(!sw_rows_next(rows));
    ck_assert_int_eq(sw_rows_done(rows), SW_OK);
    return n;
}

#endif
