/* The database: statements as const data, rows with typed getters, migrations.
 *
 * A statement is written once, as a row of a statement table of the plugin, and named by its address:
 * sw_db_query(db, &FIND, …). The host prepares it on each connection at first use. Values are bound,
 * never printed into SQL. Write portable SQL with ?1..?n. */
#ifndef STEWARD_DB_H
#define STEWARD_DB_H

#include <steward/base.h>

SW_BEGIN_DECLS

/* `sql` may hold the mark {clauses}: there the host puts the clauses whose bit is set in the mask,
 * in order. So an absent filter costs no index. `clauses` ends with NULL, at most 32. */
typedef struct {
    const char *name;
    const char *sql;
    const char *const *clauses;
} sw_statement;

/* Applied once, in order, each in one transaction; a checksum of the text is kept, so that an edited
 * migration is noticed. Never change one after its release. Names of tables, indexes, triggers and views are in one
 * namespace: begin them with the plugin's name. */
typedef struct {
    const char *name; /* "0001_messages" */
    const char *sql;
} sw_migration;

/* Runs a statement. `statement` must be a row of a statement table of a loaded plugin. `format` has
 * one letter an argument, in the order ?1, ?2, … (cast what is not of the
 * type already: a literal 1 is no int64_t):
 *   s  const char *, NUL-ended (NULL binds NULL)      i  int64_t
 *   b  const void *, size_t (blob)                    t  const char *, size_t (text, may hold NUL)
 *   d  double                                         n  nothing: binds NULL
 * SW_CONFLICT: a UNIQUE or foreign key rule was broken (see sw_db_conflict). SW_BUSY: interrupted by a time
 * limit. SW_UNAVAILABLE: storage failed. SW_INTERNAL: the statement is wrong (logged). */
SW_EXPORT SW_MUST_USE sw_status sw_db_query(sw_db *db, const sw_statement *statement, uint32_t mask, sw_rows **ret_rows,
                                            const char *format, ...);

/* Columns count from 0. On the thread of the query.
 *
 * One row further. false: the end or an error, which sw_rows_done() tells. */
SW_EXPORT bool sw_rows_next(sw_rows *rows);
SW_EXPORT int64_t sw_rows_int(const sw_rows *rows, int column);
SW_EXPORT double sw_rows_double(const sw_rows *rows, int column);
SW_EXPORT bool sw_rows_null(const sw_rows *rows, int column);
/* NUL-ended copy in the request's memory, "" for NULL. */
SW_EXPORT const char *sw_rows_text(const sw_rows *rows, int column);
/* The bytes themselves, valid until the next sw_rows_next() or sw_rows_done(). */
SW_EXPORT sw_str sw_rows_view(const sw_rows *rows, int column);
/* Ends the query early or at its end. NULL is fine. */
SW_EXPORT SW_MUST_USE sw_status sw_rows_done(sw_rows *rows);

/* After SW_CONFLICT: "table.column" of the broken rule (SQLite's wording), "" if unknown. */
SW_EXPORT const char *sw_db_conflict(const sw_db *db);
/* Memory of the piece of work this connection is lent to, as sw_alloc(). */
SW_EXPORT void *sw_db_alloc(sw_db *db, size_t count, size_t size);
SW_EXPORT char *sw_db_strdup(sw_db *db, const char *text);

SW_END_DECLS
#endif
