/* What the writer does between its batches: it fills the search index, removes messages that are too old or too many,
 * and forgets keys and local_ids that are older than a day. These are housekeeping steps of a few milliseconds. The
 * event store.reset, which removes everything, is here too.
 *
 * To index 200 bytes of content takes about 40 us, and each statement that writes to the index writes a segment, so
 * that steps must be neither long nor many. A step is measured in bytes: it takes as many as fit its time at the pace
 * of the latest steps. That pace is part of messages_state, and only the writer uses it. */
#include "messages.h"

#include <time.h>

/* What is indexed of a content. To remove a row from the index, exactly the same text is needed. */
#define INDEXED_TEXT "lower(content) || char(10, 10)"

enum { BYTES_PER_PAGE = 1280 }; /* of indexed content, for each page of the index that is merged in return */

enum {
    SIZES,
    FLOOR,
    MISSING,
    INDEX,
    INDEX_NOTE,
    MERGE,
    UNINDEX,
    REMOVE,
    KEYS_FORGET,
    LOCALS_FORGET,
    CLEAR_GAPS,
    CLEAR_MESSAGES,
    CLEAR_CLOCK,
    CLEAR_INDEX,
    CLEAR_KEYS,
    CLEAR_LOCALS
};

static const sw_statement STATEMENTS[] = {
    [SIZES] = {.name = "sizes",
               .sql =
                   "SELECT id, length(CAST(content AS BLOB)), at_ms FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2"},
    [FLOOR] = {.name = "floor", .sql = "SELECT coalesce(max(to_id) + 1, 0) FROM steward_gaps WHERE name = 'messages'"},
    [MISSING] = {.name = "missing",
                 .sql = "SELECT coalesce(sum(min(to_id + 1, ?2) - after_id), 0) FROM steward_gaps"
                        " WHERE name = 'messages' AND after_id < ?2 AND to_id > ?1"},
    [INDEX] = {.name = "index",
               .sql = "INSERT INTO messages_fts (rowid, text) SELECT id, " INDEXED_TEXT
                      " FROM messages WHERE id > ?1 AND id <= ?2 ORDER BY id"},
    [INDEX_NOTE] = {.name = "index_note", .sql = "UPDATE messages_search SET indexed_to = ?1 WHERE only = 1"},
    [MERGE] = {.name = "merge", .sql = "INSERT INTO messages_fts (messages_fts, rank) VALUES ('merge', ?1)"},
    [UNINDEX] = {.name = "unindex",
                 .sql = "INSERT INTO messages_fts (messages_fts, rowid, text) SELECT 'delete', id, " INDEXED_TEXT
                        " FROM messages WHERE id <= ?1"},
    [REMOVE] = {.name = "remove", .sql = "DELETE FROM messages WHERE id <= ?1"},
    [KEYS_FORGET] = {.name = "keys_forget",
                     .sql =
                         "DELETE FROM messages_keys WHERE (user_id, route, key) IN"
                         " (SELECT user_id, route, key FROM messages_keys WHERE at_ms <= ?1 ORDER BY at_ms LIMIT ?2)"},
    [LOCALS_FORGET] =
        {.name = "locals_forget",
         .sql = "DELETE FROM messages_local_ids WHERE (sender_id, local_id) IN"
                " (SELECT sender_id, local_id FROM messages_local_ids WHERE at_ms <= ?1 ORDER BY at_ms LIMIT ?2)"},
    [CLEAR_GAPS] = {.name = "clear_gaps", .sql = "DELETE FROM steward_gaps WHERE name = 'messages'"},
    [CLEAR_MESSAGES] = {.name = "clear_messages", .sql = "DELETE FROM messages"},
    [CLEAR_CLOCK] = {.name = "clear_clock", .sql = "DELETE FROM messages_clock"},
    [CLEAR_INDEX] = {.name = "clear_index", .sql = "INSERT INTO messages_fts (messages_fts) VALUES ('delete-all')"},
    [CLEAR_KEYS] = {.name = "clear_keys", .sql = "DELETE FROM messages_keys"},
    [CLEAR_LOCALS] = {.name = "clear_locals", .sql = "DELETE FROM messages_local_ids"},
};

const sw_table UPKEEP_STATEMENTS = SW_TABLE(STATEMENTS);

/* The columns are id, bytes of content, at_ms; ids above `id`, ascending. */
static sw_status sizes(sw_db *db, int64_t id, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[SIZES], 0, ret, "ii", id, limit);
}

static sw_status number(sw_status begun, sw_rows *rows, int64_t *ret)
{
    SW_TRY(begun);
    int64_t value = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = value;
    return SW_OK;
}

