/* A store as it was at one moment, read beside whoever writes to it: its copy, and what is wrong with it. See
 * snapshot.h. On the thread of a command. */
#include "core/db/snapshot.h"

#include "core/db/db_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BUSY_MS = 5000,
    STEP_PAGES = 256, /* 1 MiB between two looks at `stop` */
    SYNC_EVERY = 16,  /* steps; what is not on the disk yet would delay the server's own fsync */
    PROGRESS_OPS = 4000,
    TEXT_MAX = 512,
    FOREIGN_MAX = 20,
    FORMAT_AT = 18, /* of the file's header: write version and read version, 1: no WAL */
};

static const char INTEGRITY[] = "PRAGMA integrity_check(20)";
static const char FOREIGN_KEYS[] = "PRAGMA foreign_key_check";
static const char MIGRATIONS[] =
    "SELECT plugin, count(*), max(name) FROM steward_migrations GROUP BY plugin ORDER BY plugin";

struct snapshot {
    sqlite3 *raw;
};

static sw_status fail(sw_status status, char *error, size_t size, const char *format, ...) SW_PRINTF(4, 5);

static sw_status fail(sw_status status, char *error, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, size, format, args);
    va_end(args);
    return status;
}

static bool has_wal(const char *path)
{
    char wal[4096];
    struct stat about;
    int len = snprintf(wal, sizeof wal, "%s-wal", path);
    return len > 0 && (size_t)len < sizeof wal && stat(wal, &about) == 0 && about.st_size > 0;
}

