/* The SQL of messages and of their search index, each statement next to the function that binds it; and the table of
 * all statements of this plugin. */
#include "store_rows.h"

#include <string.h>

/* ---- messages ---- */

static const char SQL_ADD[] = "INSERT INTO messages (agent_id, level, content, at_ms) VALUES (?1, ?2, ?3, ?4)";

sw_status store_add(sw_tx *tx, message *m)
{
    int64_t now = sw_tx_now(tx);

    SW_TRY(EXEC(tx, ADD, NULL, "tsti", m->agent_id.at, m->agent_id.len, m->level, m->content.at, m->content.len, now));
    m->id = sw_tx_last_id(tx);
    m->at_ms = now;
    return SW_OK;
}

/* Bits of the clauses below, in their order. */
enum { BY_AGENT = 1, BY_LEVEL = 2, IN_TIME = 4, HOLDS_TEXT = 8 };

static uint32_t mask_of(const message_filter *f)
{
    return (*f->agent_id ? BY_AGENT : 0u) | (*f->level ? BY_LEVEL : 0u) | (f->check_time ? IN_TIME : 0u) |
           (*f->text ? HOLDS_TEXT : 0u);
}

/* The text is literal, ASCII in any case: SQLite's lower() knows no other letters, and instr() no wildcards. */
static const char *const FIND_CLAUSES[] = {" AND m.agent_id = ?5", " AND m.level = ?6",
                                           " AND m.at_ms BETWEEN ?7 AND ?8", " AND instr(lower(m.content), ?9) > 0",
                                           NULL};

#define MESSAGE_COLUMNS "SELECT m.id, m.agent_id, m.level, m.content, m.at_ms"

static const char SQL_FIND[] =
    MESSAGE_COLUMNS " FROM messages m WHERE m.id > ?1 AND m.id < ?2 {clauses} ORDER BY m.id DESC LIMIT ?3 OFFSET ?4";

sw_status store_find(sw_db *db, const message_filter *f, int64_t limit, int64_t offset, sw_rows **ret)
{
    return sw_db_query(db, &MESSAGE_STATEMENTS[FIND], mask_of(f), ret, "iiiissiis", f->after_id, f->before_id, limit,
                       offset, f->agent_id, f->level, f->since_ms, f->until_ms, f->text);
}

/* The index goes first, in id order, newest first; its hits are candidates that the clauses check. */
static const char SQL_MATCH[] =
    MESSAGE_COLUMNS " FROM messages_fts f CROSS JOIN messages m ON m.id = f.rowid"
                    " WHERE f.messages_fts MATCH ?4 AND f.rowid > ?1 AND f.rowid < ?2 {clauses}"
                    " ORDER BY f.rowid DESC LIMIT ?3";

sw_status store_match(sw_db *db, const message_filter *f, const char *expression, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &MESSAGE_STATEMENTS[MATCH], mask_of(f), ret, "iiisssiis", f->after_id, f->before_id, limit,
                       expression, f->agent_id, f->level, f->since_ms, f->until_ms, f->text);
}

static sw_status one_number(sw_status begun, sw_rows *rows, int64_t *ret)
{
    SW_TRY(begun);
    int64_t number = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = number;
    return SW_OK;
}

static const char SQL_COUNT[] =
    "SELECT count(*) FROM (SELECT 1 FROM messages m WHERE m.id > ?1 AND m.id < ?2 {clauses} LIMIT ?3)";

sw_status store_count(sw_db *db, const message_filter *f, int64_t cap, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &MESSAGE_STATEMENTS[COUNT], mask_of(f) & (BY_AGENT | BY_LEVEL), &rows, "iiinss",
                                  f->after_id, f->before_id, cap, f->agent_id, f->level);
    return one_number(begun, rows, ret);
}

/* ---- ids and times ---- */

static sw_status id_and_time(sw_status begun, sw_rows *rows, int64_t *ret_id, int64_t *ret_at_ms)
{
    SW_TRY(begun);
    bool any = sw_rows_next(rows);
    int64_t id = any ? sw_rows_int(rows, 0) : 0, at_ms = any ? sw_rows_int(rows, 1) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret_id = id;
    *ret_at_ms = at_ms;
    return SW_OK;
}

