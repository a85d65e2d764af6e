/* Stored frames: adding a row, reading one, the frame that it is, and removing the oldest. Reading works on any
 * connection, writing in a write step.
 *
 * Frames are the same text live and replayed: "type" first, then the members in the order of the contract. */
#include "approvals/approvals.h"

#include <string.h>

enum { ROW_ADD, ROW_GET, LAST_ID, PRUNED_TO, IN_GAP, MISSING, OLDEST, NEWEST_ID, PRUNE_ROWS, PRUNE_NOTE };

static const sw_statement STATEMENTS[] = {
    [ROW_ADD] = {.name = "row_add",
                 .sql = "INSERT INTO chat (local_id, type, sender_id, sender_name, sender_role, receiver_id,"
                        " conversation_id, asked_conversation, pair_low, pair_high, inbox_id, own_id, payload, source,"
                        " stream_id, approval_id, digest, at_ms)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, 0), ?8, ?9, ?10, nullif(?11, -1), nullif(?12, 0),"
                        " ?13, ?14, ?15, nullif(?16, 0), ?17, ?18)"},
    [ROW_GET] = {.name = "row_get",
                 .sql =
                     "SELECT c.id, c.local_id, c.type, c.sender_id, c.sender_name, c.sender_role, c.receiver_id,"
                     " c.conversation_id, c.payload, c.source, c.stream_id, c.approval_id, c.at_ms, " APPROVAL_COLUMNS
                     " FROM chat c LEFT JOIN chat_approvals a ON a.id = c.approval_id WHERE c.id = ?1"},
    [LAST_ID] = {.name = "last_id", .sql = "SELECT seq FROM sqlite_sequence WHERE name = 'chat'"},
    [PRUNED_TO] = {.name = "pruned_to", .sql = "SELECT pruned_to FROM chat_pruned WHERE one = 1"},
    [IN_GAP] = {.name = "in_gap",
                .sql = "SELECT count(*) FROM steward_gaps WHERE name = 'chat' AND ?1 > after_id AND ?1 <= to_id"},
    [MISSING] = {.name = "missing",
                 .sql = "SELECT coalesce(sum(min(to_id + 1, ?2) - after_id), 0) FROM steward_gaps"
                        " WHERE name = 'chat' AND after_id < ?2 AND to_id > ?1"},
    [OLDEST] = {.name = "oldest", .sql = "SELECT id, at_ms FROM chat WHERE id > 0 ORDER BY id LIMIT ?1"},
    [NEWEST_ID] = {.name = "newest_id", .sql = "SELECT id FROM chat WHERE id > 0 ORDER BY id DESC LIMIT 1"},
    [PRUNE_ROWS] = {.name = "prune_rows", .sql = "DELETE FROM chat WHERE id <= ?1"},
    [PRUNE_NOTE] =
        {.name = "prune_note",
         .sql =
             "INSERT INTO chat_pruned (one, pruned_to) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET pruned_to = ?1"},
};

const sw_table ROW_STATEMENTS = SW_TABLE(STATEMENTS);

/* Beside the ids of users and 0, which is everybody's. An agent's words to every human are for no other agent. */
enum { INBOX_NOBODY = -1, INBOX_HUMANS = -2 };

sw_status row_add(sw_tx *tx, chat_row *row)
{
    bool human = role_human(sw_role_of(row->sender_role));
    int64_t low = row->sender_id < row->receiver_id ? row->sender_id : row->receiver_id;
    int64_t high = row->sender_id < row->receiver_id ? row->receiver_id : row->sender_id;
    int64_t inbox = row->recovered ? row->receiver_id : INBOX_NOBODY;
    int64_t own = human && row->receiver_id != 0 && row->receiver_id != row->sender_id ? row->sender_id : 0;

    if (inbox == 0 && sw_role_of(row->sender_role) == SW_ROLE_AGENT)
        inbox = INBOX_HUMANS;
    row->at_ms = sw_tx_now(tx);
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[ROW_ADD], NULL, "tsissiiiiiiitttibi", row->local_id.at, row->local_id.len,
                      row->type, row->sender_id, row->sender_name, row->sender_role, row->receiver_id,
                      row->conversation_id, row->asked_conversation, low, high, inbox, own, row->payload.at,
                      row->payload.len, row->source.at, row->source.len, row->stream_id.at, row->stream_id.len,
                      row->approval_id, (const void *)row->digest, row->digest ? (size_t)32 : (size_t)0, row->at_ms));
    row->id = sw_tx_last_id(tx);
    return SW_OK;
}

