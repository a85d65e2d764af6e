/* Which messages are asked for: the rows of a filter, on a worker, newest first or, for a poller, oldest first. With a
 * text in it (q) this is a search for a literal substring.
 *
 * Each candidate is checked against the text itself (HOLDS_TEXT), so that the ways to find them may be coarse. What is
 * checked is counted: a search ends when its time or its bytes are used up, and says from where to go on.
 *
 * - Few rows: when the other filters leave at most SMALL rows, all of these are read.
 * - The tail: rows that are not indexed yet are read.
 * - Dense hits: rows are read as they come, for as long as that finds hits often enough.
 * - Three characters or more: the rows that have all trigrams of the text (detail=none keeps no positions).
 * - One or two: the rows that have one of the trigrams that begin with the text. When there are more than TERMS_MAX of
 *   those, reading goes on. */
#include "messages.h"

#include <string.h>
#include <time.h>

enum {
    SMALL = 2000, /* so many rows are read sooner than looked up: about 2 ms */
    FIRST = 64,   /* so many rows are read before anything is looked up; for one or two characters PROBE */
    PROBE = 500,
    DENSE = 100, /* one hit in so many rows: to read on costs about as much as to look up */
    READ_MAX = 1024,
    TERMS_MAX = 500,
    TRIGRAMS_MAX = 12, /* of a longer text so many are taken, spread evenly */
    CHARACTERS_MAX = 256,
    TERM_BYTES = 4 * 3, /* of one trigram */
    QUOTED_BYTES = 2 * TERM_BYTES + 2 + sizeof " AND "
};

/* The bits of FIND_CLAUSES, in their order. */
enum { BY_AGENT = 1, BY_LEVEL = 2, IN_TIME = 4 };

static const char *const FIND_CLAUSES[] = {" AND m.agent_id = ?5", " AND m.level = ?6",
                                           " AND m.at_ms BETWEEN ?7 AND ?8", NULL};

#define MESSAGE_COLUMNS "SELECT m.id, m.agent_id, m.level, m.content, m.at_ms"
/* The text is taken literally, without wildcards, and ASCII letters in any case. A column, and not a clause: so every
 * candidate comes to candidates_take(), which counts them. */
#define HOLDS_TEXT ", sw_text_holds(m.content, ?9)"

enum { FIND, FIND_FIRST, SCAN, SCAN_FIRST, MATCH, MATCH_FIRST, COUNT, TERMS, INDEXED_TO };

static const sw_statement STATEMENTS[] = {
    [FIND] = {.name = "find",
              .sql = MESSAGE_COLUMNS
              " FROM messages m WHERE m.id > ?1 AND m.id < ?2 {clauses} ORDER BY m.id DESC LIMIT ?3 OFFSET ?4",
              .clauses = FIND_CLAUSES},
    [FIND_FIRST] = {.name = "find_first",
                    .sql = MESSAGE_COLUMNS
                    " FROM messages m WHERE m.id > ?1 AND m.id < ?2 {clauses} ORDER BY m.id LIMIT ?3 OFFSET ?4",
                    .clauses = FIND_CLAUSES},
    [SCAN] = {.name = "scan",
              .sql = MESSAGE_COLUMNS HOLDS_TEXT
              " FROM messages m WHERE m.id > ?1 AND m.id < ?2 {clauses} ORDER BY m.id DESC",
              .clauses = FIND_CLAUSES},
    [SCAN_FIRST] = {.name = "scan_first",
                    .sql = MESSAGE_COLUMNS HOLDS_TEXT
                    " FROM messages m WHERE m.id > ?1 AND m.id < ?2 {clauses} ORDER BY m.id",
                    .clauses = FIND_CLAUSES},
    /* The index is read first, in the order of ids. Its hits are candidates. */
    [MATCH] = {.name = "match",
               .sql = MESSAGE_COLUMNS HOLDS_TEXT
               " FROM messages_fts f CROSS JOIN messages m ON m.id = f.rowid"
               " WHERE f.messages_fts MATCH ?4 AND f.rowid > ?1 AND f.rowid < ?2 {clauses} ORDER BY f.rowid DESC",
               .clauses = FIND_CLAUSES},
    [MATCH_FIRST] = {.name = "match_first",
                     .sql = MESSAGE_COLUMNS HOLDS_TEXT
                     " FROM messages_fts f CROSS JOIN messages m ON m.id = f.rowid"
                     " WHERE f.messages_fts MATCH ?4 AND f.rowid > ?1 AND f.rowid < ?2 {clauses} ORDER BY f.rowid",
                     .clauses = FIND_CLAUSES},
    [COUNT] = {.name = "count",
               .sql =
                   "SELECT count(*) FROM (SELECT 1 FROM messages m WHERE m.id > ?1 AND m.id < ?2 {clauses} LIMIT ?3)",
               .clauses = FIND_CLAUSES},
    /* This leaps from each term to the next one, since to list them as a table would walk every row of every term. ?2
     * is past the last term with that prefix. */
    [TERMS] =
        {.name = "terms",
         .sql = "WITH RECURSIVE found (term) AS ("
                " SELECT (SELECT term FROM messages_terms WHERE term >= ?1 AND term <= ?2 LIMIT 1)"
                " UNION ALL"
                " SELECT (SELECT term FROM messages_terms WHERE term >= found.term || char(1) AND term <= ?2 LIMIT 1)"
                " FROM found WHERE found.term IS NOT NULL LIMIT ?3)"
                " SELECT term FROM found WHERE term IS NOT NULL"},
    [INDEXED_TO] = {.name = "indexed_to", .sql = "SELECT indexed_to FROM messages_search WHERE only = 1"},
};