/* How many ids no row has, since they were given before a restore: of all gaps that reach above `after`, up to `to`. */
static sw_status missing(sw_db *db, int64_t after, int64_t to, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[MISSING], 0, &rows, "ii", after, to);
    return number(begun, rows, ret);
}

sw_status messages_prepare(sw_tx *tx)
{
    messages_state *state = sw_tx_state(tx);
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(sw_tx_db(tx), &STATEMENTS[FLOOR], 0, &rows, "");

    SW_TRY(number(begun, rows, &state->floor));
    return time_range_note_step(tx);
}

/* Merges as many pages of the index as `bytes` of content, added or removed, ask for. */
static sw_status merge(sw_tx *tx, int64_t bytes)
{
    return sw_tx_exec(tx, &STATEMENTS[MERGE], NULL, "i", 8 + bytes / BYTES_PER_PAGE);
}

/* ---- filling the search index ---- */

enum {
    INDEX_ROWS = 2000,
    INDEX_BYTES_MIN = 2 * 1024,
    INDEX_BYTES_MAX = 256 * 1024,
    REST_BYTES_MAX = 24 * 1024, /* what may wait unindexed when few rows do: a search reads those rows themselves */
    FIRST_NS_PER_KIB = 200 * 1024
};

/* How long a step may take. It is more when more rows wait, since searches read those one by one. */
static const struct {
    int64_t waiting, ns;
} PACES[] = {
    {20000, 25 * 1000000},
    {4000, 12 * 1000000},
    {0, 3 * 1000000},
};

static int64_t thread_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t step_bytes(const messages_state *state, int64_t waiting)
{
    int64_t pace = state->index_ns_per_kib, max = waiting > PACES[1].waiting ? INDEX_BYTES_MAX : REST_BYTES_MAX;
    size_t i = 0;

    while (waiting < PACES[i].waiting)
        i++;
    int64_t bytes = PACES[i].ns * 1024 / pace;
    return bytes < INDEX_BYTES_MIN ? INDEX_BYTES_MIN : bytes > max ? max : bytes;
}

/* A step that was interrupted by its time limit shows only that it was too long. So the next one takes half as much. */
static void learn_begin(messages_state *state)
{
    if (state->index_ns_per_kib == 0)
        state->index_ns_per_kib = FIRST_NS_PER_KIB;
    else if (state->index_began)
        state->index_ns_per_kib *= state->index_ns_per_kib < INT32_MAX ? 2 : 1;
    state->index_began = true;
}

static void learn_end(messages_state *state, int64_t took_ns, int64_t bytes)
{
    int64_t pace = took_ns * 1024 / (bytes > 0 ? bytes : 1);

    state->index_ns_per_kib = (3 * state->index_ns_per_kib + pace) / 4 + 1;
    state->index_began = false;
}

/* Finds the rows of one step after `id`: the last one, and their bytes. *ret_full says whether they fill a step. */
static sw_status step_end(sw_db *db, int64_t id, int64_t bytes_max, int64_t *ret_end, int64_t *ret_bytes,
                          bool *ret_full)
{
    int64_t bytes = 0, end = id, seen = 0;
    sw_rows *rows;

    SW_TRY(sizes(db, id, INDEX_ROWS, &rows));
    while (bytes < bytes_max && sw_rows_next(rows)) {
        end = sw_rows_int(rows, 0);
        bytes += sw_rows_int(rows, 1);
        seen++;
    }
    SW_TRY(sw_rows_done(rows));
    *ret_end = end;
    *ret_bytes = bytes;
    *ret_full = bytes >= bytes_max || seen == INDEX_ROWS;
    return SW_OK;
}

static sw_status index_rows(sw_tx *tx, int64_t after_id, int64_t to_id)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[INDEX], NULL, "ii", after_id, to_id));
    return sw_tx_exec(tx, &STATEMENTS[INDEX_NOTE], NULL, "i", to_id);
}

/* Rows that do not fill a step wait: a search reads them sooner than they are indexed. */
sw_status search_index_step(sw_tx *tx, bool *ret_more)
{
    messages_state *state = sw_tx_state(tx);
    sw_db *db = sw_tx_db(tx);
    int64_t indexed_to, last, last_at, none, end, bytes, began = thread_cpu_ns();
    bool full;

    learn_begin(state);
    SW_TRY(store_indexed_to(db, &indexed_to));
    SW_TRY(store_last(db, &last, &last_at));
    SW_TRY(missing(db, indexed_to, last, &none));
    SW_TRY(step_end(db, indexed_to, step_bytes(state, last - indexed_to - none), &end, &bytes, &full));
    if (full) {
        SW_TRY(index_rows(tx, indexed_to, end));
        SW_TRY(merge(tx, bytes));
        learn_end(state, thread_cpu_ns() - began, bytes);
        *ret_more = end < last;
    }
    state->index_began = false;
    return SW_OK;
}