enum { ROW_APPROVAL = 13 };

/* A copy that outlives the query. false when there is no memory. */
static bool kept(sw_db *db, const sw_rows *rows, int column, sw_str *ret)
{
    sw_str view = sw_rows_view(rows, column);
    *ret = (sw_str){NULL, 0};
    if (!view.at)
        return true;
    char *copy = sw_db_alloc(db, 1, view.len + 1);
    if (!copy)
        return false;
    memcpy(copy, view.at, view.len);
    *ret = (sw_str){copy, view.len};
    return true;
}

static sw_status row_read(sw_db *db, const sw_rows *rows, chat_row *ret)
{
    chat_row row = {
        .id = sw_rows_int(rows, 0),
        .type = sw_rows_text(rows, 2),
        .sender_id = sw_rows_int(rows, 3),
        .sender_name = sw_rows_text(rows, 4),
        .sender_role = sw_rows_text(rows, 5),
        .receiver_id = sw_rows_int(rows, 6),
        .conversation_id = sw_rows_int(rows, 7),
        .approval_id = sw_rows_int(rows, 11),
        .at_ms = sw_rows_int(rows, 12),
    };
    if (!kept(db, rows, 1, &row.local_id) || !kept(db, rows, 8, &row.payload) || !kept(db, rows, 9, &row.source) ||
        !kept(db, rows, 10, &row.stream_id))
        return SW_NO_MEMORY;
    if (!sw_rows_null(rows, ROW_APPROVAL)) {
        approval *a = sw_db_alloc(db, 1, sizeof *a);
        if (!a)
            return SW_NO_MEMORY;
        approval_read(rows, ROW_APPROVAL, a);
        row.approval = a;
    }
    *ret = row;
    return SW_OK;
}

sw_status row_get(sw_db *db, int64_t id, chat_row *ret)
{
    sw_rows *rows = NULL;
    chat_row row;

    SW_TRY(sw_db_query(db, &STATEMENTS[ROW_GET], 0, &rows, "i", id));
    bool found = sw_rows_next(rows);
    if (found)
        SW_TRY(row_read(db, rows, &row));
    SW_TRY(sw_rows_done(rows));
    if (!found)
        return SW_NOT_FOUND;
    *ret = row;
    return SW_OK;
}

/* ---- a row as a frame ---- */

static void write_raw(sw_json *out, const char *key, sw_str raw)
{
    if (raw.at)
        sw_json_raw(out, key, raw.at, raw.len);
}

static void write_id(sw_json *out, const char *key, int64_t id)
{
    if (id)
        sw_json_int(out, key, id);
}

void frame_write_sender(sw_json *out, int64_t id, const char *name, const char *role)
{
    sw_json_int(out, "sender_id", id);
    sw_json_text(out, "sender_name", name);
    sw_json_text(out, "sender_role", role);
}

void frame_write_chat(sw_json *out, const chat_row *row)
{
    sw_json_text(out, "type", row->type);
    write_id(out, "id", row->id);
    if (row->local_id.at)
        sw_json_textn(out, "local_id", row->local_id.at, row->local_id.len);
    frame_write_sender(out, row->sender_id, row->sender_name, row->sender_role);
    write_id(out, "target_id", row->receiver_id);
    write_id(out, "conversation_id", row->conversation_id);
    write_raw(out, "payload", row->payload);
    write_raw(out, "source", row->source);
    sw_json_time(out, "timestamp", row->at_ms);
    write_raw(out, "stream_id", row->stream_id);
}

void frame_write_row(sw_json *out, const chat_row *row, int64_t steady_ms)
{
    if (row->approval && strcmp(row->type, TYPE_REQUEST) == 0)
        frame_write_request(out, row->approval, row->conversation_id, steady_ms);
    else if (row->approval && strcmp(row->type, TYPE_RESPONSE) == 0)
        frame_write_response(out, row->approval);
    else
        frame_write_chat(out, row);
}

/* ---- how far the table goes ---- */

/* The only number of a query; 0 when there is no row. */
static sw_status number(sw_status begun, sw_rows *rows, int64_t *ret)
{
    SW_TRY(begun);
    int64_t value = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = value;
    return SW_OK;
}

sw_status chat_last_id(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[LAST_ID], 0, &rows, "");
    return number(begun, rows, ret);
}

sw_status retention_pruned_to(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[PRUNED_TO], 0, &rows, "");
    return number(begun, rows, ret);
}

