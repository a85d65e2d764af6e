/* The SQL of this plugin: every statement, and the functions that bind them, in the same order.
 *
 * What reads works on the connection that is given, of a worker or of the writer. What takes an sw_tx is part of a
 * write step. Rows belong to the piece of work that the connection is lent to. */
#include "messages.h"

#include <string.h>

/* The bits of FIND_CLAUSES, in their order. */
enum { BY_AGENT = 1, BY_LEVEL = 2, IN_TIME = 4, HOLDS_TEXT = 8 };

/* The text is taken literally, and ASCII letters in any case: SQLite's lower() knows no other letters, and instr()
 * knows no wildcards. */
static const char *const FIND_CLAUSES[] = {" AND m.agent_id = ?5", " AND m.level = ?6",
                                           " AND m.at_ms BETWEEN ?7 AND ?8", " AND instr(lower(m.content), ?9) > 0",
                                           NULL};

#define MESSAGE_COLUMNS "SELECT m.id, m.agent_id, m.level, m.content, m.at_ms"

/* What is indexed of a content. To remove a row from the index, exactly the same text is needed. */
#define INDEXED_TEXT "lower(content) || char(10, 10)"

enum { BYTES_PER_PAGE = 1280 }; /* of indexed content, for each page of the index that is merged in return */

enum {
    ADD,
    FIND,
    MATCH,
    COUNT,
    AT,
    LAST,
    CLOCK_STEPS,
    CLOCK_STEP_ADD,
    INDEXED_TO,
    SIZES,
    INDEX,
    INDEX_NOTE,
    MERGE,
    TERMS,
    UNINDEX,
    REMOVE,
    KEY_FIND,
    KEY_PUT,
    LOCAL_FIND,
    LOCAL_PUT,
    KEYS_FORGET,
    LOCALS_FORGET,
    CLEAR_MESSAGES,
    CLEAR_CLOCK,
    CLEAR_INDEX,
    CLEAR_KEYS,
    CLEAR_LOCALS
};

