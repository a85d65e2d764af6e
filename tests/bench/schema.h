/* The store of messages without the server: the same schema, the same statements. */
#ifndef BENCH_SCHEMA_H
#define BENCH_SCHEMA_H

#include "bench.h"
#include "text.h"

#include <sqlite3.h>

typedef struct {
    sqlite3 *db;
    sqlite3_stmt *insert, *index;
    int64_t rows, indexed; /* ids */
} raw_store;

/* `schema`: a file of SQL to run first (the migration), NULL: the file has it. */
void raw_open(raw_store *s, const char *path, const char *schema, const char *synchronous);
void raw_exec(raw_store *s, const char *sql);
void raw_insert(raw_store *s, text_source *t, int64_t at_ms);
/* Up to `rows` more into the search index. */
void raw_index(raw_store *s, int64_t rows);
void raw_close(raw_store *s);

#endif
