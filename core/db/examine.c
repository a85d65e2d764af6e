/* What is wrong with a store, see snapshot.h. On the thread of a command. */
#include "core/db/snapshot.h"

#include "core/db/db_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PROGRESS_OPS = 4000, TEXT_MAX = 512, FOREIGN_MAX = 20 };

static const char INTEGRITY[] = "PRAGMA integrity_check(20)";
static const char FOREIGN_KEYS[] = "PRAGMA foreign_key_check";
static const char MIGRATIONS[] =
    "SELECT plugin, count(*), max(name) FROM steward_migrations GROUP BY plugin ORDER BY plugin";

static int progress(void *arg)
{
    const snapshot_stop *stop = arg;
    return (*stop)();
}

/* Calls `each` for every row, until it says that it has enough. What SQLite cannot read is told, too. */
static sw_status each_row(sqlite3 *raw, const char *sql, snapshot_stop stop, bool (*each)(sqlite3_stmt *row, void *arg),
                          examine_found found, void *arg)
{
    sqlite3_stmt *stmt = NULL;
    if (stop)
        sqlite3_progress_handler(raw, PROGRESS_OPS, progress, &stop);
    int rc = sqlite3_prepare_v2(raw, sql, -1, &stmt, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW && !each(stmt, arg))
            rc = SQLITE_DONE;
    }
    sqlite3_finalize(stmt);
    sqlite3_progress_handler(raw, 0, NULL, NULL);
    if (rc == SQLITE_INTERRUPT)
        return SW_BUSY;
    if (rc != SQLITE_DONE && found)
        found(arg, sqlite3_errmsg(raw));
    return rc == SQLITE_DONE ? SW_OK : SW_UNAVAILABLE;
}

typedef struct {
    examine_found found;
    void *arg;
    unsigned count;
} finding;

static void pass_on(void *arg, const char *text)
{
    const finding *f = arg;
    f->found(f->arg, text);
}

static const char *column(sqlite3_stmt *row, int i)
{
    const char *text = (const char *)sqlite3_column_text(row, i);
    return text ? text : "?";
}

static bool fault(sqlite3_stmt *row, void *arg)
{
    const char *text = column(row, 0);
    if (strcmp(text, "ok") != 0)
        pass_on(arg, text);
    return true;
}

sw_status examine_integrity(sqlite3 *raw, snapshot_stop stop, examine_found found, void *arg)
{
    finding f = {found, arg, 0};
    return each_row(raw, INTEGRITY, stop, fault, pass_on, &f);
}

static bool orphan(sqlite3_stmt *row, void *arg)
{
    finding *f = arg;
    char text[TEXT_MAX];
    snprintf(text, sizeof text, "row %s of %s refers to a row of %s that is not there", column(row, 1), column(row, 0),
             column(row, 2));
    pass_on(f, text);
    return ++f->count < FOREIGN_MAX;
}

sw_status examine_foreign_keys(sqlite3 *raw, snapshot_stop stop, examine_found found, void *arg)
{
    finding f = {found, arg, 0};
    return each_row(raw, FOREIGN_KEYS, stop, orphan, pass_on, &f);
}

static bool keep_number(sqlite3_stmt *row, void *arg)
{
    *(int64_t *)arg = sqlite3_column_int64(row, 0);
    return false;
}

sw_status examine_schema(sqlite3 *raw, int64_t *ret_version, int64_t *ret_own)
{
    int64_t version = 0;
    sw_status status = each_row(raw, "PRAGMA user_version", NULL, keep_number, NULL, &version);
    if (status != SW_OK)
        return status;
    *ret_version = version;
    *ret_own = STORE_SCHEMA;
    return version > STORE_SCHEMA ? SW_INVALID : SW_OK;
}

typedef struct {
    void (*each)(void *arg, const char *plugin, int64_t count, const char *latest);
    void *arg;
} listing;

static bool migration(sqlite3_stmt *row, void *arg)
{
    const listing *l = arg;
    l->each(l->arg, column(row, 0), sqlite3_column_int64(row, 1), column(row, 2));
    return true;
}

sw_status examine_migrations(sqlite3 *raw,
                             void (*each)(void *arg, const char *plugin, int64_t count, const char *latest), void *arg)
{
    listing l = {each, arg};
    return each_row(raw, MIGRATIONS, NULL, migration, NULL, &l);
}
