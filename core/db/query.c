/* Queries: binding, running, rows. */
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/db/db_internal.h"

#include <steward/host.h>
#include <string.h>

/* ---- binding ---- */

/* Rows outlive the caller's variables, so their arguments are copied; a statement that writes has read them all when
 * its first step returns. */
static int bind_bytes(sw_db *db, prepared *p, int at, const char *bytes, size_t len, bool copy, bool blob)
{
    if (!bytes)
        return sqlite3_bind_null(p->stmt, at);
    if (copy && !(bytes = arena_strndup(db->memory, bytes, len)))
        return SQLITE_NOMEM;
    if (blob)
        return sqlite3_bind_blob64(p->stmt, at, bytes, len, SQLITE_STATIC);
    return sqlite3_bind_text64(p->stmt, at, bytes, len, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_next(sw_db *db, prepared *p, int at, char letter, va_list *args, bool copy)
{
    bool wanted = at <= p->parameters; /* a clause that is left out may have been the only one to use it */
    const char *bytes;
    size_t len;
    switch (letter) {
    case 's':
        bytes = va_arg(*args, const char *);
        return wanted ? bind_bytes(db, p, at, bytes, bytes ? strlen(bytes) : 0, copy, false) : SQLITE_OK;
    case 'b':
    case 't':
        bytes = va_arg(*args, const void *);
        len = va_arg(*args, size_t);
        return wanted ? bind_bytes(db, p, at, bytes, len, copy, letter == 'b') : SQLITE_OK;
    case 'i': {
        int64_t value = va_arg(*args, int64_t);
        return wanted ? sqlite3_bind_int64(p->stmt, at, value) : SQLITE_OK;
    }
    case 'd': {
        double value = va_arg(*args, double);
        return wanted ? sqlite3_bind_double(p->stmt, at, value) : SQLITE_OK;
    }
    case 'n':
        return wanted ? sqlite3_bind_null(p->stmt, at) : SQLITE_OK;
    default:
        return SQLITE_MISUSE;
    }
}

static sw_status bind_all(sw_db *db, prepared *p, const char *name, const char *format, va_list args, bool copy)
{
    va_list list;
    va_copy(list, args);
    int count = 0, rc = SQLITE_OK;
    for (const char *f = format ? format : ""; *f != '\0' && rc == SQLITE_OK; f++)
        rc = bind_next(db, p, ++count, *f, &list, copy);
    va_end(list);
    if (rc == SQLITE_NOMEM)
        return SW_NO_MEMORY;
    if (rc == SQLITE_OK && count >= p->parameters)
        return SW_OK;
    log_error("db", "statement %s: the format \"%s\" does not fit its %d parameters", name, format ? format : "",
              p->parameters);
    return SW_INTERNAL;
}

/* ---- running ---- */

static void unlink_rows(sw_rows *r)
{
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
}

static void end_rows(sw_rows *r)
{
    sw_db *db = r->db;
    r->on_row = r->first = false;
    if (!r->p)
        return;
    if (!r->p->read_only)
        db->changes = sqlite3_changes64(db->raw);
    sqlite3_reset(r->p->stmt);
    r->p->running = false;
    r->p = NULL;
    unlink_rows(r);
}

static void step_rows(sw_rows *r)
{
    sw_db *db = r->db;
    bool outer = db->writing;
    db->writing = !r->p->read_only;
    int rc = sqlite3_step(r->p->stmt);
    db->writing = outer;
    r->on_row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return;
    if (rc != SQLITE_DONE)
        r->status = db_failure(db, rc, r->name);
    end_rows(r);
}

static void begin_rows(sw_db *db, sw_rows *r, prepared *p, const sw_statement *st)
{
    *r = (sw_rows){.next = db->open, .link = &db->open, .db = db, .p = p, .name = st->name ? st->name : "?"};
    if (db->open)
        db->open->link = &r->next;
    db->open = r;
    p->running = true;
}

/* Time is up, or the host wants the connection back. */
static bool too_late(sw_db *db)
{
    if (atomic_load_explicit(&db->cancelled, memory_order_relaxed))
        return true;
    if (db->deadline_ms == 0 || !connection_late(db, db->deadline_ms))
        return false;
    db->interrupted = true;
    return true;
}

sw_status db_vquery(sw_db *db, const sw_statement *st, uint32_t mask, sw_rows **ret_rows, const char *format,
                    va_list args)
{
    if (!db || !db->memory)
        return SW_INTERNAL;
    if (!db->raw) {
        db->storage_failed = true;
        return SW_UNAVAILABLE;
    }
    if (too_late(db))
        return SW_BUSY;
    prepared *p = NULL;
    SW_TRY(statement_prepare(db, st, mask, &p));
    SW_TRY(bind_all(db, p, st->name, format, args, p->read_only && ret_rows));
    sw_rows local, *r = ret_rows ? arena_alloc(db->memory, sizeof *r) : &local;
    if (!r)
        return SW_NO_MEMORY;
    begin_rows(db, r, p, st);
    step_rows(r);
    if (r->status != SW_OK)
        return r->status;
    if (!ret_rows)
        return sw_rows_done(r);
    r->first = r->on_row;
    *ret_rows = r;
    return SW_OK;
}

sw_status sw_db_query(sw_db *db, const sw_statement *statement, uint32_t mask, sw_rows **ret_rows, const char *format,
                      ...)
{
    va_list args;
    va_start(args, format);
    sw_status status = db_vquery(db, statement, mask, ret_rows, format, args);
    va_end(args);
    return status;
}

/* ---- rows ---- */

bool sw_rows_next(sw_rows *rows)
{
    if (!rows || !rows->p)
        return false;
    if (rows->first)
        rows->first = false;
    else
        step_rows(rows);
    return rows->on_row;
}

sw_status sw_rows_done(sw_rows *rows)
{
    if (!rows)
        return SW_OK;
    while (rows->p && !rows->p->read_only)
        step_rows(rows); /* only its end checks foreign keys */
    end_rows(rows);
    if (rows->status == SW_OK && rows->db->arena_failed)
        rows->status = SW_NO_MEMORY;
    return rows->status;
}

static sqlite3_stmt *current(const sw_rows *rows)
{
    return rows && rows->on_row && !rows->first ? rows->p->stmt : NULL;
}

int64_t sw_rows_int(const sw_rows *rows, int column)
{
    sqlite3_stmt *stmt = current(rows);
    return stmt ? sqlite3_column_int64(stmt, column) : 0;
}

double sw_rows_double(const sw_rows *rows, int column)
{
    sqlite3_stmt *stmt = current(rows);
    return stmt ? sqlite3_column_double(stmt, column) : 0;
}

bool sw_rows_null(const sw_rows *rows, int column)
{
    sqlite3_stmt *stmt = current(rows);
    return !stmt || sqlite3_column_type(stmt, column) == SQLITE_NULL;
}

sw_str sw_rows_view(const sw_rows *rows, int column)
{
    sqlite3_stmt *stmt = current(rows);
    if (!stmt)
        return (sw_str){NULL, 0};
    int type = sqlite3_column_type(stmt, column);
    if (type == SQLITE_NULL)
        return (sw_str){NULL, 0};
    const void *bytes =
        type == SQLITE_BLOB ? sqlite3_column_blob(stmt, column) : (const void *)sqlite3_column_text(stmt, column);
    if (!bytes) /* an empty blob, or no memory for a number's text */
        return (sw_str){"", 0};
    return (sw_str){bytes, (size_t)sqlite3_column_bytes(stmt, column)};
}

const char *sw_rows_text(const sw_rows *rows, int column)
{
    sw_str view = sw_rows_view(rows, column);
    if (view.len == 0)
        return "";
    const char *copy = arena_strndup(rows->db->memory, view.at, view.len);
    if (!copy)
        rows->db->arena_failed = true; /* sw_rows_done() tells */
    return copy ? copy : "";
}

void sw_json_column(sw_json *j, const char *key, const sw_rows *rows, int column)
{
    sw_str view = sw_rows_view(rows, column);
    if (view.at)
        sw_json_textn(j, key, view.at, view.len);
}