const sw_table SEARCH_STATEMENTS = SW_TABLE(STATEMENTS);

static uint32_t mask_of(const message_filter *f)
{
    return (*f->agent_id ? BY_AGENT : 0u) | (*f->level ? BY_LEVEL : 0u) | (f->check_time ? IN_TIME : 0u);
}

/* The columns are those of MESSAGE_COLUMNS, in the order of the filter, whose text counts for nothing here. */
static sw_status find_rows(sw_db *db, const message_filter *f, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[f->oldest_first ? FIND_FIRST : FIND], mask_of(f), ret, "iiiissii", f->after_id,
                       f->before_id, f->limit, f->offset, f->agent_id, f->level, f->since_ms, f->until_ms);
}

/* The same rows, all of them, each with HOLDS_TEXT. */
static sw_status scan_rows(sw_db *db, const message_filter *f, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[f->oldest_first ? SCAN_FIRST : SCAN], mask_of(f), ret, "iinnssiis", f->after_id,
                       f->before_id, f->agent_id, f->level, f->since_ms, f->until_ms, f->text);
}

/* Those of them that the search index finds. `expression` is in the language of FTS5. */
static sw_status match_index(sw_db *db, const message_filter *f, const char *expression, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[f->oldest_first ? MATCH_FIRST : MATCH], mask_of(f), ret, "iinsssiis",
                       f->after_id, f->before_id, expression, f->agent_id, f->level, f->since_ms, f->until_ms, f->text);
}

static sw_status one_number(sw_status begun, sw_rows *rows, int64_t *ret)
{
    SW_TRY(begun);
    int64_t number = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = number;
    return SW_OK;
}

/* How many rows the filter without its text has, at most `cap`. It reads only an index. */
static sw_status count_rows(sw_db *db, const message_filter *f, int64_t cap, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[COUNT], mask_of(f) & (BY_AGENT | BY_LEVEL), &rows, "iiinss",
                                  f->after_id, f->before_id, cap, f->agent_id, f->level);
    return one_number(begun, rows, ret);
}

sw_status store_indexed_to(sw_db *db, int64_t *ret_id)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[INDEXED_TO], 0, &rows, "");
    return one_number(begun, rows, ret_id);
}

/* As store_indexed_to(). As long as the rows are not ended, all queries see the store as it is now, and none has to
 * take SQLite's locks anew: a third of what a search that finds its page at once would cost. */
static sw_status begin_snapshot(sw_db *db, int64_t *ret_indexed_to, sw_rows **ret)
{
    SW_TRY(sw_db_query(db, &STATEMENTS[INDEXED_TO], 0, ret, ""));
    *ret_indexed_to = sw_rows_next(*ret) ? sw_rows_int(*ret, 0) : 0;
    return SW_OK;
}

