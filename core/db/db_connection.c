/* Connections: how they are opened, lent to a piece of work, and interrupted; and the plain SQL of the core. One
 * thread at a time, but where db.h says "any thread". */
#include "core/db/db_internal.h"

#include "core/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>
#include <time.h>

enum {
    WRITER_BUSY_MS = 5000, /* another program (sqlite3, a backup) may hold the file for a moment */
    READER_BUSY_MS = 1000,
    PROGRESS_OPS = 1000, /* some ten microseconds */
    HARD_FACTOR = 4,     /* of the time limit, for statements that write */
    WAITING_FACTOR = 20, /* of the time limit, for a writer that waits for a core */
    WAL_FRAME_HEADER = 24
};

/* A plugin's statements may not end the host's transaction or reach other files. */
static int authorize(void *arg, int action, const char *a, const char *b, const char *database, const char *trigger)
{
    const sw_db *db = arg;
    (void)b, (void)database, (void)trigger;
    if (!db->guarded)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        return SQLITE_DENY;
    case SQLITE_PRAGMA: /* data_version: FTS5 asks for it; the other is for migrations */
        return strcmp(a, "data_version") == 0 || strcmp(a, "defer_foreign_keys") == 0 ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_OK;
    }
}

static int64_t thread_cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool connection_late(const sw_db *db, int64_t deadline_ms)
{
    int64_t now = sw_monotonic_ms();
    if (now < deadline_ms)
        return false;
    if (db->kind != DB_WRITER)
        return true;
    int64_t lent_since = atomic_load_explicit(&db->lent_since, memory_order_relaxed), limit = deadline_ms - lent_since;
    return thread_cpu_ms() - db->lent_cpu_ms >= limit || now - lent_since >= WAITING_FACTOR * limit;
}

/* Every PROGRESS_OPS steps of SQLite's machine; not 0 interrupts. Interrupting a statement that writes rolls back the
 * whole transaction, the steps of others with it: that is the last resort. */
static int progress(void *arg)
{
    sw_db *db = arg;
    if (atomic_load_explicit(&db->cancelled, memory_order_relaxed))
        return 1;
    if (db->deadline_ms == 0 || !connection_late(db, db->writing ? db->hard_deadline_ms : db->deadline_ms))
        return 0;
    db->interrupted = true;
    return 1;
}

static int note_wal(void *arg, sqlite3 *raw, const char *database, int frames)
{
    sw_db *db = arg;
    (void)raw, (void)database;
    atomic_store_explicit(&db->wal_bytes, (int64_t)frames * db->frame_bytes, memory_order_relaxed);
    return SQLITE_OK;
}

static int set_number(sqlite3 *raw, const char *pragma, long long value)
{
    char text[64];
    snprintf(text, sizeof text, "PRAGMA %s=%lld", pragma, value);
    return sqlite3_exec(raw, text, NULL, NULL, NULL);
}