static const sw_statement STATEMENTS[] = {
    [ADD] = {.name = "add", .sql = "INSERT INTO messages (agent_id, level, content, at_ms) VALUES (?1, ?2, ?3, ?4)"},
    [FIND] = {.name = "find",
              .sql = MESSAGE_COLUMNS
              " FROM messages m WHERE m.id > ?1 AND m.id < ?2 {clauses} ORDER BY m.id DESC LIMIT ?3 OFFSET ?4",
              .clauses = FIND_CLAUSES},
    /* The index is read first, newest id first. Its hits are candidates, which the clauses check. */
    [MATCH] = {.name = "match",
               .sql = MESSAGE_COLUMNS " FROM messages_fts f CROSS JOIN messages m ON m.id = f.rowid"
                                      " WHERE f.messages_fts MATCH ?4 AND f.rowid > ?1 AND f.rowid < ?2 {clauses}"
                                      " ORDER BY f.rowid DESC LIMIT ?3",
               .clauses = FIND_CLAUSES},
    [COUNT] = {.name = "count",
               .sql =
                   "SELECT count(*) FROM (SELECT 1 FROM messages m WHERE m.id > ?1 AND m.id < ?2 {clauses} LIMIT ?3)",
               .clauses = FIND_CLAUSES},
    [AT] = {.name = "at", .sql = "SELECT id, at_ms FROM messages WHERE id >= ?1 ORDER BY id LIMIT 1"},
    [LAST] = {.name = "last", .sql = "SELECT id, at_ms FROM messages WHERE id > 0 ORDER BY id DESC LIMIT 1"},
    [CLOCK_STEPS] = {.name = "clock_steps", .sql = "SELECT from_id FROM messages_clock ORDER BY from_id"},
    [CLOCK_STEP_ADD] = {.name = "clock_step_add", .sql = "INSERT OR IGNORE INTO messages_clock (from_id) VALUES (?1)"},
    [INDEXED_TO] = {.name = "indexed_to", .sql = "SELECT indexed_to FROM messages_search WHERE only = 1"},
    [SIZES] = {.name = "sizes",
               .sql =
                   "SELECT id, length(CAST(content AS BLOB)), at_ms FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2"},
    [INDEX] = {.name = "index",
               .sql = "INSERT INTO messages_fts (rowid, text) SELECT id, " INDEXED_TEXT
                      " FROM messages WHERE id > ?1 AND id <= ?2 ORDER BY id"},
    [INDEX_NOTE] = {.name = "index_note", .sql = "UPDATE messages_search SET indexed_to = ?1 WHERE only = 1"},
    [MERGE] = {.name = "merge", .sql = "INSERT INTO messages_fts (messages_fts, rank) VALUES ('merge', ?1)"},
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
    [UNINDEX] = {.name = "unindex",
                 .sql = "INSERT INTO messages_fts (messages_fts, rowid, text) SELECT 'delete', id, " INDEXED_TEXT
                        " FROM messages WHERE id <= ?1"},
    [REMOVE] = {.name = "remove", .sql = "DELETE FROM messages WHERE id <= ?1"},
    [KEY_FIND] = {.name = "key_find",
                  .sql = "SELECT body_hash, status, first_id, count, at_ms FROM messages_keys"
                         " WHERE user_id = ?1 AND route = ?2 AND key = ?3 AND at_ms > ?4"},
    [KEY_PUT] =
        {.name = "key_put",
         .sql = "INSERT OR REPLACE INTO messages_keys (user_id, route, key, body_hash, status, first_id, count, at_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
    [LOCAL_FIND] = {.name = "local_find",
                    .sql = "SELECT frame_hash, message_id, at_ms FROM messages_local_ids"
                           " WHERE sender_id = ?1 AND local_id = ?2 AND at_ms > ?3"},
    [LOCAL_PUT] = {.name = "local_put",
                   .sql =
                       "INSERT OR REPLACE INTO messages_local_ids (sender_id, local_id, frame_hash, message_id, at_ms)"
                       " VALUES (?1, ?2, ?3, ?4, ?5)"},
    [KEYS_FORGET] = {.name = "keys_forget",
                     .sql =
                         "DELETE FROM messages_keys WHERE (user_id, route, key) IN"
                         " (SELECT user_id, route, key FROM messages_keys WHERE at_ms <= ?1 ORDER BY at_ms LIMIT ?2)"},
    [LOCALS_FORGET] =
        {.name = "locals_forget",
         .sql = "DELETE FROM messages_local_ids WHERE (sender_id, local_id) IN"
                " (SELECT sender_id, local_id FROM messages_local_ids WHERE at_ms <= ?1 ORDER BY at_ms LIMIT ?2)"},
    [CLEAR_MESSAGES] = {.name = "clear_messages", .sql = "DELETE FROM messages"},
    [CLEAR_CLOCK] = {.name = "clear_clock", .sql = "DELETE FROM messages_clock"},
    [CLEAR_INDEX] = {.name = "clear_index", .sql = "INSERT INTO messages_fts (messages_fts) VALUES ('delete-all')"},
    [CLEAR_KEYS] = {.name = "clear_keys", .sql = "DELETE FROM messages_keys"},
    [CLEAR_LOCALS] = {.name = "clear_locals", .sql = "DELETE FROM messages_local_ids"},
};

const sw_table MESSAGE_STATEMENTS = SW_TABLE(STATEMENTS);

/* ---- messages ---- */

sw_status store_add(sw_tx *tx, message *m)
{
    int64_t now = sw_tx_now(tx);

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "tsti", m->agent_id.at, m->agent_id.len, m->level, m->content.at,
                      m->content.len, now));
    m->id = sw_tx_last_id(tx);
    m->at_ms = now;
    return SW_OK;
}

static uint32_t mask_of(const message_filter *f)
{
    return (*f->agent_id ? BY_AGENT : 0u) | (*f->level ? BY_LEVEL : 0u) | (f->check_time ? IN_TIME : 0u) |
           (*f->text ? HOLDS_TEXT : 0u);
}

sw_status store_find(sw_db *db, const message_filter *f, int64_t limit, int64_t offset, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[FIND], mask_of(f), ret, "iiiissiis", f->after_id, f->before_id, limit, offset,
                       f->agent_id, f->level, f->since_ms, f->until_ms, f->text);
}

sw_status store_match(sw_db *db, const message_filter *f, const char *expression, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[MATCH], mask_of(f), ret, "iiisssiis", f->after_id, f->before_id, limit,
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

sw_status store_count(sw_db *db, const message_filter *f, int64_t cap, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[COUNT], mask_of(f) & (BY_AGENT | BY_LEVEL), &rows, "iiinss",
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

sw_status store_at(sw_db *db, int64_t id, int64_t *ret_id, int64_t *ret_at_ms)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[AT], 0, &rows, "i", id);
    return id_and_time(begun, rows, ret_id, ret_at_ms);
}

sw_status store_last(sw_db *db, int64_t *ret_id, int64_t *ret_at_ms)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[LAST], 0, &rows, "");
    return id_and_time(begun, rows, ret_id, ret_at_ms);
}

sw_status store_clock_steps(sw_db *db, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[CLOCK_STEPS], 0, ret, "");
}

sw_status store_clock_step_add(sw_tx *tx, int64_t from_id)
{
    return sw_tx_exec(tx, &STATEMENTS[CLOCK_STEP_ADD], NULL, "i", from_id);
}

/* ---- the search index ---- */

sw_status store_indexed_to(sw_db *db, int64_t *ret_id)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[INDEXED_TO], 0, &rows, "");
    return one_number(begun, rows, ret_id);
}