static const char LAST_CHARACTERS[] = "\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf"; /* U+10FFFF twice: nothing sorts after it */

/* The column is a trigram that begins with `prefix`; each one once, at most `limit`. */
static sw_status begin_terms(sw_db *db, const char *prefix, int64_t limit, sw_rows **ret)
{
    char past[32];
    size_t len = strlen(prefix);

    if (len + sizeof LAST_CHARACTERS > sizeof past)
        return SW_INVALID;
    memcpy(past, prefix, len);
    memcpy(past + len, LAST_CHARACTERS, sizeof LAST_CHARACTERS);
    return sw_db_query(db, &STATEMENTS[TERMS], 0, ret, "ssi", prefix, past, limit);
}

/* ---- the page that is filled ---- */

/* Returns its id. */
static int64_t write_row(sw_json *out, const sw_rows *row)
{
    int64_t id = sw_rows_int(row, 0);

    sw_json_object_begin(out, NULL);
    sw_json_int(out, "id", id);
    sw_json_column(out, "agent_id", row, 1);
    sw_json_column(out, "level", row, 2);
    sw_json_column(out, "content", row, 3);
    sw_json_time(out, "timestamp", sw_rows_int(row, 4));
    sw_json_object_end(out);
    return id;
}

/* The row waits for the end of the page. */
static void keep_row(message_page *page, const sw_rows *row)
{
    sw_json *text = sw_json_new(page->req);

    page->last_id = write_row(text, row);
    sw_str written = sw_json_str(text);
    page->failed = !written.at;
    page->texts[page->count++] = written;
    page->bytes += written.len;
}

/* Adds the current row. false when the page takes no more. */
static bool page_add(message_page *page, const sw_rows *row)
{
    if (page->left == 0)
        return false;
    if (page->skip > 0) {
        page->skip--;
        return true;
    }
    if (page->bytes >= page->bytes_max) {
        page->truncated = true;
        page->left = 0;
        return false;
    }
    if (page->texts)
        keep_row(page, row);
    else {
        page->last_id = write_row(page->reply, row);
        page->bytes = sw_json_length(page->reply);
    }
    page->left = page->failed ? 0 : page->left - 1;
    return page->left > 0;
}

static sw_status take(sw_rows *rows, message_page *page)
{
    while (sw_rows_next(rows) && page_add(page, rows))
        ;
    return sw_rows_done(rows);
}

/* ---- what a search may use ---- */

enum { LOOK_EVERY = 32, LOOK_BYTES = 256 * 1024 };

static int64_t cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Counts a candidate of `len` bytes. Tells whether the bytes or the time are used up. */
static bool budget_spent(message_budget *b, size_t len)
{
    b->bytes_left -= (int64_t)len;
    b->unlooked_bytes += len;
    if (b->bytes_left <= 0)
        return true;
    if (++b->unlooked < LOOK_EVERY && b->unlooked_bytes < LOOK_BYTES)
        return false;
    b->unlooked = 0;
    b->unlooked_bytes = 0;
    return cpu_ms() >= b->cpu_end_ms;
}

/* Adds those of the rows that hold the text, until the page or the budget is used up. */
static sw_status candidates_take(sw_rows *rows, message_page *page)
{
    while (page->left > 0 && sw_rows_next(rows)) {
        int64_t id = sw_rows_int(rows, 0);
        size_t len = sw_rows_view(rows, 3).len;
        if (sw_rows_int(rows, 5) != 0)
            page_add(page, rows);
        if (page->truncated)
            break;
        page->last_id = id;
        if (page->left > 0 && budget_spent(&page->budget, len)) {
            page->truncated = true;
            page->left = 0;
        }
    }
    return sw_rows_done(rows);
}

/* ---- expressions of FTS5 ---- */

/* A sequence of "term" OP "term" OP …, quoted, in the memory of the piece of work. */
typedef struct {
    char *at;
    size_t len;
} expression;

