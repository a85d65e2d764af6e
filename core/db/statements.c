/* Statements by address: from a row of a plugin's table to a prepared statement of this connection. */
#include "core/base/log.h"
#include "core/base/table.h"
#include "core/common/buf.h"
#include "core/db/db_internal.h"

#include <stdlib.h>
#include <string.h>

static const char MARK[] = "{clauses}";

sw_statement statement_row(const statement_table *t, uint32_t row)
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

sw_status statement_prepare(sw_db *db, const sw_statement *st, uint32_t mask, prepared **ret)
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