sw_status chat_complete_since(sw_db *db, int64_t after, bool *ret)
{
    sw_rows *rows = NULL;
    int64_t pruned_to = 0, gaps = 0;

    SW_TRY(retention_pruned_to(db, &pruned_to));
    sw_status begun = sw_db_query(db, &STATEMENTS[IN_GAP], 0, &rows, "i", after);
    SW_TRY(number(begun, rows, &gaps));
    *ret = pruned_to <= after && gaps == 0;
    return SW_OK;
}

static sw_status newest_id(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;
    sw_status begun = sw_db_query(db, &STATEMENTS[NEWEST_ID], 0, &rows, "");
    return number(begun, rows, ret);
}

/* ---- retention ----
 *
 * Removes rows older than retention_days, and those beyond the newest retention_count; both are off by default. The
 * oldest go first, a few in each housekeeping step, and how far it went is remembered for recoveries. Rows of the last
 * day stay, because repeats are recognised by them. Approvals stay, because they are the record of who allowed what. */

enum { AT_ONCE = 100, SAID_EVERY_MS = 60 * 1000 };

/* The last id of the oldest `limit` rows that are older than `before_ms` or up to `up_to_id`; 0 when there is none.
 * Never one younger than `keep_ms`. */
static sw_status prunable(sw_db *db, int64_t limit, int64_t before_ms, int64_t up_to_id, int64_t keep_ms, int64_t *ret,
                          int64_t *ret_count)
{
    sw_rows *rows = NULL;
    int64_t last = 0, count = 0;

    SW_TRY(sw_db_query(db, &STATEMENTS[OLDEST], 0, &rows, "i", limit));
    while (sw_rows_next(rows)) {
        int64_t id = sw_rows_int(rows, 0), at_ms = sw_rows_int(rows, 1);
        if (at_ms >= keep_ms || (at_ms >= before_ms && id > up_to_id))
            break;
        last = id;
        count++;
    }
    SW_TRY(sw_rows_done(rows));
    *ret = last;
    *ret_count = count;
    return SW_OK;
}

/* The id up to which rows are too many; 0 or less when there are not too many. Ids that were given before a restore are
 * nobody's: each round looks further back, by as many as it found. */
static sw_status surplus(sw_db *db, int64_t newest, int64_t keep, int64_t *ret)
{
    int64_t to = newest - keep, none = 0, before = -1;

    while (to > 0 && none != before) {
        sw_rows *rows = NULL;
        before = none;
        sw_status begun = sw_db_query(db, &STATEMENTS[MISSING], 0, &rows, "ii", to, newest);
        SW_TRY(number(begun, rows, &none));
        to = newest - keep - none;
    }
    *ret = to;
    return SW_OK;
}

static sw_status prune(sw_tx *tx, int64_t to, int64_t *ret_count)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[PRUNE_ROWS], ret_count, "i", to));
    SW_TRY(copies_prune(tx, to));
    return sw_tx_exec(tx, &STATEMENTS[PRUNE_NOTE], NULL, "i", to);
}

/* One line for a whole run, and one a minute at the most. */
static void say_removed(chat *c, int64_t count, int64_t to, int64_t now, bool more)
{
    c->removed += count;
    if (more || now - c->removed_said_ms < SAID_EVERY_MS)
        return;
    sw_log(c->host, SW_LOG_INFO, "retention removed %lld stored frames, up to id %lld", (long long)c->removed,
           (long long)to);
    c->removed = 0;
    c->removed_said_ms = now;
}

sw_status retention_prune(sw_tx *tx, bool *ret_more)
{
    chat *c = sw_tx_state(tx);
    int64_t days = sw_option_int(c->host, "retention_days"), keep = sw_option_int(c->host, "retention_count");
    int64_t now = sw_tx_now(tx), newest = 0, up_to_id = 0, to = 0, count = 0, removed = 0;

    *ret_more = false;
    if (!days && !keep)
        return SW_OK;
    if (keep) {
        SW_TRY(newest_id(sw_tx_db(tx), &newest));
        SW_TRY(surplus(sw_tx_db(tx), newest, keep, &up_to_id));
    }
    int64_t before_ms = days ? now - days * CHAT_REPEAT_MS : INT64_MIN;
    SW_TRY(prunable(sw_tx_db(tx), AT_ONCE, before_ms, up_to_id, now - CHAT_REPEAT_MS, &to, &count));
    if (!to)
        return SW_OK;
    SW_TRY(prune(tx, to, &removed));
    *ret_more = count == AT_ONCE;
    say_removed(c, removed, to, now, *ret_more);
    return SW_OK;
}
