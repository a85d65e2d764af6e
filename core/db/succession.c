/* A backup that takes the place of a store: what it must know of the store that it replaces, so that nobody is taken
 * for another and no id is given twice. On the thread of a command, on a copy that no server uses yet.
 *
 * Each table whose rows have ids goes on behind the highest id that the replaced store gave. When that store is lost,
 * or is no continuation of the backup, nobody knows how far it came: then ids leap further than a server could have
 * gone since the backup was made. */
#include "core/db/db_internal.h"
#include "core/db/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>
#include <sys/stat.h>

enum { TABLES_MAX = 512, NAME_SIZE = 128, LEAP_MIN = 1000000, LEAP_EACH_MS = 100 };
static const int64_t ID_MAX = INT64_C(1) << 52; /* pages hold ids in doubles */

static const char ID_TABLES[] =
    "SELECT l.name, coalesce((SELECT max(q.seq) FROM sqlite_sequence q WHERE q.name = l.name), 0),"
    " (SELECT s.sql LIKE '%autoincrement%' FROM sqlite_schema s WHERE s.type = 'table' AND s.name = l.name)"
    " FROM pragma_table_list l WHERE l.schema = 'main' AND l.type = 'table' AND l.wr = 0"
    " AND substr(l.name, 1, 7) <> 'sqlite_' AND substr(l.name, 1, 8) <> 'steward_' AND length(l.name) < 128"
    " AND (SELECT group_concat(upper(i.type)) FROM pragma_table_info(l.name) i WHERE i.pk > 0) = 'INTEGER'";
static const char BEFORE_VIEWS[] =
    "SELECT name FROM sqlite_schema WHERE type = 'view' AND name LIKE '%\\_before\\_restore' ESCAPE '\\'";
static const char KEPT_BEFORE[] = "SELECT kind, key FROM steward_before";
static const char GAPS[] = "SELECT name, max(to_id) FROM steward_gaps GROUP BY name";
static const char MADE[] = "SELECT min(applied_ms) FROM steward_migrations";
static const char CLOCK[] = "SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM steward_core WHERE key = 'clock'";
static const char LATEST_MIGRATION[] = "SELECT max(applied_ms) FROM steward_migrations";
static const char GET_CLOCK[] = "SELECT value FROM steward_core WHERE key = 'clock'";
static const char PUT_CORE[] = "INSERT INTO steward_core (key, value) VALUES (?1, ?2)"
                               " ON CONFLICT (key) DO UPDATE SET value = excluded.value";
static const char PUT_GAP[] = "INSERT INTO steward_gaps (name, after_id, to_id) VALUES (?1, ?2, ?3)";
static const char SET_SEQUENCE[] = "UPDATE sqlite_sequence SET seq = ?2 WHERE name = ?1";
static const char ADD_SEQUENCE[] = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
static const char PUT_BEFORE[] = "INSERT OR IGNORE INTO steward_before (kind, key) VALUES (?1, ?2)";

/* A table of either store: the highest id that was given in it. */
typedef struct {
    char name[NAME_SIZE];
    int64_t backup, replaced;
    bool counted; /* AUTOINCREMENT */
} id_table;

typedef struct {
    sqlite3 *raw;      /* the copy */
    sqlite3 *replaced; /* NULL: nobody knows what it gave */
    int64_t now_ms, leap;
    id_table *tables;
    size_t count;
} succession;

/* One step of a statement that returns no row. */
static int done(sqlite3_stmt *stmt, int rc)
{
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc == SQLITE_ROW ? SQLITE_ERROR : rc;
}

static int run_texts(sqlite3 *raw, const char *sql, const char *a, const char *b)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(raw, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, a, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 2, b, -1, SQLITE_STATIC);
    return done(stmt, rc);
}

static int run_numbers(sqlite3 *raw, const char *sql, const char *name, int64_t a, int64_t b)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(raw, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(stmt, 2, a);
    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(stmt) == 3)
        rc = sqlite3_bind_int64(stmt, 3, b);
    return done(stmt, rc);
}

static int put_core(sqlite3 *raw, const char *key, const void *value, int len)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(raw, PUT_CORE, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_blob(stmt, 2, value, len, SQLITE_STATIC);
    return done(stmt, rc);
}

/* ---- the ids that were given ---- */

static id_table *table_of(succession *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->tables[i].name, name) == 0)
            return &s->tables[i];
    if (s->count == TABLES_MAX)
        return NULL;
    id_table *t = &s->tables[s->count++];
    *t = (id_table){.backup = 0};
    snprintf(t->name, sizeof t->name, "%s", name);
    return t;
}

