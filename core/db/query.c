/* Queries: a statement is found by its row's address in a plugin's table, prepared once for a connection, bound and
 * run, and its rows are read; and what SQLite's result codes mean for a caller. On the thread that the connection is
 * lent to. */
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/table.h"
#include "core/common/buf.h"
#include "core/db/db_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <steward/host.h>
#include <string.h>

enum { LOG_EVERY_MS = 1000 /* of failures of a broken disk */ };
static const char MARK[] = "{clauses}";

/* ---- what result codes mean ---- */

/* "UNIQUE constraint failed: users.name" → "users.name" */
static void note_conflict(sw_db *db)
{
    const char *colon = strstr(sqlite3_errmsg(db->raw), ": ");
    snprintf(db->conflict, sizeof db->conflict, "%s", colon ? colon + 2 : "");
}

static sw_status of_constraint(sw_db *db, int extended)
{
    switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        note_conflict(db);
        return SW_CONFLICT;
    default:
        return SW_INTERNAL;
    }
}

/* The storage has failed, not the caller. */
static sw_status of_storage(sw_db *db, int code)
{
    db->storage_failed = true;
    store_note_fault(db->store, db->kind, code);
    return SW_UNAVAILABLE;
}

sw_status db_failure_quiet(sw_db *db, int code)
{
    int extended = db->raw ? sqlite3_extended_errcode(db->raw) : code;
    snprintf(db->error, sizeof db->error, "%s", db->raw ? sqlite3_errmsg(db->raw) : sqlite3_errstr(code));
    switch (code & 0xff) {
    case SQLITE_OK:
        return SW_OK;
    case SQLITE_CONSTRAINT:
        return of_constraint(db, extended);
    case SQLITE_INTERRUPT:
        return SW_BUSY;
    case SQLITE_NOMEM:
        db->storage_failed = true;
        return SW_NO_MEMORY;
    case SQLITE_READONLY:
        return db->kind == DB_READER ? SW_INTERNAL /* a check step that tries to write */ : of_storage(db, code);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return SW_UNAVAILABLE; /* another program holds the file */
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_CANTOPEN:
    case SQLITE_NOTADB:
        return of_storage(db, code);
    default:
        return SW_INTERNAL;
    }
}

static sw_status db_failure(sw_db *db, int code, const char *name)
{
    sw_status status = db_failure_quiet(db, code);
    if (status == SW_INTERNAL)
        log_error("db", "statement %s: %s", name, db->error);
    if ((status == SW_UNAVAILABLE || status == SW_NO_MEMORY) && db->kind == DB_READER) {
        int64_t now = sw_monotonic_ms(); /* a broken disk must not fill the log as well; the writer logs per batch */
        if (now - db->logged_ms >= LOG_EVERY_MS)
            log_error("db", "storage failed in %s: %s", name, db->error);
        if (now - db->logged_ms >= LOG_EVERY_MS)
            db->logged_ms = now;
    }
    return status;
}

/* ---- from a row of a table to a prepared statement ---- */

static sw_statement statement_row(const statement_table *t, uint32_t row)
{
    sw_statement st;
    table_row((sw_table){t->rows, t->row_size, t->count}, row, &st, sizeof st);
    return st;
}

/* The table that holds this very row. Tables stand by address, so the one that may is found by halves. */
static const statement_table *find_table(const store *s, const sw_statement *st, uint32_t *ret_row)
{
    uintptr_t at = (uintptr_t)st;
    unsigned first = 0, end = s->table_count;
    while (first < end) {
        unsigned middle = first + (end - first) / 2;
        if ((uintptr_t)s->tables[middle].rows <= at)
            first = middle + 1;
        else
            end = middle;
    }
    if (first == 0)
        return NULL;
    const statement_table *t = &s->tables[first - 1];
    uintptr_t offset = at - (uintptr_t)t->rows;
    if (offset >= (uintptr_t)t->row_size * t->count || offset % t->row_size != 0)
        return NULL;
    *ret_row = (uint32_t)(offset / t->row_size);
    return t;
}

/* false when a bit has no clause. */
static bool add_clauses(buf *out, const sw_statement *st, uint32_t mask)
{
    bool any = false;
    for (unsigned bit = 0; mask != 0 && bit < 32; bit++) {
        if (!st->clauses || !st->clauses[bit])
            return false;
        if (mask & (1u << bit)) {
            if (any)
                buf_add(out, " ", 1);
            buf_add_text(out, st->clauses[bit]);
            any = true;
            mask &= ~(1u << bit);
        }
    }
    return true;
}

/* The text with its clauses in place. Fragments are static: no value ever comes in here. */
static bool assemble(buf *out, const sw_statement *st, uint32_t mask)
{
    const char *rest = st->sql;
    bool marked = false;
    for (const char *mark; (mark = strstr(rest, MARK)); rest = mark + sizeof MARK - 1) {
        marked = true;
        buf_add(out, rest, (size_t)(mark - rest));
        if (!add_clauses(out, st, mask))
            return false;
    }
    buf_add_text(out, rest);
    buf_add(out, "", 1);
    return !out->failed && (marked || mask == 0);
}

static bool only_space(const char *text)
{
    return !text || text[strspn(text, " \t\r\n;")] == '\0';
}