sw_status store_sizes(sw_db *db, int64_t id, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[SIZES], 0, ret, "ii", id, limit);
}

sw_status store_index(sw_tx *tx, int64_t after_id, int64_t to_id)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[INDEX], NULL, "ii", after_id, to_id));
    return sw_tx_exec(tx, &STATEMENTS[INDEX_NOTE], NULL, "i", to_id);
}

sw_status store_merge(sw_tx *tx, int64_t bytes)
{
    return sw_tx_exec(tx, &STATEMENTS[MERGE], NULL, "i", 8 + bytes / BYTES_PER_PAGE);
}

static const char LAST_CHARACTERS[] = "\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf"; /* U+10FFFF twice: nothing sorts after it */

sw_status store_terms(sw_db *db, const char *prefix, int64_t limit, sw_rows **ret)
{
    char past[32];
    size_t len = strlen(prefix);

    if (len + sizeof LAST_CHARACTERS > sizeof past)
        return SW_INVALID;
    memcpy(past, prefix, len);
    memcpy(past + len, LAST_CHARACTERS, sizeof LAST_CHARACTERS);
    return sw_db_query(db, &STATEMENTS[TERMS], 0, ret, "ssi", prefix, past, limit);
}

/* ---- removing ---- */

sw_status store_remove(sw_tx *tx, int64_t to_id, int64_t indexed_to)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[UNINDEX], NULL, "i", to_id < indexed_to ? to_id : indexed_to));
    return sw_tx_exec(tx, &STATEMENTS[REMOVE], NULL, "i", to_id);
}

sw_status store_clear(sw_tx *tx)
{
    for (int which = CLEAR_MESSAGES; which <= CLEAR_LOCALS; which++)
        SW_TRY(sw_tx_exec(tx, &STATEMENTS[which], NULL, ""));
    return sw_tx_exec(tx, &STATEMENTS[INDEX_NOTE], NULL, "i", (int64_t)0);
}

/* ---- what was sent before: idempotency keys and local_ids ---- */

static void read_hash(const sw_rows *row, int column, uint8_t hash[32])
{
    sw_str view = sw_rows_view(row, column);

    memset(hash, 0, 32);
    if (view.len == 32)
        memcpy(hash, view.at, 32);
}

sw_status store_key_find(sw_tx *tx, int64_t user_id, const char *route, const char *key, stored_key *ret)
{
    stored_key found = {.at_ms = 0};
    sw_rows *rows;

    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[KEY_FIND], 0, &rows, "issi", user_id, route, key,
                       sw_tx_now(tx) - MESSAGES_REMEMBER_MS));
    bool any = sw_rows_next(rows);
    if (any) {
        read_hash(rows, 0, found.hash);
        found.status = sw_rows_int(rows, 1);
        found.first_id = sw_rows_int(rows, 2);
        found.count = sw_rows_int(rows, 3);
        found.at_ms = sw_rows_int(rows, 4);
    }
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

sw_status store_key_put(sw_tx *tx, int64_t user_id, const char *route, const char *key, const stored_key *k)
{
    return sw_tx_exec(tx, &STATEMENTS[KEY_PUT], NULL, "issbiiii", user_id, route, key, (const void *)k->hash,
                      sizeof k->hash, k->status, k->first_id, k->count, k->at_ms);
}

sw_status store_local_find(sw_tx *tx, int64_t sender_id, sw_str local_id, stored_key *ret)
{
    stored_key found = {.at_ms = 0};
    sw_rows *rows;

    SW_TRY(sw_db_query(sw_tx_db(tx), &STATEMENTS[LOCAL_FIND], 0, &rows, "iti", sender_id, local_id.at, local_id.len,
                       sw_tx_now(tx) - MESSAGES_REMEMBER_MS));
    bool any = sw_rows_next(rows);
    if (any) {
        read_hash(rows, 0, found.hash);
        found.first_id = sw_rows_int(rows, 1);
        found.at_ms = sw_rows_int(rows, 2);
    }
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

sw_status store_local_put(sw_tx *tx, int64_t sender_id, sw_str local_id, const stored_key *k)
{
    return sw_tx_exec(tx, &STATEMENTS[LOCAL_PUT], NULL, "itbii", sender_id, local_id.at, local_id.len,
                      (const void *)k->hash, sizeof k->hash, k->first_id, k->at_ms);
}

sw_status store_forget(sw_tx *tx, int64_t limit, bool *ret_more)
{
    int64_t before = sw_tx_now(tx) - MESSAGES_REMEMBER_MS, keys, locals;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[KEYS_FORGET], &keys, "ii", before, limit));
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[LOCALS_FORGET], &locals, "ii", before, limit));
    *ret_more = keys == limit || locals == limit;
    return SW_OK;
}