/* The highest id among the rows that are there; what the counter of a table says may be less, or nothing. */
static int highest_row(sqlite3 *raw, const char *name, int64_t *ret)
{
    sqlite3_stmt *stmt = NULL;
    char *sql = sqlite3_mprintf("SELECT coalesce(max(rowid), 0) FROM \"%w\"", name);
    int rc = sql ? sqlite3_prepare_v2(raw, sql, -1, &stmt, NULL) : SQLITE_NOMEM;
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        *ret = sqlite3_column_int64(stmt, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
    return rc;
}

static int read_tables(succession *s, sqlite3 *raw, bool replaced)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(raw, ID_TABLES, -1, &stmt, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t counter = sqlite3_column_int64(stmt, 1), row = 0;
        id_table *t = table_of(s, (const char *)sqlite3_column_text(stmt, 0));
        rc = t ? highest_row(raw, t->name, &row) : SQLITE_TOOBIG;
        if (rc == SQLITE_OK) {
            *(replaced ? &t->replaced : &t->backup) = row > counter ? row : counter;
            t->counted |= sqlite3_column_int(stmt, 2) != 0;
        }
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A store that was restored itself has given what its gaps say, also in tables that have no counter. */
static int read_gaps(succession *s, sqlite3 *raw, bool replaced)
{
    sqlite3_stmt *stmt = NULL;
    if (store_number(raw, "SELECT count(*) FROM sqlite_schema WHERE name = 'steward_gaps'") != 1)
        return SQLITE_OK;
    int rc = sqlite3_prepare_v2(raw, GAPS, -1, &stmt, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        id_table *t = table_of(s, (const char *)sqlite3_column_text(stmt, 0));
        int64_t given = sqlite3_column_int64(stmt, 1) + 1;
        rc = t ? SQLITE_OK : SQLITE_TOOBIG;
        if (t && (replaced ? t->replaced : t->backup) < given)
            *(replaced ? &t->replaced : &t->backup) = given;
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int read_ids(succession *s, sqlite3 *raw, bool replaced)
{
    int rc = read_tables(s, raw, replaced);
    return rc == SQLITE_OK ? read_gaps(s, raw, replaced) : rc;
}

/* The first id of the next row is two behind the gap: the one between belongs to nobody, and whoever has read up to it
 * has missed nothing. */
static int leave_gap(const succession *s, const id_table *t)
{
    int64_t to = t->replaced > t->backup ? t->replaced : t->backup;
    if (!s->replaced || to > ID_MAX)
        to = t->backup + s->leap;
    int rc = run_numbers(s->raw, PUT_GAP, t->name, t->backup, to);
    if (rc != SQLITE_OK || !t->counted)
        return rc;
    rc = run_numbers(s->raw, SET_SEQUENCE, t->name, to + 1, 0);
    if (rc == SQLITE_OK && sqlite3_changes(s->raw) == 0)
        rc = run_numbers(s->raw, ADD_SEQUENCE, t->name, to + 1, 0);
    return rc;
}

/* ---- what else was given ---- */

/* Rows (kind, key). */
static int copy_before(const succession *s, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->replaced, sql, -1, &stmt, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *kind = (const char *)sqlite3_column_text(stmt, 0),
                   *key = (const char *)sqlite3_column_text(stmt, 1);
        rc = kind && key ? run_texts(s->raw, PUT_BEFORE, kind, key) : SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int copy_views(const succession *s)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->replaced, BEFORE_VIEWS, -1, &stmt, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        char *sql = sqlite3_mprintf("SELECT kind, key FROM \"%w\"", sqlite3_column_text(stmt, 0));
        rc = sql ? copy_before(s, sql) : SQLITE_NOMEM;
        sqlite3_free(sql);
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Of what cannot be read it is noted since when nobody knows. */
static int keep_before(const succession *s)
{
    char since[24];
    if (!s->replaced) {
        snprintf(since, sizeof since, "%" PRId64, s->now_ms);
        return run_texts(s->raw, PUT_BEFORE, "unknown", since);
    }
    /* A store that no server of this version has opened has no such table. */
    if (store_number(s->replaced, "SELECT count(*) FROM sqlite_schema WHERE name = 'steward_before'") == 1) {
        int rc = copy_before(s, KEPT_BEFORE);
        if (rc != SQLITE_OK)
            return rc;
    }
    return copy_views(s);
}

/* The steady clock goes on from the later of the two. */
static int keep_clock(const succession *s)
{
    sqlite3_stmt *stmt = NULL;
    if (!s->replaced || store_number(s->replaced, CLOCK) <= store_number(s->raw, CLOCK))
        return SQLITE_OK;
    int rc = sqlite3_prepare_v2(s->replaced, GET_CLOCK, -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = put_core(s->raw, "clock", sqlite3_column_blob(stmt, 0), sqlite3_column_bytes(stmt, 0));
    sqlite3_finalize(stmt);
    return rc;
}

static int renew_epoch(const succession *s)
{
    uint8_t bytes[16];
    char text[2 * sizeof bytes + 1];
    if (sw_random(bytes, sizeof bytes) != SW_OK)
        return SQLITE_IOERR;
    sw_hex(bytes, sizeof bytes, text);
    return put_core(s->raw, "epoch", text, (int)strlen(text));
}

/* ---- both together ---- */

/* Was the store that is replaced made from the backup, or the backup from it, and has it gone on since? */
static bool continues(const succession *s, sqlite3 *replaced)
{
    int64_t made = store_number(replaced, MADE);
    return made > 0 && made == store_number(s->raw, MADE) &&
           store_number(replaced, CLOCK) >= store_number(s->raw, CLOCK);
}

/* More ids than a server can have given since the backup. */
static int64_t leap(const succession *s)
{
    int64_t then = store_number(s->raw, CLOCK);
    if (then <= 0)
        then = store_number(s->raw, LATEST_MIGRATION);
    int64_t passed = s->now_ms > then && then > 0 ? s->now_ms - then : 0;
    return LEAP_MIN + (passed < ID_MAX / LEAP_EACH_MS ? passed : ID_MAX / LEAP_EACH_MS) * LEAP_EACH_MS;
}

static int write_all(succession *s)
{
    int rc = sqlite3_exec(s->raw, STORE_SUCCESSION_TABLES, NULL, NULL, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < s->count; i++)
        rc = leave_gap(s, &s->tables[i]);
    if (rc == SQLITE_OK)
        rc = keep_before(s);
    if (rc == SQLITE_OK)
        rc = keep_clock(s);
    return rc == SQLITE_OK ? renew_epoch(s) : rc;
}

static int in_transaction(succession *s)
{
    int rc = sqlite3_exec(s->raw, "BEGIN", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = write_all(s);
    return rc == SQLITE_OK ? sqlite3_exec(s->raw, "COMMIT", NULL, NULL, NULL) : rc;
}

/* As it was copied: no locks, no journal, no link. */
static int open_copy(const char *path, sqlite3 **ret)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    int rc = sqlite3_open_v2(path, ret, flags, "unix-none");
    return rc == SQLITE_OK ? sqlite3_exec(*ret, "PRAGMA journal_mode=OFF; PRAGMA synchronous=FULL", NULL, NULL, NULL)
                           : rc;
}

/* NULL when there is none that can be read. An empty file is left alone: SQLite would remove the WAL beside it. */
static snapshot *open_replaced(const char *path)
{
    char ignored[512];
    struct stat about;
    snapshot *found = NULL;
    if (!path || stat(path, &about) != 0 || about.st_size == 0 ||
        snapshot_open(path, &found, ignored, sizeof ignored) != SW_OK)
        return NULL;
    return found;
}

sw_status snapshot_succeed(const char *path, const char *replaced, bool *ret_known, char *error, size_t error_size)
{
    succession s = {.now_ms = sw_now_ms(), .tables = calloc(TABLES_MAX, sizeof *s.tables)};
    snapshot *before = open_replaced(replaced);
    int rc = s.tables ? open_copy(path, &s.raw) : SQLITE_NOMEM;
    if (rc == SQLITE_OK)
        rc = read_ids(&s, s.raw, false);
    if (rc == SQLITE_OK) {
        s.leap = leap(&s);
        size_t count = s.count;
        bool known =
            before && continues(&s, snapshot_raw(before)) && read_ids(&s, snapshot_raw(before), true) == SQLITE_OK;
        s.replaced = known ? snapshot_raw(before) : NULL;
        s.count = known ? s.count : count;
        rc = in_transaction(&s);
        *ret_known = known;
    }
    if (rc != SQLITE_OK)
        snprintf(error, error_size, "cannot prepare %s: %s", path, s.raw ? sqlite3_errmsg(s.raw) : sqlite3_errstr(rc));
    sqlite3_close_v2(s.raw);
    snapshot_close(before);
    free(s.tables);
    return rc == SQLITE_OK ? SW_OK : SW_UNAVAILABLE;
}