static const char SQL_AT[] = "SELECT id, at_ms FROM messages WHERE id >= ?1 ORDER BY id LIMIT 1";

sw_status store_at(sw_db *db, int64_t id, int64_t *ret_id, int64_t *ret_at_ms)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, AT, &rows, "i", id);
    return id_and_time(begun, rows, ret_id, ret_at_ms);
}

static const char SQL_LAST[] = "SELECT id, at_ms FROM messages WHERE id > 0 ORDER BY id DESC LIMIT 1";

sw_status store_last(sw_db *db, int64_t *ret_id, int64_t *ret_at_ms)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, LAST, &rows, "");
    return id_and_time(begun, rows, ret_id, ret_at_ms);
}

static const char SQL_CLOCK_STEPS[] = "SELECT from_id FROM messages_clock ORDER BY from_id";

sw_status store_clock_steps(sw_db *db, sw_rows **ret)
{
    return RUN(db, CLOCK_STEPS, ret, "");
}

static const char SQL_CLOCK_STEP_ADD[] = "INSERT OR IGNORE INTO messages_clock (from_id) VALUES (?1)";

sw_status store_clock_step_add(sw_tx *tx, int64_t from_id)
{
    return EXEC(tx, CLOCK_STEP_ADD, NULL, "i", from_id);
}

/* ---- the search index ---- */

static const char SQL_INDEXED_TO[] = "SELECT indexed_to FROM messages_search WHERE only = 1";

sw_status store_indexed_to(sw_db *db, int64_t *ret_id)
{
    sw_rows *rows = NULL;
    sw_status begun = RUN(db, INDEXED_TO, &rows, "");
    return one_number(begun, rows, ret_id);
}

static const char SQL_SIZES[] =
    "SELECT id, length(CAST(content AS BLOB)), at_ms FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2";

sw_status store_sizes(sw_db *db, int64_t id, int64_t limit, sw_rows **ret)
{
    return RUN(db, SIZES, ret, "ii", id, limit);
}

/* What is indexed of a content; removing a row from the index takes the very same text. */
#define INDEXED_TEXT "lower(content) || char(10, 10)"

static const char SQL_INDEX[] = "INSERT INTO messages_fts (rowid, text) SELECT id, " INDEXED_TEXT
                                " FROM messages WHERE id > ?1 AND id <= ?2 ORDER BY id";
static const char SQL_INDEX_NOTE[] = "UPDATE messages_search SET indexed_to = ?1 WHERE only = 1";

sw_status store_index(sw_tx *tx, int64_t after_id, int64_t to_id)
{
    SW_TRY(EXEC(tx, INDEX, NULL, "ii", after_id, to_id));
    return EXEC(tx, INDEX_NOTE, NULL, "i", to_id);
}

static const char SQL_MERGE[] = "INSERT INTO messages_fts (messages_fts, rank) VALUES ('merge', ?1)";

sw_status store_merge(sw_tx *tx, int64_t pages)
{
    return EXEC(tx, MERGE, NULL, "i", pages);
}

/* From each term straight to the next: listing them as a table would walk every row of every term. ?2 is past the last
 * term with that prefix. */
static const char SQL_TERMS[] =
    "WITH RECURSIVE found (term) AS ("
    " SELECT (SELECT term FROM messages_terms WHERE term >= ?1 AND term <= ?2 LIMIT 1)"
    " UNION ALL"
    " SELECT (SELECT term FROM messages_terms WHERE term >= found.term || char(1) AND term <= ?2 LIMIT 1)"
    " FROM found WHERE found.term IS NOT NULL LIMIT ?3)"
    " SELECT term FROM found WHERE term IS NOT NULL";

static const char LAST_CHARACTERS[] = "\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf"; /* U+10FFFF twice: nothing sorts behind it */

sw_status store_terms(sw_db *db, const char *prefix, int64_t limit, sw_rows **ret)
{
    char past[32];
    size_t len = strlen(prefix);

    if (len + sizeof LAST_CHARACTERS > sizeof past)
        return SW_INVALID;
    memcpy(past, prefix, len);
    memcpy(past + len, LAST_CHARACTERS, sizeof LAST_CHARACTERS);
    return RUN(db, TERMS, ret, "ssi", prefix, past, limit);
}