/* The first column of the first row, into `out`. */
static int ask(sqlite3 *raw, const char *sql, char *out, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(raw, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(stmt, 0);
        snprintf(out, size, "%s", text ? (const char *)text : "");
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* The writer's pages are the ones that are wanted most: it gets a quarter. In KiB. */
static long long cache_share(const sw_db *db)
{
    int64_t total = db->store->cache_bytes, share;
    if (db->kind == DB_CHECKPOINTER)
        share = 0;
    else if (db->kind == DB_WRITER || db->store->connections < 2)
        share = total / 4;
    else
        share = (total - total / 4) / (db->store->connections - 1);
    return share / 1024 < 256 ? 256 : share / 1024;
}

static const char COMMON[] = "PRAGMA foreign_keys=ON;"
                             "PRAGMA recursive_triggers=OFF;"
                             "PRAGMA trusted_schema=OFF;"
                             "PRAGMA temp_store=MEMORY;"
                             "PRAGMA secure_delete=ON;" /* removed tokens and messages are gone from the file */
                             "PRAGMA cell_size_check=ON;"
                             "PRAGMA mmap_size=0;"; /* a failing disk is an error then, not a SIGBUS. Measured: cached
                                                       pages 10 % faster, cold ones 25 % slower than with a map */

static int configure(sw_db *db)
{
    sqlite3 *raw = db->raw;
    sqlite3_extended_result_codes(raw, 1);
    sqlite3_busy_timeout(raw, db->kind == DB_READER ? READER_BUSY_MS : WRITER_BUSY_MS);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_limit(raw, SQLITE_LIMIT_ATTACHED, 0);
    char mode[16] = "";
    int rc = SQLITE_OK;
    if (db->kind != DB_READER && (rc = ask(raw, "PRAGMA journal_mode=WAL", mode, sizeof mode)) == SQLITE_OK &&
        strcmp(mode, "wal") != 0)
        rc = SQLITE_CANTOPEN;
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(raw, COMMON, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(raw, db->store->full_sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", NULL,
                          NULL, NULL);
    if (rc == SQLITE_OK)
        rc = connection_add_functions(raw);
    if (rc == SQLITE_OK)
        rc = set_number(raw, "cache_size", -cache_share(db));
    if (rc == SQLITE_OK)
        rc = set_number(raw, "wal_autocheckpoint", 0); /* the checkpointer's; also clears the hook */
    if (rc == SQLITE_OK)
        rc = ask(raw, "PRAGMA page_size", mode, sizeof mode);
    db->frame_bytes = strtol(mode, NULL, 10) + WAL_FRAME_HEADER;
    sqlite3_wal_hook(raw, note_wal, db);
    sqlite3_progress_handler(raw, PROGRESS_OPS, progress, db);
    sqlite3_set_authorizer(raw, authorize, db);
    return rc;
}

static int open_raw(sw_db *db)
{
    int flags = SQLITE_OPEN_NOMUTEX | (db->kind == DB_READER ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    int rc = sqlite3_open_v2(db->store->path, &db->raw, flags, NULL);
    if (rc == SQLITE_OK)
        rc = configure(db);
    if (rc != SQLITE_OK) {
        snprintf(db->error, sizeof db->error, "%s", db->raw ? sqlite3_errmsg(db->raw) : sqlite3_errstr(rc));
        store_note_fault(db->store, db->kind, rc);
        sqlite3_close_v2(db->raw);
        db->raw = NULL;
    }
    return rc;
}

sw_db *connection_new(store *s, db_kind kind, char *error, size_t error_size)
{
    sw_db *db = calloc(1, sizeof *db);
    if (!db)
        return NULL;
    db->store = s;
    db->kind = kind;
    if (open_raw(db) == SQLITE_OK)
        return db;
    if (error_size > 0)
        snprintf(error, error_size, "%s", db->error);
    free(db);
    return NULL;
}

sw_db *db_open(store *s, bool writer)
{
    return connection_new(s, writer ? DB_WRITER : DB_READER, NULL, 0);
}

sw_db *db_open_later(store *s)
{
    sw_db *db = calloc(1, sizeof *db);
    if (!db)
        return NULL;
    db->store = s;
    db->kind = DB_READER;
    return db;
}

sw_db *db_open_checkpointer(store *s)
{
    return connection_new(s, DB_CHECKPOINTER, NULL, 0);
}

void db_close(sw_db *db)
{
    if (!db)
        return;
    (void)db_return(db);
    statements_forget(db);
    sqlite3_close_v2(db->raw);
    free(db);
}

sw_status db_reopen(sw_db *db)
{
    (void)db_return(db);
    statements_forget(db);
    sqlite3_close_v2(db->raw);
    db->raw = NULL;
    int rc = open_raw(db);
    return rc == SQLITE_OK ? SW_OK : db_failure_quiet(db, rc);
}

sqlite3 *db_raw(sw_db *db)
{
    return db->raw;
}

void db_lend(sw_db *db, arena *a, int64_t deadline_ms)
{
    int64_t now = sw_monotonic_ms();
    db->memory = a;
    if (db->kind == DB_WRITER && now != db->cpu_read_ms) { /* a system call, and steps take some ten microseconds */
        db->lent_cpu_ms = thread_cpu_ms();
        db->cpu_read_ms = now;
    }
    db->deadline_ms = deadline_ms;
    db->hard_deadline_ms = deadline_ms > now ? now + HARD_FACTOR * (deadline_ms - now) : deadline_ms;
    db->interrupted = db->storage_failed = db->arena_failed = false;
    db->conflict[0] = db->error[0] = '\0';
    atomic_store_explicit(&db->cancelled, false, memory_order_relaxed);
    if (!db->raw && db->kind == DB_READER)
        (void)open_raw(db); /* failed: queries say so */
    atomic_store_explicit(&db->lent_since, now, memory_order_release);
}

sw_status db_return(sw_db *db)
{
    sw_status first = SW_OK;
    while (db->open) {
        sw_status status = sw_rows_done(db->open);
        first = first == SW_OK ? status : first;
    }
    db->memory = NULL;
    db->deadline_ms = 0;
    atomic_store_explicit(&db->lent_since, 0, memory_order_release);
    return first;
}

bool db_interrupted(const sw_db *db)
{
    return db->interrupted;
}

bool db_storage_failed(const sw_db *db)
{
    return db->storage_failed;
}

bool db_autocommit(const sw_db *db)
{
    return !db->raw || sqlite3_get_autocommit(db->raw) != 0;
}

int64_t db_wal_bytes(const sw_db *db)
{
    return atomic_load_explicit(&db->wal_bytes, memory_order_relaxed);
}

int64_t db_lent_since(const sw_db *db)
{
    return atomic_load_explicit(&db->lent_since, memory_order_acquire);
}

void db_interrupt(sw_db *db)
{
    atomic_store_explicit(&db->cancelled, true, memory_order_relaxed);
    if (db->raw)
        sqlite3_interrupt(db->raw);
}

sw_status db_checkpoint(sw_db *db, bool truncate, int wait_ms, int *ret_left, int *ret_moved)
{
    if (!db->raw)
        return SW_UNAVAILABLE;
    int frames = 0, moved = 0;
    sqlite3_busy_timeout(db->raw, wait_ms);
    int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int rc = sqlite3_wal_checkpoint_v2(db->raw, "main", mode, &frames, &moved);
    sqlite3_busy_timeout(db->raw, WRITER_BUSY_MS);
    if (rc == SQLITE_BUSY)
        return SW_BUSY;
    if (rc != SQLITE_OK)
        return db_failure_quiet(db, rc);
    if (truncate)
        atomic_store_explicit(&db->wal_bytes, 0, memory_order_relaxed);
    if (ret_moved)
        *ret_moved = moved;
    if (ret_left)
        *ret_left = frames > moved ? frames - moved : 0;
    return SW_OK;
}

/* ---- plain SQL, and what a connection tells besides rows ---- */

const char *db_error_text(const sw_db *db)
{
    return db->error;
}

const char *sw_db_conflict(const sw_db *db)
{
    return db->conflict;
}

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

int64_t db_total_changes(const sw_db *db)
{
    return db->raw ? sqlite3_total_changes64(db->raw) : 0;
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
