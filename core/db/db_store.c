/* The store: the file, its identity and version, and the key it belongs to. */
#include "core/db/db_internal.h"

#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>
#include <unistd.h>

static const char CREATE_CORE[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE steward_core (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE steward_migrations (plugin TEXT NOT NULL, name TEXT NOT NULL, sha256 BLOB NOT NULL,"
    " applied_ms INTEGER NOT NULL, PRIMARY KEY (plugin, name)) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = 1398231620;"
    "PRAGMA user_version = 1;";
static const char PUT_KEY_CHECK[] = "INSERT INTO steward_core (key, value) VALUES ('key_check', ?1)";
static const char GET_EPOCH[] = "SELECT value FROM steward_core WHERE key = 'epoch'";
static const char GET_KEY_CHECK[] = "SELECT value FROM steward_core WHERE key = 'key_check'";

_Static_assert(STORE_APPLICATION_ID == 1398231620 && STORE_SCHEMA == 1, "CREATE_CORE says the same");

enum { LOOK_OPS = 10000 };
enum { KEY_CHECK_SIZE = sizeof((store_options *)0)->key_check };

typedef struct {
    char *text;
    size_t size;
} complaint;

static sw_status complain(const complaint *c, sw_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static sw_status complain(const complaint *c, sw_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (c->size > 0)
        vsnprintf(c->text, c->size, format, args);
    va_end(args);
    return status;
}

int64_t store_number(sqlite3 *raw, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(raw, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static sw_status create_core(sqlite3 *raw, const store_options *o, const complaint *c)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_exec(raw, CREATE_CORE, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(raw, PUT_KEY_CHECK, -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_blob(stmt, 1, o->key_check, sizeof o->key_check, SQLITE_STATIC);
        rc = sqlite3_step(stmt) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(raw);
    }
    sqlite3_finalize(stmt);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(raw, "COMMIT", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return SW_OK;
    sw_status status = complain(c, SW_UNAVAILABLE, "cannot create the store %s: %s", o->path, sqlite3_errmsg(raw));
    if (!sqlite3_get_autocommit(raw))
        sqlite3_exec(raw, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

sw_status store_key_check(sqlite3 *raw, const uint8_t key_check[32])
{
    sqlite3_stmt *stmt = NULL;
    sw_status status = SW_NOT_FOUND;
    if (sqlite3_prepare_v2(raw, GET_KEY_CHECK, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const void *kept = sqlite3_column_blob(stmt, 0);
        bool same =
            kept && sqlite3_column_bytes(stmt, 0) == KEY_CHECK_SIZE && sw_equal_secret(kept, key_check, KEY_CHECK_SIZE);
        status = same ? SW_OK : SW_INVALID;
    }
    sqlite3_finalize(stmt);
    return status;
}

static sw_status check_key(sqlite3 *raw, const store_options *o, const complaint *c)
{
    sw_status status = store_key_check(raw, o->key_check);
    if (status == SW_NOT_FOUND)
        return complain(c, SW_UNAVAILABLE, "the store %s has lost its key check value: %s", o->path,
                        sqlite3_errmsg(raw));
    if (status != SW_OK)
        return complain(c, SW_INVALID,
                        "master.key does not match the store %s: put back the master.key that this store was made with",
                        o->path);
    return SW_OK;
}

/* Is this ours, of a version we know, with our key? An empty file becomes a store. */
static sw_status check_identity(sqlite3 *raw, const store_options *o, const complaint *c)
{
    int64_t id = store_number(raw, "PRAGMA application_id");
    int64_t version = store_number(raw, "PRAGMA user_version");
    int64_t things = store_number(raw, "SELECT count(*) FROM sqlite_schema");
    if (id < 0 || version < 0 || things < 0)
        return complain(c, SW_UNAVAILABLE, "cannot read the store %s: %s", o->path, sqlite3_errmsg(raw));
    if (id == 0 && version == 0 && things == 0)
        return create_core(raw, o, c);
    if (id != STORE_APPLICATION_ID)
        return complain(c, SW_INVALID, "%s is a database of another program, not a store of this server", o->path);
    if (version > STORE_SCHEMA)
        return complain(c, SW_INVALID,
                        "the store %s was written by a newer server (schema %lld, this one knows %d): "
                        "install that version again or restore a backup",
                        o->path, (long long)version, STORE_SCHEMA);
    return check_key(raw, o, c);
}

/* SQLite would make the file readable for everybody; its -wal and -shm take the file's mode. */
static sw_status make_file(const store_options *o, const complaint *c)
{
    int fd = open(o->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return complain(c, SW_UNAVAILABLE, "cannot open the store %s: %s", o->path, strerror(errno));
    close(fd);
    return SW_OK;
}

/* What a restore leaves, see succession.c. Tables, because modules may look into them in any store. */
static sw_status read_succession(store *s, sqlite3 *raw, const complaint *c)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_exec(raw, STORE_SUCCESSION_TABLES, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(raw, GET_EPOCH, -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int len = sqlite3_column_bytes(stmt, 0);
        const char *text = sqlite3_column_blob(stmt, 0);
        snprintf(s->epoch, sizeof s->epoch, "%.*s", len, text ? text : "");
    }
    sqlite3_finalize(stmt);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return SW_OK;
    return complain(c, SW_UNAVAILABLE, "cannot read the store %s: %s", s->path, sqlite3_errmsg(raw));
}

static sw_status prove(store *s, const store_options *o, const complaint *c)
{
    if (!o->path || *o->path == '\0' || strcmp(o->path, ":memory:") == 0)
        return complain(c, SW_INVALID, "the store must be a file: its readers share it");
    sw_status status = make_file(o, c);
    if (status != SW_OK)
        return status;
    char why[256] = "";
    sw_db *db = connection_new(s, DB_WRITER, why, sizeof why);
    if (!db)
        return complain(c, SW_UNAVAILABLE, "cannot open the store %s: %s", o->path, why);
    status = check_identity(db->raw, o, c);
    if (status == SW_OK)
        status = read_succession(s, db->raw, c);
    db_close(db);
    return status;
}

sw_status store_open(const store_options *o, store **ret, char *error, size_t error_size)
{
    complaint c = {error, error_size};
    store *s = calloc(1, sizeof *s);
    if (!s || !(s->path = strdup(o->path ? o->path : ""))) {
        store_close(s);
        return complain(&c, SW_NO_MEMORY, "out of memory");
    }
    s->full_sync = o->full_sync;
    memcpy(s->key_check, o->key_check, sizeof s->key_check);
    s->cache_bytes = o->cache_bytes;
    s->connections = o->connections > 1 ? o->connections : 1;
    sw_status status = prove(s, o, &c);
    if (status != SW_OK) {
        store_close(s);
        return status;
    }
    *ret = s;
    return SW_OK;
}

/* ---- what has failed, and whether the file can be read ---- */

void store_note_fault(store *s, db_kind kind, int code)
{
    int none = 0;
    s->faults[kind].code = code;
    s->faults[kind].at_ms = sw_monotonic_ms();
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
        (void)atomic_compare_exchange_strong(&s->damage, &none, code);
}

void store_read_faults(store *s, store_faults *ret)
{
    *ret = (store_faults){
        .read_ms = s->faults[DB_READER].at_ms,
        .read_why = sqlite3_errstr(s->faults[DB_READER].code),
        .write_ms = s->faults[DB_WRITER].at_ms,
        .write_why = sqlite3_errstr(s->faults[DB_WRITER].code),
        .fold_ms = s->faults[DB_CHECKPOINTER].at_ms,
        .fold_why = sqlite3_errstr(s->faults[DB_CHECKPOINTER].code),
        .damage = s->damage ? sqlite3_errstr(s->damage) : NULL,
    };
}

sw_status store_prove_read(store *s, char *why, size_t size)
{
    *why = '\0';
    sw_db *db = connection_new(s, DB_READER, why, size);
    if (!db)
        return SW_UNAVAILABLE;
    sw_status status = SW_OK;
    if (store_number(db->raw, "SELECT count(*) FROM sqlite_schema") < 0)
        status = SW_UNAVAILABLE;
    if (status == SW_OK && (status = store_key_check(db->raw, s->key_check)) == SW_INVALID)
        snprintf(why, size, "the file is another database than the one that was opened");
    else if (status != SW_OK)
        snprintf(why, size, "%s",
                 sqlite3_errcode(db->raw) ? sqlite3_errmsg(db->raw) : "it has lost its key check value");
    if (status != SW_OK && sqlite3_errcode(db->raw))
        store_note_fault(s, DB_READER, sqlite3_extended_errcode(db->raw));
    db_close(db);
    return status;
}

const char *store_epoch(const store *s)
{
    return s->epoch;
}

static int is_late(void *deadline_ms)
{
    return sw_monotonic_ms() > *(const int64_t *)deadline_ms;
}

void store_weigh_damage(store *s, int64_t limit_ms)
{
    int64_t deadline_ms = sw_monotonic_ms() + limit_ms;
    int noted = s->damage;
    sqlite3_stmt *look = NULL;
    sw_db *db = noted == 0 ? NULL : connection_new(s, DB_READER, NULL, 0);
    if (!db)
        return;
    sqlite3_progress_handler(db->raw, LOOK_OPS, is_late, &deadline_ms);
    const unsigned char *found = NULL;
    if (sqlite3_prepare_v2(db->raw, "PRAGMA quick_check(1)", -1, &look, NULL) == SQLITE_OK &&
        sqlite3_step(look) == SQLITE_ROW)
        found = sqlite3_column_text(look, 0);
    bool sound = found && strcmp((const char *)found, "ok") == 0;
    sqlite3_finalize(look);
    db_close(db);
    if (sound && atomic_compare_exchange_strong(&s->damage, &noted, 0))
        log_info("db",
                 "the database was looked through and is sound: what was taken for damage was a read that failed");
}

const char *store_path(const store *s)
{
    return s->path;
}

void store_close(store *s)
{
    if (!s)
        return;
    free(s->tables);
    free(s->path);
    free(s);
}

sw_status store_add_statements(store *s, const char *plugin, sw_table statements)
{
    if (statements.count == 0)
        return SW_OK;
    if (s->table_count == STORE_TABLES_MAX || !statements.rows ||
        statements.row_size < offsetof(sw_statement, sql) + sizeof(const char *))
        return SW_INVALID;
    statement_table *tables = realloc(s->tables, (s->table_count + 1) * sizeof *tables);
    if (!tables)
        return SW_NO_MEMORY;
    s->tables = tables;
    unsigned at = s->table_count++;
    for (; at > 0 && (uintptr_t)tables[at - 1].rows > (uintptr_t)statements.rows; at--)
        tables[at] = tables[at - 1];
    tables[at] = (statement_table){
        .plugin = plugin,
        .rows = statements.rows,
        .row_size = statements.row_size,
        .count = statements.count,
        .first = s->statement_count,
    };
    s->statement_count += statements.count;
    return SW_OK;
}
