/* A store in a folder of its own, for tests. */
#ifndef TESTS_UNIT_DB_STORE_FIXTURE_H
#define TESTS_UNIT_DB_STORE_FIXTURE_H

#include "core/db/db.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char folder[64], path[96], error[512];
    store_options options;
    store *store;
} test_store;

static inline void test_store_folder(test_store *t)
{
    memset(t, 0, sizeof *t);
    test_folder(t->folder, sizeof t->folder);
    snprintf(t->path, sizeof t->path, "%s/steward.db", t->folder);
    t->options = (store_options){.path = t->path, .cache_bytes = 16 << 20, .connections = 4};
    memset(t->options.key_check, 7, sizeof t->options.key_check);
}

static inline sw_status test_store_open(test_store *t)
{
    t->error[0] = '\0';
    return store_open(&t->options, &t->store, t->error, sizeof t->error);
}

static inline void test_store_remove(test_store *t)
{
    store_close(t->store);
    t->store = NULL;
    test_remove(t->folder);
}

/* Any SQL by a connection that is none of the store's. */
static inline void test_store_foreign(test_store *t, const char *sql)
{
    sqlite3 *raw = NULL;
    char *why = NULL;
    if (sqlite3_open(t->path, &raw) != SQLITE_OK || sqlite3_exec(raw, sql, NULL, NULL, &why) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, why != NULL ? why : sqlite3_errmsg(raw));
        abort();
    }
    sqlite3_close(raw);
}

#endif
