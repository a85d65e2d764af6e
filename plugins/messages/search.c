/* GET /api/messages?q=…: a literal substring, newest first.
 *
 * On a worker. Each hit is checked against the text itself (store.c, HOLDS_TEXT), so that the ways to find candidates
 * may be coarse: few rows      When the other filters leave at most SMALL rows, all of these are read. the tail Rows
 * that are not indexed yet are read, newest first. 3 characters  or more: the rows that have all trigrams of the text
 * (detail=none keeps no positions). 1 or 2        The rows that have one of the trigrams that begin with the text. When
 * there are more than TERMS_MAX of those, hits are dense, and reading newest first finds a page of them sooner. */
#include "messages.h"

#include <string.h>

enum {
    SMALL = 2000, /* so many rows are read sooner than looked up: about 2 ms */
    PROBE = 500,  /* so many rows are read first for one or two characters; mostly they give a page of hits */
    TERMS_MAX = 500,
    TRIGRAMS_MAX = 12, /* of a longer text so many are taken, spread evenly */
    CHARACTERS_MAX = 256,
    TERM_BYTES = 4 * 3, /* of one trigram */
    QUOTED_BYTES = 2 * TERM_BYTES + 2 + sizeof " AND "
};

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

static sw_status take(sw_rows *rows, message_page *page)
{
    while (sw_rows_next(rows) && message_page_add(page, rows))
        ;
    return sw_rows_done(rows);
}

static sw_status read_rows(sw_db *db, const message_filter *f, message_page *page)
{
    sw_rows *rows;

    if (page->left == 0 || f->after_id >= f->before_id)
        return SW_OK;
    SW_TRY(store_find(db, f, page->skip + page->left, 0, &rows));
    return take(rows, page);
}

static sw_status match_rows(sw_db *db, const message_filter *f, const char *match, message_page *page)
{
    sw_rows *rows;

    SW_TRY(store_match(db, f, match, page->skip + page->left, &rows));
    return take(rows, page);
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
    SW_TRY(store_terms(db, prefix, TERMS_MAX + 1, &terms));
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
    message_filter newest = *f, older = *f;
    int64_t probe = f->before_id - 1 - PROBE;

    newest.after_id = probe > f->after_id ? probe : f->after_id;
    older.before_id = newest.after_id + 1;
    SW_TRY(read_rows(db, &newest, page));
    if (page->left == 0 || older.after_id + 1 >= older.before_id)
        return SW_OK;

    expression any;
    size_t count;
    SW_TRY(terms_of(db, f->text, &any, &count));
    if (count == 0)
        return SW_OK;
    return count > TERMS_MAX ? read_rows(db, &older, page) : match_rows(db, &older, any.at, page);
}

/* ---- the plan ---- */

/* Tells whether the filters other than the text leave few rows. */
static sw_status is_small(sw_db *db, const message_filter *f, bool *ret_small)
{
    int64_t count = SMALL + 1;

    if (f->before_id - f->after_id > SMALL && (*f->agent_id || *f->level))
        SW_TRY(store_count(db, f, SMALL + 1, &count));
    *ret_small = count <= SMALL || f->before_id - f->after_id <= SMALL;
    return SW_OK;
}

sw_status search_run(sw_db *db, const message_filter *filter, message_page *page)
{
    message_filter f = *filter, tail, indexed;
    size_t starts[CHARACTERS_MAX + 1], count = characters(f.text, starts);
    int64_t last, last_at, indexed_to;
    bool small;

    SW_TRY(store_last(db, &last, &last_at));
    SW_TRY(store_indexed_to(db, &indexed_to));
    f.before_id = f.before_id <= last ? f.before_id : last + 1;
    SW_TRY(is_small(db, &f, &small));
    if (small)
        return read_rows(db, &f, page);

    tail = indexed = f;
    tail.after_id = f.after_id > indexed_to ? f.after_id : indexed_to;
    indexed.before_id = f.before_id <= indexed_to ? f.before_id : indexed_to + 1;
    SW_TRY(read_rows(db, &tail, page));
    if (page->left == 0 || indexed.after_id >= indexed.before_id)
        return SW_OK;
    return count >= 3 ? search_long(db, &indexed, starts, count, page) : search_short(db, &indexed, page);
}
