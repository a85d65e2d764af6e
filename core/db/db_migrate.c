/* Migrations: each plugin's, applied once, in order, each in one transaction together with the note of it. */
#include "core/base/table.h"
#include "core/db/db_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>

typedef struct {
    sw_db *db; /* NULL when nothing is to be applied */
    sqlite3 *raw;
    const char *plugin;
    sw_table table;
    char *error;
    size_t error_size;
} migration_run;

static const char APPLIED[] = "SELECT name, sha256 FROM steward_migrations WHERE plugin = ?1 ORDER BY name";
static const char NOTE[] = "INSERT INTO steward_migrations (plugin, name, sha256, applied_ms) VALUES (?1, ?2, ?3, ?4)";

static sw_status refuse(const migration_run *run, sw_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static sw_status refuse(const migration_run *run, sw_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (run->error_size > 0)
        vsnprintf(run->error, run->error_size, format, args);
    va_end(args);
    return status;
}

static sw_migration row_of(const migration_run *run, uint32_t i)
{
    sw_migration m;
    table_row(run->table, i, &m, sizeof m);
    return m;
}

/* One applied migration against this build's text of it. Marks it in `done`. */
static sw_status check_applied(const migration_run *run, sqlite3_stmt *row, bool *done)
{
    const char *name = (const char *)sqlite3_column_text(row, 0);
    const void *sum = sqlite3_column_blob(row, 1);
    int len = sqlite3_column_bytes(row, 1);
    for (uint32_t i = 0; name && i < run->table.count; i++) {
        sw_migration m = row_of(run, i);
        if (strcmp(m.name, name) != 0)
            continue;
        uint8_t ours[32];
        sw_sha256(m.sql, strlen(m.sql), ours);
        if (len != (int)sizeof ours || memcmp(ours, sum, sizeof ours) != 0)
            return refuse(
                run, SW_INVALID,
                "migration %s of %s has changed since it was applied to this store: released migrations stay as "
                "they are",
                name, run->plugin);
        done[i] = true;
        return SW_OK;
    }
    return refuse(run, SW_INVALID,
                  "the store holds migration %s of %s, which this build does not know: it was written by "
                  "a newer version",
                  name ? name : "?", run->plugin);
}

static sw_status read_applied(const migration_run *run, bool *done)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(run->raw, APPLIED, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, run->plugin, -1, SQLITE_STATIC);
    sw_status status = SW_OK;
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW && (status = check_applied(run, stmt, done)) != SW_OK)
            break;
    }
    sqlite3_finalize(stmt);
    if (status == SW_OK && rc != SQLITE_DONE)
        status =
            refuse(run, SW_UNAVAILABLE, "cannot read the migrations of %s: %s", run->plugin, sqlite3_errmsg(run->raw));
    return status;
}

static int note(const migration_run *run, const sw_migration *m)
{
    uint8_t sum[32];
    sw_sha256(m->sql, strlen(m->sql), sum);
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(run->db->raw, NOTE, -1, &stmt, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_text(stmt, 1, run->plugin, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, m->name, -1, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 3, sum, sizeof sum, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 4, sw_now_ms());
    rc = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static sw_status apply(const migration_run *run, const sw_migration *m)
{
    sw_db *db = run->db;
    sw_status status = db_exec(db, "BEGIN IMMEDIATE");
    if (status != SW_OK)
        return refuse(run, status, "cannot begin migration %s of %s: %s", m->name, run->plugin, db->error);
    db->guarded = true; /* no COMMIT of its own */
    int rc = sqlite3_exec(db->raw, m->sql, NULL, NULL, NULL);
    db->guarded = false;
    if (rc == SQLITE_OK && sqlite3_get_autocommit(db->raw))
        rc = SQLITE_ABORT;
    if (rc == SQLITE_OK)
        rc = note(run, m);
    if (rc == SQLITE_OK && (status = db_exec(db, "COMMIT")) == SW_OK)
        return SW_OK;
    status = rc != SQLITE_OK ? db_failure_quiet(db, rc) : status;
    refuse(run, status, "migration %s of %s failed: %s", m->name, run->plugin, db->error);
    if (!sqlite3_get_autocommit(db->raw))
        (void)db_exec(db, "ROLLBACK");
    return status;
}

sw_status store_migrate(store *s, sw_db *writer, const char *plugin, sw_table migrations, char *error,
                        size_t error_size)
{
    migration_run run = {writer, writer->raw, plugin, migrations, error, error_size};
    (void)s;
    bool *done = calloc(migrations.count + 1u, sizeof *done);
    if (!done)
        return refuse(&run, SW_NO_MEMORY, "out of memory");
    sw_status status = read_applied(&run, done);
    for (uint32_t i = 0; status == SW_OK && i < migrations.count; i++) {
        sw_migration m = row_of(&run, i);
        if (!done[i])
            status = apply(&run, &m);
    }
    free(done);
    return status;
}

sw_status store_migrations_missing(sqlite3 *raw, const char *plugin, sw_table migrations, unsigned *ret_missing,
                                   char *error, size_t error_size)
{
    migration_run run = {NULL, raw, plugin, migrations, error, error_size};
    bool *done = calloc(migrations.count + 1u, sizeof *done);
    if (!done)
        return refuse(&run, SW_NO_MEMORY, "out of memory");
    sw_status status = read_applied(&run, done);
    unsigned missing = 0;
    for (uint32_t i = 0; i < migrations.count; i++)
        missing += !done[i];
    free(done);
    if (status == SW_OK)
        *ret_missing = missing;
    return status;
}