static bool expression_begin(sw_db *db, expression *e, size_t terms)
{
    e->at = sw_db_alloc(db, terms * QUOTED_BYTES + 1, 1);
    e->len = 0;
    return e->at != NULL;
}

/* Adds a term of at most TERM_BYTES bytes; `operator` goes between it and the term before. */
static void expression_add(expression *e, const char *operator, const char * term, size_t len)
{
    if (e->len > 0) {
        size_t size = strlen(operator);
        memcpy(e->at + e->len, operator, size);
        e->len += size;
    }
    e->at[e->len++] = '"';
    for (size_t i = 0; i < len; i++) {
        if (term[i] == '"')
            e->at[e->len++] = '"';
        e->at[e->len++] = term[i];
    }
    e->at[e->len++] = '"';
    e->at[e->len] = '\0';
}

/* Writes where each character begins, and where the text ends, into starts[0..count]. Returns the count. */
static size_t characters(const char *text, size_t starts[CHARACTERS_MAX + 1])
{
    size_t count = 0, len = strlen(text);

    for (size_t i = 0; i < len && count < CHARACTERS_MAX; i++)
        if (((unsigned char)text[i] & 0xC0u) != 0x80u)
            starts[count++] = i;
    starts[count] = len;
    return count;
}

/* ---- the ways to find rows ---- */

static sw_status read_rows(sw_db *db, const message_filter *f, message_page *page)
{
    sw_rows *rows;

    if (page->left == 0 || f->after_id >= f->before_id)
        return SW_OK;
    SW_TRY(scan_rows(db, f, &rows));
    return candidates_take(rows, page);
}

static sw_status match_rows(sw_db *db, const message_filter *f, const char *match, message_page *page)
{
    sw_rows *rows;

    SW_TRY(match_index(db, f, match, &rows));
    return candidates_take(rows, page);
}

/* Splits a filter: the `rows` that come first in the order of the page, and the rest. Ids have no gaps. */
static void split(const message_filter *f, int64_t rows, message_filter *ret_first, message_filter *ret_rest)
{
    *ret_first = *ret_rest = *f;
    if (f->before_id - f->after_id - 1 <= rows) {
        ret_rest->after_id = ret_rest->before_id;
    } else if (f->oldest_first) {
        ret_first->before_id = f->after_id + 1 + rows;
        ret_rest->after_id = ret_first->before_id - 1;
    } else {
        ret_first->after_id = f->before_id - 1 - rows;
        ret_rest->before_id = ret_first->after_id + 1;
    }
}

/* Reads rows as they come as long as hits are dense, and takes them out of the filter. What has been read tells how
 * dense they are just here; the index would have to be read for that, at a price that grows with all rows that there
 * are. */
static sw_status read_dense(sw_db *db, message_filter *f, int64_t first, message_page *page)
{
    message_filter part;
    int64_t rows = first, may_read = first, wanted = page->skip + page->left;

    while (page->left > 0 && f->after_id < f->before_id && rows >= FIRST) {
        split(f, rows, &part, f);
        SW_TRY(read_rows(db, &part, page));
        int64_t left = page->skip + page->left;
        may_read += DENSE * (wanted - left) - rows;
        wanted = left;
        rows = may_read < READ_MAX ? may_read : READ_MAX;
    }
    return SW_OK;
}

static sw_status search_long(sw_db *db, const message_filter *f, const size_t *starts, size_t count, message_page *page)
{
    size_t trigrams = count - 2, taken = trigrams < TRIGRAMS_MAX ? trigrams : TRIGRAMS_MAX;
    expression all;

    if (!expression_begin(db, &all, taken))
        return SW_NO_MEMORY;
    for (size_t i = 0; i < taken; i++) {
        size_t at = taken > 1 ? i * (trigrams - 1) / (taken - 1) : 0;
        expression_add(&all, " AND ", f->text + starts[at], starts[at + 3] - starts[at]);
    }
    return match_rows(db, f, all.at, page);
}

/* The tokenizer takes U+FFFE and U+FFFF for U+FFFD. */
static void as_indexed(char *text)
{
    for (char *at = text; (at = strstr(at, "\xef\xbf")); at += 2)
        if (at[2] == '\xbe' || at[2] == '\xbf')
            at[2] = '\xbd';
}

