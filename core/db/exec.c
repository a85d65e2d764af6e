/* The plain SQL of the core, prepared once each; and what a connection tells besides rows. */
#include "core/db/connection.h"

#include <string.h>

void *sw_db_alloc(sw_db *db, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(db->memory, total);
}

char *sw_db_strdup(sw_db *db, const char *text)
{
    return text ? arena_strndup(db->memory, text, strlen(text)) : NULL;
}

int64_t db_changes(const sw_db *db)
{
    return db->changes;
}

int64_t db_last_id(const sw_db *db)
{
    return db->raw ? sqlite3_last_insert_rowid(db->raw) : 0;
}

static sqlite3_stmt *literal(sw_db *db, const char *sql, int *ret_code, bool *ret_kept)
{
    *ret_kept = true;
    for (unsigned i = 0; i < db->literal_count; i++)
        if (db->literals[i].sql == sql)
            return db->literals[i].stmt;
    sqlite3_stmt *stmt = NULL;
    *ret_code = sqlite3_prepare_v3(db->raw, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    *ret_kept = stmt && db->literal_count < LITERALS_MAX;
    if (*ret_kept) {
        db->literals[db->literal_count].sql = sql;
        db->literals[db->literal_count++].stmt = stmt;
    }
    return stmt;
}

sw_status db_exec(sw_db *db, const char *sql)
{
    if (!db->raw) {
        db->storage_failed = true;
        return SW_UNAVAILABLE;
    }
    int rc = SQLITE_OK;
    bool kept;
    sqlite3_stmt *stmt = literal(db, sql, &rc, &kept);
    if (stmt) {
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
            continue;
        rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
    sw_status status = rc == SQLITE_OK ? SW_OK : db_failure_quiet(db, rc);
    if (kept)
        sqlite3_reset(stmt);
    else
        sqlite3_finalize(stmt);
    return status;
}