/* The first row is what opens the WAL and its index. */
static sw_status begin(snapshot *s, const char *path, char *error, size_t error_size)
{
    int rc = sqlite3_open_v2(path, &s->raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    /* Who closes a store last folds its WAL in and removes it. One that was found stays: it is the next server's. */
    if (rc == SQLITE_OK && has_wal(path))
        sqlite3_db_config(s->raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(s->raw, BUSY_MS);
        sqlite3_limit(s->raw, SQLITE_LIMIT_ATTACHED, 0);
        sqlite3_db_config(s->raw, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(s->raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        rc = sqlite3_exec(s->raw, "PRAGMA query_only=1; BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK)
        return SW_OK;
    sw_status status = (rc & 0xff) == SQLITE_NOTADB ? SW_INVALID : SW_UNAVAILABLE;
    return fail(status, error, error_size, "cannot read the store %s: %s", path, sqlite3_errmsg(s->raw));
}

/* One whose first start was cut off before it had a table is as good as none. */
static sw_status recognise(const snapshot *s, const char *path, char *error, size_t error_size)
{
    int64_t id = store_number(s->raw, "PRAGMA application_id");
    if (id == STORE_APPLICATION_ID)
        return SW_OK;
    if (id == 0 && store_number(s->raw, "SELECT count(*) FROM sqlite_schema") == 0)
        return fail(SW_NOT_FOUND, error, error_size, "there is nothing in %s yet", path);
    return fail(SW_INVALID, error, error_size, "%s is a database of another program, not a store of this server", path);
}

sw_status snapshot_open(const char *path, snapshot **ret, char *error, size_t error_size)
{
    struct stat about;
    if (stat(path, &about) != 0 && errno != ENOENT)
        return fail(SW_UNAVAILABLE, error, error_size, "cannot read %s: %s", path, strerror(errno));
    if (access(path, F_OK) != 0 || (about.st_size == 0 && !has_wal(path)))
        return fail(SW_NOT_FOUND, error, error_size, "there is no store at %s", path);
    if (!S_ISREG(about.st_mode))
        return fail(SW_INVALID, error, error_size, "%s is no plain file", path);
    snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return fail(SW_NO_MEMORY, error, error_size, "out of memory");
    sw_status status = begin(s, path, error, error_size);
    if (status == SW_OK)
        status = recognise(s, path, error, error_size);
    if (status != SW_OK) {
        snapshot_close(s);
        return status;
    }
    *ret = s;
    return SW_OK;
}

void snapshot_close(snapshot *s)
{
    if (!s)
        return;
    sqlite3_close_v2(s->raw);
    free(s);
}

sqlite3 *snapshot_raw(snapshot *s)
{
    return s->raw;
}

/* ---- the copy ---- */

typedef struct {
    const char *path;
    int fd; /* SQLite writes by one of its own */
    sqlite3 *raw;
    snapshot_stop stop;
    char *error;
    size_t error_size;
} copy;

static sw_status failed_by(const copy *c, int rc)
{
    if (rc == SQLITE_FULL)
        return fail(SW_UNAVAILABLE, c->error, c->error_size, "cannot write %s: the disk is full", c->path);
    return fail(SW_UNAVAILABLE, c->error, c->error_size, "cannot copy the store to %s: %s", c->path,
                sqlite3_errstr(rc));
}

static sw_status stopped(const copy *c)
{
    return fail(SW_BUSY, c->error, c->error_size, "stopped by a signal");
}

static bool shall_stop(const copy *c)
{
    return c->stop && c->stop();
}

static sw_status sync_file(const copy *c)
{
    if (fsync(c->fd) == 0)
        return SW_OK;
    return fail(SW_UNAVAILABLE, c->error, c->error_size, "cannot write %s: %s", c->path, strerror(errno));
}

/* No locks (the file is ours alone, and may be on a network) and no journal (half a copy is thrown away). And no
 * link: the owner of the folder may have put one there, and root would write wherever it leads. */
static int open_target(copy *c)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    int rc = sqlite3_open_v2(c->path, &c->raw, flags, "unix-none");
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(c->raw, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL, NULL);
    return rc;
}

/* One transaction of the source from the first page to the last: nobody's write makes it begin again. */
static sw_status copy_pages(const copy *c, sqlite3 *source)
{
    sqlite3_backup *run = sqlite3_backup_init(c->raw, "main", source, "main");
    if (!run)
        return failed_by(c, sqlite3_errcode(c->raw));
    sw_status status = SW_OK;
    int rc = SQLITE_OK;
    for (unsigned steps = 1; rc == SQLITE_OK && status == SW_OK; steps++) {
        rc = sqlite3_backup_step(run, STEP_PAGES);
        if (shall_stop(c))
            status = stopped(c);
        else if (rc == SQLITE_OK && steps % SYNC_EVERY == 0)
            status = sync_file(c);
    }
    int ended = sqlite3_backup_finish(run);
    if (status == SW_OK && (rc != SQLITE_DONE || ended != SQLITE_OK))
        status = failed_by(c, ended != SQLITE_OK ? ended : rc);
    return status;
}

static int progress(void *arg)
{
    return shall_stop(arg);
}

/* Reads every page of the copy and compares the structure of its trees. */
static sw_status prove(copy *c)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3_progress_handler(c->raw, PROGRESS_OPS, progress, c);
    int rc = sqlite3_prepare_v2(c->raw, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    const char *found = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    sw_status status = SW_OK;
    if (rc == SQLITE_INTERRUPT)
        status = stopped(c);
    else if (!found)
        status = fail(SW_UNAVAILABLE, c->error, c->error_size, "the copy cannot be read: %s", sqlite3_errmsg(c->raw));
    else if (strcmp(found, "ok") != 0)
        status = fail(SW_UNAVAILABLE, c->error, c->error_size, "the store is damaged: %s", found);
    sqlite3_finalize(stmt);
    return status;
}

/* The store's header says that it has a WAL; the copy has none, and can so be read where nothing can be written. */
static sw_status leave_wal_mode(const copy *c)
{
    static const char NO_WAL[2] = {1, 1};
    if (pwrite(c->fd, NO_WAL, sizeof NO_WAL, FORMAT_AT) != (ssize_t)sizeof NO_WAL)
        return fail(SW_UNAVAILABLE, c->error, c->error_size, "cannot write %s: %s", c->path, strerror(errno));
    return sync_file(c);
}

static sw_status fill(copy *c, sqlite3 *source)
{
    int rc = open_target(c);
    sw_status status = rc == SQLITE_OK ? copy_pages(c, source) : failed_by(c, rc);
    sqlite3_close_v2(c->raw);
    c->raw = NULL;
    (void)sqlite3_exec(source, "COMMIT", NULL, NULL, NULL); /* while it lasts, the server cannot empty its WAL */
    if (status == SW_OK)
        status = leave_wal_mode(c);
    if (status != SW_OK)
        return status;
    rc = open_target(c); /* anew: nothing that was remembered */
    status = rc == SQLITE_OK ? prove(c) : failed_by(c, rc);
    sqlite3_close_v2(c->raw);
    return status;
}

sw_status snapshot_copy(snapshot *s, const char *path, snapshot_stop stop, char *error, size_t error_size)
{
    copy c = {.path = path, .stop = stop, .error = error, .error_size = error_size};
    c.fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (c.fd < 0)
        return fail(SW_UNAVAILABLE, error, error_size, "cannot write %s: %s", path, strerror(errno));
    sw_status status = fill(&c, s->raw);
    close(c.fd);
    return status;
}

/* ---- what is wrong with it ---- */

static int ask_stop(void *arg)
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
        sqlite3_progress_handler(raw, PROGRESS_OPS, ask_stop, &stop);
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

static bool list_migration(sqlite3_stmt *row, void *arg)
{
    const listing *l = arg;
    l->each(l->arg, column(row, 0), sqlite3_column_int64(row, 1), column(row, 2));
    return true;
}

sw_status examine_migrations(sqlite3 *raw,
                             void (*each)(void *arg, const char *plugin, int64_t count, const char *latest), void *arg)
{
    listing l = {each, arg};
    return each_row(raw, MIGRATIONS, NULL, list_migration, NULL, &l);
}