/* Writes the trigrams that begin with the text into `any`, joined by OR; *ret_count is their number. */
static sw_status terms_of(sw_db *db, const char *text, expression *any, size_t *ret_count)
{
    char *prefix = sw_db_strdup(db, text);
    size_t count = 0;
    sw_rows *terms;

    if (!prefix || !expression_begin(db, any, TERMS_MAX + 1))
        return SW_NO_MEMORY;
    as_indexed(prefix);
    SW_TRY(begin_terms(db, prefix, TERMS_MAX + 1, &terms));
    while (count <= TERMS_MAX && sw_rows_next(terms)) {
        sw_str term = sw_rows_view(terms, 0);
        if (term.len <= TERM_BYTES) {
            expression_add(any, " OR ", term.at, term.len);
            count++;
        }
    }
    *ret_count = count;
    return sw_rows_done(terms);
}

static sw_status search_short(sw_db *db, const message_filter *f, message_page *page)
{
    expression any;
    size_t count;
    SW_TRY(terms_of(db, f->text, &any, &count));
    if (count == 0)
        return SW_OK;
    return count > TERMS_MAX ? read_rows(db, f, page) : match_rows(db, f, any.at, page);
}

/* ---- the plan ---- */

/* Tells whether the filters other than the text leave few rows. */
static sw_status is_small(sw_db *db, const message_filter *f, bool *ret_small)
{
    int64_t count = SMALL + 1;

    if (f->before_id - f->after_id > SMALL && (*f->agent_id || *f->level))
        SW_TRY(count_rows(db, f, SMALL + 1, &count));
    *ret_small = count <= SMALL || f->before_id - f->after_id <= SMALL;
    return SW_OK;
}

static sw_status find_indexed(sw_db *db, const message_filter *f, const size_t *starts, size_t count,
                              message_page *page)
{
    message_filter rest = *f;

    if (page->left == 0 || f->after_id >= f->before_id)
        return SW_OK;
    SW_TRY(read_dense(db, &rest, count >= 3 ? FIRST : PROBE, page));
    if (page->left == 0 || rest.after_id >= rest.before_id)
        return SW_OK;
    return count >= 3 ? search_long(db, &rest, starts, count, page) : search_short(db, &rest, page);
}

static sw_status find_from(sw_db *db, const message_filter *filter, int64_t indexed_to, message_page *page)
{
    message_filter f = *filter, tail, indexed;
    size_t starts[CHARACTERS_MAX + 1], count = characters(f.text, starts);
    int64_t last, last_at;
    bool small;

    SW_TRY(store_last(db, &last, &last_at));
    f.before_id = f.before_id <= last ? f.before_id : last + 1;
    SW_TRY(is_small(db, &f, &small));
    if (small)
        return read_rows(db, &f, page);

    tail = indexed = f;
    tail.after_id = f.after_id > indexed_to ? f.after_id : indexed_to;
    indexed.before_id = f.before_id <= indexed_to ? f.before_id : indexed_to + 1;
    if (f.oldest_first) {
        SW_TRY(find_indexed(db, &indexed, starts, count, page));
        return read_rows(db, &tail, page);
    }
    SW_TRY(read_rows(db, &tail, page));
    return find_indexed(db, &indexed, starts, count, page);
}

static sw_status find_text(sw_db *db, const message_filter *filter, message_page *page)
{
    int64_t indexed_to;
    sw_rows *snapshot;

    SW_TRY(begin_snapshot(db, &indexed_to, &snapshot));
    SW_TRY(find_from(db, filter, indexed_to, page));
    return sw_rows_done(snapshot);
}

/* ---- all of them ---- */

static sw_status list(sw_db *db, const message_filter *f, message_page *page)
{
    sw_rows *rows;

    SW_TRY(find_rows(db, f, &rows));
    return take(rows, page);
}

sw_status search_run(sw_db *db, const message_filter *filter, message_page *page)
{
    page->budget.cpu_end_ms = *filter->text ? cpu_ms() + page->budget.cpu_ms : 0;
    return *filter->text ? find_text(db, filter, page) : list(db, filter, page);
}