/* ---- retention ---- */

enum {
    STEP_ROWS = 400,
    STEP_BYTES = 16 * 1024, /* of content */
    STEP_KEYS = 200,
    SAID_EVERY_MS = 60 * 1000
};

/* The id up to which rows are too many, 0 when there are not too many. The newest row always stays, so that no id is
 * given twice. */
static sw_status surplus(const sw_host *host, sw_db *db, int64_t last, int64_t *ret)
{
    int64_t keep = sw_option_int(host, "retention_count"), to = last - keep, none = 0, before = -1;

    /* Each round looks further back, by as many ids as it found to be nobody's, and ends when it finds no more. */
    while (keep > 0 && to > 0 && none != before) {
        before = none;
        SW_TRY(missing(db, to, last, &none));
        to = last - keep - none;
    }
    *ret = keep > 0 && to > 0 ? to : 0;
    return SW_OK;
}

/* Removes rows up to `to_id` from the table and from the search index. */
static sw_status remove_rows(sw_tx *tx, int64_t to_id, int64_t indexed_to, int64_t *ret_count)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[UNINDEX], NULL, "i", to_id < indexed_to ? to_id : indexed_to));
    return sw_tx_exec(tx, &STATEMENTS[REMOVE], ret_count, "i", to_id);
}

/* One line for a whole run, and one a minute at the most. */
static void say_removed(messages_state *state, int64_t count, int64_t to_id, int64_t now, bool more)
{
    state->removed += count;
    if (more || now - state->removed_said_ms < SAID_EVERY_MS)
        return;
    sw_log(state->host, SW_LOG_INFO, "retention removed %lld messages, up to id %lld", (long long)state->removed,
           (long long)to_id);
    state->removed = 0;
    state->removed_said_ms = now;
}

sw_status retention_step(sw_tx *tx, bool *ret_more)
{
    messages_state *state = sw_tx_state(tx);
    int64_t days = sw_option_int(state->host, "retention_days");
    int64_t oldest_ms = days > 0 ? sw_tx_now(tx) - days * 24 * 60 * 60 * 1000 : INT64_MIN;
    int64_t last, last_at, indexed_to, up_to, end = 0, bytes = 0, seen = 0, removed = 0;
    bool stopped = false;
    sw_rows *rows;

    SW_TRY(store_last(sw_tx_db(tx), &last, &last_at));
    SW_TRY(surplus(state->host, sw_tx_db(tx), last, &up_to));
    if (up_to == 0 && days == 0)
        return SW_OK;
    SW_TRY(store_indexed_to(sw_tx_db(tx), &indexed_to));
    SW_TRY(sizes(sw_tx_db(tx), 0, STEP_ROWS, &rows));
    while (!stopped && bytes < STEP_BYTES && sw_rows_next(rows)) {
        int64_t id = sw_rows_int(rows, 0);
        stopped = id >= last || (id > up_to && sw_rows_int(rows, 2) >= oldest_ms);
        if (!stopped) {
            end = id;
            bytes += sw_rows_int(rows, 1);
            seen++;
        }
    }
    SW_TRY(sw_rows_done(rows));
    if (end == 0)
        return SW_OK;
    SW_TRY(remove_rows(tx, end, indexed_to, &removed));
    SW_TRY(merge(tx, bytes));
    *ret_more = !stopped && (bytes >= STEP_BYTES || seen == STEP_ROWS);
    say_removed(state, removed, end, sw_tx_now(tx), *ret_more);
    return SW_OK;
}

sw_status retention_forget_keys(sw_tx *tx, bool *ret_more)
{
    int64_t before = sw_tx_now(tx) - MESSAGES_REMEMBER_MS, keys, locals;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[KEYS_FORGET], &keys, "ii", before, (int64_t)STEP_KEYS));
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[LOCALS_FORGET], &locals, "ii", before, (int64_t)STEP_KEYS));
    *ret_more = keys == STEP_KEYS || locals == STEP_KEYS;
    return SW_OK;
}

/* ---- store.reset, in the transaction of the plugin that asked for it. Ids begin at 1 again ---- */

static sw_status clear(sw_tx *tx)
{
    for (int which = CLEAR_GAPS; which <= CLEAR_LOCALS; which++)
        SW_TRY(sw_tx_exec(tx, &STATEMENTS[which], NULL, ""));
    return sw_tx_exec(tx, &STATEMENTS[INDEX_NOTE], NULL, "i", (int64_t)0);
}

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    messages_state *state = sw_tx_state(tx);

    (void)data;
    state->floor = 0;
    return clear(tx);
}
