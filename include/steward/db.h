/* The database: statements as const data, rows with typed getters, migrations.
 *
 * A statement is written once, as a row of a statement table of the plugin, and named by its address:
 * sw_db_query(db, &FIND, …). The host prepares it on each connection at first use. Values are bound,
 * never printed into SQL. Write portable SQL with ?1..?n. */
#ifndef STEWARD_DB_H
#define STEWARD_DB_H

#include <steward/base.h>

SW_BEGIN_DECLS

/* `sql` may hold the mark {clauses}. There the host puts the clauses whose bits are set in the mask, in their order. So
 * a filter that is not used cannot keep SQLite from an index. `clauses` ends with NULL and has at most 32. */
typedef struct {
    const char *name;
    const char *sql;
    const char *const *clauses;
} sw_statement;

/* Since 1.2, SQL may call sw_text_holds(text, part): 1 when `part` stands somewhere in `text`, else 0. It is literal,
 * has no wildcards, and takes ASCII letters of the text in any case; those of `part` must be small. As
 * instr(lower(text), part) > 0, but much faster. */

/* Migrations are applied once, in order, each in a transaction of its own. The host keeps a checksum of the text and
 * notices when a migration was edited, so never change one after its release. All plugins share one namespace for
 * tables, indexes, triggers and views: begin their names with the name of the plugin. */
typedef struct {
    const char *name; /* "0001_messages" */
    const char *sql;
} sw_migration;

/* Runs a statement. `statement` must be a row of a statement table of a loaded plugin. `format` has
 * one letter for each argument, in the order ?1, ?2, … Cast an argument that does not have the type yet: a literal 1 is
 * not an int64_t.
 *   s  const char *, NUL-ended (NULL binds NULL)      i  int64_t
 *   b  const void *, size_t (blob)                    t  const char *, size_t (text, may hold NUL)
 *   d  double                                         n  nothing: binds NULL
 * SW_CONFLICT: a UNIQUE or foreign key rule was broken, see sw_db_conflict(). SW_BUSY: a time limit interrupted it.
 * SW_UNAVAILABLE: the storage failed. SW_INTERNAL: the statement is wrong, which is logged. */
SW_EXPORT SW_MUST_USE sw_status sw_db_query(sw_db *db, const sw_statement *statement, uint32_t mask, sw_rows **ret_rows,
                                            const char *format, ...);

/* Read rows on the thread of the query. Columns are counted from 0.
 *
 * Goes to the next row. false at the end and after an error; sw_rows_done() tells which. */
SW_EXPORT bool sw_rows_next(sw_rows *rows);
SW_EXPORT int64_t sw_rows_int(const sw_rows *rows, int column);
SW_EXPORT double sw_rows_double(const sw_rows *rows, int column);
SW_EXPORT bool sw_rows_null(const sw_rows *rows, int column);
/* A NUL-ended copy in the memory of the request; "" for NULL. */
SW_EXPORT const char *sw_rows_text(const sw_rows *rows, int column);
/* The bytes themselves, valid until the next sw_rows_next() or sw_rows_done(). */
SW_EXPORT sw_str sw_rows_view(const sw_rows *rows, int column);
/* Ends the query, also before its last row. `rows` may be NULL. */
SW_EXPORT SW_MUST_USE sw_status sw_rows_done(sw_rows *rows);

/* After SW_CONFLICT: the "table.column" of the broken rule, in the words of SQLite; "" when it is not known. */
SW_EXPORT const char *sw_db_conflict(const sw_db *db);
/* Memory of the piece of work that this connection is lent to. See sw_alloc(). */
SW_EXPORT void *sw_db_alloc(sw_db *db, size_t count, size_t size);
SW_EXPORT char *sw_db_strdup(sw_db *db, const char *text);

SW_END_DECLS
#endif