/* ---- removing ---- */

static const char SQL_UNINDEX[] =
    "INSERT INTO messages_fts (messages_fts, rowid, text) SELECT 'delete', id, " INDEXED_TEXT
    " FROM messages WHERE id <= ?1";
static const char SQL_REMOVE[] = "DELETE FROM messages WHERE id <= ?1";

sw_status store_remove(sw_tx *tx, int64_t to_id, int64_t indexed_to)
{
    SW_TRY(EXEC(tx, UNINDEX, NULL, "i", to_id < indexed_to ? to_id : indexed_to));
    return EXEC(tx, REMOVE, NULL, "i", to_id);
}

static const char SQL_CLEAR_MESSAGES[] = "DELETE FROM messages";
static const char SQL_CLEAR_CLOCK[] = "DELETE FROM messages_clock";
static const char SQL_CLEAR_INDEX[] = "INSERT INTO messages_fts (messages_fts) VALUES ('delete-all')";
static const char SQL_CLEAR_KEYS[] = "DELETE FROM messages_keys";
static const char SQL_CLEAR_LOCALS[] = "DELETE FROM messages_local_ids";

sw_status store_clear(sw_tx *tx)
{
    for (int which = CLEAR_MESSAGES; which <= CLEAR_LOCALS; which++)
        SW_TRY(EXEC(tx, which, NULL, ""));
    return EXEC(tx, INDEX_NOTE, NULL, "i", (int64_t)0);
}

const sw_statement MESSAGE_STATEMENTS[MESSAGE_STATEMENT_COUNT] = {
    [ADD] = {"add", SQL_ADD, NULL},
    [FIND] = {"find", SQL_FIND, FIND_CLAUSES},
    [MATCH] = {"match", SQL_MATCH, FIND_CLAUSES},
    [COUNT] = {"count", SQL_COUNT, FIND_CLAUSES},
    [AT] = {"at", SQL_AT, NULL},
    [LAST] = {"last", SQL_LAST, NULL},
    [CLOCK_STEPS] = {"clock_steps", SQL_CLOCK_STEPS, NULL},
    [CLOCK_STEP_ADD] = {"clock_step_add", SQL_CLOCK_STEP_ADD, NULL},
    [INDEXED_TO] = {"indexed_to", SQL_INDEXED_TO, NULL},
    [SIZES] = {"sizes", SQL_SIZES, NULL},
    [INDEX] = {"index", SQL_INDEX, NULL},
    [INDEX_NOTE] = {"index_note", SQL_INDEX_NOTE, NULL},
    [MERGE] = {"merge", SQL_MERGE, NULL},
    [TERMS] = {"terms", SQL_TERMS, NULL},
    [UNINDEX] = {"unindex", SQL_UNINDEX, NULL},
    [REMOVE] = {"remove", SQL_REMOVE, NULL},
    [KEY_FIND] = {"key_find", SQL_KEY_FIND, NULL},
    [KEY_PUT] = {"key_put", SQL_KEY_PUT, NULL},
    [LOCAL_FIND] = {"local_find", SQL_LOCAL_FIND, NULL},
    [LOCAL_PUT] = {"local_put", SQL_LOCAL_PUT, NULL},
    [KEYS_FORGET] = {"keys_forget", SQL_KEYS_FORGET, NULL},
    [LOCALS_FORGET] = {"locals_forget", SQL_LOCALS_FORGET, NULL},
    [CLEAR_MESSAGES] = {"clear_messages", SQL_CLEAR_MESSAGES, NULL},
    [CLEAR_CLOCK] = {"clear_clock", SQL_CLEAR_CLOCK, NULL},
    [CLEAR_INDEX] = {"clear_index", SQL_CLEAR_INDEX, NULL},
    [CLEAR_KEYS] = {"clear_keys", SQL_CLEAR_KEYS, NULL},
    [CLEAR_LOCALS] = {"clear_locals", SQL_CLEAR_LOCALS, NULL},
};