/* SQLite's words for what is wrong, NULL when *ret is prepared. */
static int compile(sw_db *db, const char *sql, prepared *ret)
{
    const char *tail = NULL;
    db->guarded = true;
    int rc = sqlite3_prepare_v3(db->raw, sql, -1, SQLITE_PREPARE_PERSISTENT, &ret->stmt, &tail);
    db->guarded = false;
    if (rc == SQLITE_OK && (!ret->stmt || !only_space(tail)))
        rc = SQLITE_MISUSE;
    if (rc != SQLITE_OK) {
        sqlite3_finalize(ret->stmt);
        ret->stmt = NULL;
        return rc;
    }
    ret->read_only = sqlite3_stmt_readonly(ret->stmt) != 0;
    ret->parameters = sqlite3_bind_parameter_count(ret->stmt);
    return SQLITE_OK;
}

/* Makes room in a full list: the statement that was used least lately. false when all are running. */
static bool evict(prepared_list *list)
{
    prepared **victim = NULL;
    for (prepared **p = &list->first; *p; p = &(*p)->next)
        if (!(*p)->running)
            victim = p;
    if (!victim)
        return false;
    prepared *gone = *victim;
    *victim = gone->next;
    sqlite3_finalize(gone->stmt);
    free(gone);
    list->count--;
    return true;
}

static sw_status prepare_new(sw_db *db, prepared_list *list, const char *plugin, const sw_statement *st, uint32_t mask,
                             prepared **ret)
{
    if (list->count >= PREPARED_MAX && !evict(list)) {
        log_error("db", "statement %s of %s runs %d times at once: sw_rows_done() is missing", st->name, plugin,
                  PREPARED_MAX);
        return SW_INTERNAL;
    }
    prepared *p = calloc(1, sizeof *p);
    if (!p)
        return SW_NO_MEMORY;
    buf sql;
    buf_init(&sql, STORE_TEXT_MAX);
    sw_status status = SW_OK;
    if (!assemble(&sql, st, mask)) {
        log_error("db", "statement %s of %s has no clauses for the mask 0x%x", st->name, plugin, mask);
        status = SW_INTERNAL;
    } else {
        int rc = compile(db, sql.at, p);
        if (rc == SQLITE_MISUSE) {
            log_error("db", "statement %s of %s is not one statement", st->name, plugin);
            status = SW_INTERNAL;
        } else if (rc != SQLITE_OK) {
            status = db_failure(db, rc, st->name);
        }
    }
    buf_done(&sql);
    if (status != SW_OK) {
        free(p);
        return status;
    }
    p->mask = mask;
    p->next = list->first;
    list->first = p;
    list->count++;
    *ret = p;
    return SW_OK;
}

/* Statements may have been added since this connection was opened. */
static bool grow(sw_db *db)
{
    unsigned count = db->store->statement_count;
    prepared_list *lists = realloc(db->lists, count * sizeof *lists);
    if (!lists)
        return false;
    memset(lists + db->list_count, 0, (count - db->list_count) * sizeof *lists);
    db->lists = lists;
    db->list_count = count;
    return true;
}

static sw_status statement_prepare(sw_db *db, const sw_statement *st, uint32_t mask, prepared **ret)
{
    uint32_t row = 0;
    const statement_table *t = find_table(db->store, st, &row);
    if (!t) {
        log_error("db", "a query names a statement that is in no plugin's statement table");
        return SW_INTERNAL;
    }
    unsigned index = t->first + row;
    if (index >= db->list_count && !grow(db))
        return SW_NO_MEMORY;
    prepared_list *list = &db->lists[index];
    for (prepared **at = &list->first; *at; at = &(*at)->next) {
        prepared *p = *at;
        if (p->mask != mask || p->running)
            continue;
        *at = p->next; /* to the front */
        p->next = list->first;
        list->first = p;
        *ret = p;
        return SW_OK;
    }
    sw_statement copy = statement_row(t, row);
    if (!copy.sql)
        return SW_INTERNAL;
    if (!copy.name)
        copy.name = "?";
    return prepare_new(db, list, t->plugin, &copy, mask, ret);
}

void statements_forget(sw_db *db)
{
    for (unsigned i = 0; i < db->list_count; i++) {
        for (prepared *p = db->lists[i].first, *next; p; p = next) {
            next = p->next;
            sqlite3_finalize(p->stmt);
            free(p);
        }
    }
    free(db->lists);
    db->lists = NULL;
    db->list_count = 0;
    for (unsigned i = 0; i < db->literal_count; i++)
        sqlite3_finalize(db->literals[i].stmt);
    db->literal_count = 0;
}

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
    if (!bytes && (type != SQLITE_BLOB || sqlite3_column_bytes(stmt, column) > 0)) {
        rows->db->arena_failed = true; /* no memory for the text: sw_rows_done() tells */
        rows->db->memory->lacking = true;
    }
    if (!bytes) /* an empty blob, too */
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

/* ---- a JSON text that was read from the store or given beside it ---- */

sw_status sw_json_parse_db(sw_db *db, const char *text, size_t len, const sw_value **ret)
{
    json_refusal why;
    const sw_value *v = json_read_in(db->memory, text, len, &why);
    if (!v)
        return why.fault == JSON_NO_MEMORY ? SW_NO_MEMORY : SW_INVALID;
    *ret = v;
    return SW_OK;
}
