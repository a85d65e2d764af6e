/* SQLite behind <steward/db.h>: the store (file, keys, migrations), connections with prepared statements, rows.
 * A connection belongs to one thread at a time; no locks here. */
#ifndef CORE_DB_DB_H
#define CORE_DB_DB_H

#include "core/base/arena.h"
#include <sqlite3.h>
#include <steward/db.h>

typedef struct store store;

typedef struct {
    const char *path;    /* the database file; ":memory:" is refused: readers share the file */
    bool full_sync;      /* synchronous=FULL, else NORMAL */
    int64_t cache_bytes; /* divided over `connections` */
    int connections;
    uint8_t key_check[32]; /* derived from master.key: must match the store's, or the start is refused */
} store_options;

/* Opens or creates the file: WAL, the core's own tables (schema of migrations, key check), version check.
 * On failure *ret_error is one line for a person (static or store-owned). */
sw_status store_open(const store_options *o, store **ret, char *error, size_t error_size);
void store_close(store *s);
/* Tells the statement tables of a plugin; before any connection is opened. The table must live as long as the store. */
sw_status store_add_statements(store *s, const char *plugin, sw_table statements);
/* Applies what is missing of a plugin's migrations, on `writer`. Refuses a changed one, and a store that holds
 * migrations this build does not know. */
sw_status store_migrate(store *s, sw_db *writer, const char *plugin, sw_table migrations, char *error,
                        size_t error_size);

/* How many of them are still to be applied; refuses what store_migrate() refuses, and changes nothing. */
sw_status store_migrations_missing(sqlite3 *raw, const char *plugin, sw_table migrations, unsigned *ret_missing,
                                   char *error, size_t error_size);
/* Was the store made with this key? SW_INVALID when with another one, SW_NOT_FOUND when it does not say. */
sw_status store_key_check(sqlite3 *raw, const uint8_t key_check[32]);

/* What has failed on any connection since the start, apart from what a caller is to blame for. Times are monotonic, of
 * the latest failure; 0 for never. The texts are SQLite's words. */
typedef struct {
    int64_t read_ms, write_ms, fold_ms; /* fold: moving the WAL into the file */
    const char *read_why, *write_why, *fold_why;
    const char
        *damage; /* NULL, or what SQLite found that can't be: that stays until the file has been looked through */
} store_faults;

/* Any thread. */
void store_read_faults(store *s, store_faults *ret);
/* Opens the file by its path, as a connection that has nothing cached, and reads its header, its schema and its key
 * check. `why` is "" when that went well. Any thread. */
sw_status store_prove_read(store *s, char *why, size_t size);
/* Damage that was noted may have been a read that failed: SQLite calls an EIO damage. Looks through the whole file, for
 * `limit_ms` at the most, and forgets the damage when all of it is sound. Any thread; takes a while. */
void store_weigh_damage(store *s, int64_t limit_ms);
const char *store_path(const store *s);
/* What the latest restore called it; "" when it has never been restored. */
const char *store_epoch(const store *s);

sw_db *db_open(store *s, bool writer);
/* A reader whose file is opened when it is lent for the first time, on that thread: it then reads the whole schema,
 * half a millisecond. One that cannot be opened is tried again with each loan, and its queries are SW_UNAVAILABLE. */
sw_db *db_open_later(store *s);
void db_close(sw_db *db);
sqlite3 *db_raw(sw_db *db);
/* Lends the connection to a piece of work: rows and texts use `a`. `deadline_ms` (monotonic, 0 for none) interrupts. A
 * statement that writes is not interrupted before `deadline_ms` has passed four times over, since that undoes the whole
 * transaction; but no further statement begins after it. On the writer the time until then counts as CPU time. */
void db_lend(sw_db *db, arena *a, int64_t deadline_ms);
/* Ends it: every statement that is still running is ended. The first failure of those: a broken foreign key may show up
 * only then. */
sw_status db_return(sw_db *db);
/* Closes the connection and opens it anew in place, after a failure that may have left it in doubt. What was prepared
 * is forgotten. On failure the connection stays shut: every query fails, and it may be called again. */
sw_status db_reopen(sw_db *db);
/* A connection for checkpoints alone. */
sw_db *db_open_checkpointer(store *s);
/* Moves frames of the WAL into the file. Without `truncate` it waits for nobody; with it, up to `wait_ms` for readers,
 * and the WAL file is cut to nothing (SW_BUSY when a reader is in the way). *ret_left is how many frames are still to
 * be moved, *ret_moved how many are in the file. */
sw_status db_checkpoint(sw_db *db, bool truncate, int wait_ms, int *ret_left, int *ret_moved);
/* Bytes of the WAL that are in use, as of this connection's latest commit. Any thread. */
int64_t db_wal_bytes(const sw_db *db);
/* Any thread while the connection is open: ends what it is running now, with SW_BUSY. */
void db_interrupt(sw_db *db);
/* Monotonic ms since which it is lent, 0 when it is not. Any thread. */
int64_t db_lent_since(const sw_db *db);
/* No transaction is open: also after SQLite rolled one back by itself. */
bool db_autocommit(const sw_db *db);
/* Storage failed (full, I/O, memory, damage) since the connection was lent, whatever came of it. */
bool db_storage_failed(const sw_db *db);
/* SQLite's words for the latest failure; "" when there was none. For the log. */
const char *db_error_text(const sw_db *db);
/* Plain SQL of the core: BEGIN, SAVEPOINT … prepared once each. `sql` must be a literal. */
sw_status db_exec(sw_db *db, const char *sql);
/* The deadline passed during the last piece of work. */
bool db_interrupted(const sw_db *db);
/* Rows changed and last rowid of the latest statement. */
int64_t db_changes(const sw_db *db);
/* Rows changed by all statements so far. */
int64_t db_total_changes(const sw_db *db);
int64_t db_last_id(const sw_db *db);
/* As sw_db_query, arguments as a va_list. */
sw_status db_vquery(sw_db *db, const sw_statement *st, uint32_t mask, sw_rows **ret_rows, const char *format,
                    va_list args);

#endif
