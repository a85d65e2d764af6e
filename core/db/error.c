/* What SQLite's result codes mean for a caller. */
#include "core/base/log.h"
#include "core/db/connection.h"

#include <stdio.h>
#include <steward/host.h>
#include <string.h>

enum { LOG_EVERY_MS = 1000 };

/* "UNIQUE constraint failed: users.name" → "users.name" */
static void note_conflict(sw_db *db)
{
    const char *colon = strstr(sqlite3_errmsg(db->raw), ": ");
    snprintf(db->conflict, sizeof db->conflict, "%s", colon ? colon + 2 : "");
}

static sw_status of_constraint(sw_db *db, int extended)
{
    switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        note_conflict(db);
        return SW_CONFLICT;
    default:
        return SW_INTERNAL;
    }
}

sw_status db_failure_quiet(sw_db *db, int code)
{
    int extended = db->raw ? sqlite3_extended_errcode(db->raw) : code;
    snprintf(db->error, sizeof db->error, "%s", db->raw ? sqlite3_errmsg(db->raw) : sqlite3_errstr(code));
    switch (code & 0xff) {
    case SQLITE_OK:
        return SW_OK;
    case SQLITE_CONSTRAINT:
        return of_constraint(db, extended);
    case SQLITE_INTERRUPT:
        return SW_BUSY;
    case SQLITE_NOMEM:
        db->storage_failed = true;
        return SW_NO_MEMORY;
    case SQLITE_READONLY:
        if (db->kind == DB_READER)
            return SW_INTERNAL; /* a check step that tries to write */
        db->storage_failed = true;
        return SW_UNAVAILABLE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return SW_UNAVAILABLE; /* another program holds the file */
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_CANTOPEN:
    case SQLITE_NOTADB:
        db->storage_failed = true;
        return SW_UNAVAILABLE;
    default:
        return SW_INTERNAL;
    }
}

sw_status db_failure(sw_db *db, int code, const char *name)
{
    sw_status status = db_failure_quiet(db, code);
    if (status == SW_INTERNAL)
        log_error("db", "statement %s: %s", name, db->error);
    if ((status == SW_UNAVAILABLE || status == SW_NO_MEMORY) && db->kind == DB_READER) {
        int64_t now = sw_monotonic_ms(); /* a broken disk must not fill the log as well; the writer logs per batch */
        if (now - db->logged_ms >= LOG_EVERY_MS)
            log_error("db", "storage failed in %s: %s", name, db->error);
        if (now - db->logged_ms >= LOG_EVERY_MS)
            db->logged_ms = now;
    }
    return status;
}

const char *db_error_text(const sw_db *db)
{
    return db->error;
}

const char *sw_db_conflict(const sw_db *db)
{
    return db->conflict;
}
