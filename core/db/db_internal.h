/* Inside core/db: what a store and a connection are made of. */
#ifndef CORE_DB_DB_INTERNAL_H
#define CORE_DB_DB_INTERNAL_H

#include "core/db/db.h"
#include <stdatomic.h>

enum {
    STORE_APPLICATION_ID = 0x53575244, /* "SWRD", in the header of every store */
    STORE_SCHEMA = 1,                  /* of the core's own tables: user_version */
    STORE_TABLES_MAX = 1024,           /* of statements: several a plugin */
    STORE_TEXT_MAX = 64 * 1024,        /* of one statement with its clauses */
    PREPARED_MAX = 64,                 /* per statement: masks and second instances */
    LITERALS_MAX = 24
};

/* A statement table of a plugin. `first`: index of its first row among all statements. */
typedef struct {
    const char *plugin;
    const char *rows;
    uint32_t row_size, count;
    unsigned first;
} statement_table;

typedef enum { DB_WRITER = 1, DB_READER, DB_CHECKPOINTER } db_kind;

struct store {
    char *path; /* owned */
    char epoch[33];
    bool full_sync;
    int64_t cache_bytes;
    int connections;
    uint8_t key_check[32];
    statement_table *tables; /* owned; by the address of their rows */
    unsigned table_count, statement_count;
    struct {
        _Atomic int64_t at_ms;     /* monotonic */
        _Atomic int code;          /* SQLite's */
    } faults[DB_CHECKPOINTER + 1]; /* the latest one, by the kind of the connection */
    _Atomic int damage;            /* the code of the first damage that was found, or 0 */
};

/* One statement under one mask. A second one is made when the first is still running. */
typedef struct prepared {
    struct prepared *next; /* latest used first */
    sqlite3_stmt *stmt;
    uint32_t mask;
    bool running, read_only;
    int parameters;
} prepared;

typedef struct {
    prepared *first;
    unsigned count;
} prepared_list;

struct sw_db {
    sqlite3 *raw; /* NULL after a failed db_reopen() */
    store *store;
    db_kind kind;
    prepared_list *lists; /* by index of the statement */
    unsigned list_count;
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } literals[LITERALS_MAX]; /* db_exec */
    unsigned literal_count;

    arena *memory; /* while lent */
    sw_rows *open; /* running queries, latest first */
    int64_t deadline_ms, hard_deadline_ms;
    int64_t lent_cpu_ms, cpu_read_ms; /* CPU time of the writer when it was lent, read once in a ms; when it was read */
    bool writing;                     /* the statement that runs now is one that writes */
    bool guarded;                     /* a plugin's SQL is being prepared: no transactions, no ATTACH */
    bool interrupted, storage_failed, arena_failed;
    int64_t changes;
    int64_t frame_bytes; /* of the WAL, with its header */
    int64_t logged_ms;   /* latest storage failure that was logged */
    char conflict[128];
    char error[256];
    _Atomic int64_t lent_since;
    _Atomic int64_t wal_bytes;
    _Atomic bool cancelled; /* db_interrupt() */
};

struct sw_rows {
    sw_rows *next, **link; /* in db->open while it runs */
    sw_db *db;
    prepared *p;      /* NULL once ended */
    const char *name; /* of the statement */
    sw_status status;
    bool on_row, first; /* first: the first row is read already and not yet handed out */
};

/* db_connection.c: as db_open; on failure `error` says why. */
sw_db *connection_new(store *s, db_kind kind, char *error, size_t error_size);
/* Has the piece of work that it is lent to used up its time? On the writer that is CPU time: on a busy machine a step
 * is not cut off for having waited for a core, unless it takes twenty times as long by the wall clock. */
bool connection_late(const sw_db *db, int64_t deadline_ms);

/* db_functions.c: SQLite's result code. */
int connection_add_functions(sqlite3 *raw);

/* query.c: ends all that is prepared on this connection. */
void statements_forget(sw_db *db);
/* query.c: notes what failed (conflict text, flags), and says what it means for the caller. */
sw_status db_failure_quiet(sw_db *db, int code);

/* db_store.c: notes a failure of the storage. `code`: SQLite's. Any thread. */
void store_note_fault(store *s, db_kind kind, int code);
/* What a store keeps of those that it replaced, see succession.c: the ids that each table had given up to then (above
 * after_id and up to to_id + 1 there is no row, and none will come), and other keys. */
#define STORE_SUCCESSION_TABLES                                                            \
    "CREATE TABLE IF NOT EXISTS steward_gaps (name TEXT NOT NULL, to_id INTEGER NOT NULL," \
    " after_id INTEGER NOT NULL, PRIMARY KEY (name, to_id)) STRICT, WITHOUT ROWID;"        \
    "CREATE TABLE IF NOT EXISTS steward_before (kind TEXT NOT NULL, key TEXT NOT NULL,"    \
    " PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;"

/* db_store.c: the first column of the first row as a number; -1 when that failed. */
int64_t store_number(sqlite3 *raw, const char *sql);

#endif
