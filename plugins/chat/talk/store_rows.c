/* Stored frames: adding one, reading one, finding a repeat, and the highest id. Reading works on any connection,
 * writing in a write step. */
#include "approvals/approvals.h"

#include <string.h>

enum { ROW_ADD, ROW_GET, ROW_BY_LOCAL_ID, LAST_ID };

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
    [ROW_BY_LOCAL_ID] = {.name = "row_by_local_id",
                         .sql = "SELECT id, at_ms, asked_conversation, conversation_id, digest FROM chat"
                                " WHERE sender_id = ?1 AND local_id = ?2 ORDER BY id DESC LIMIT ?3"},
    [LAST_ID] = {.name = "last_id", .sql = "SELECT seq FROM sqlite_sequence WHERE name = 'chat'"},
};

const sw_table ROW_STATEMENTS = SW_TABLE(STATEMENTS);

sw_status row_add(sw_tx *tx, chat_row *row)
{
    bool human = role_human(sw_role_of(row->sender_role));
    int64_t low = row->sender_id < row->receiver_id ? row->sender_id : row->receiver_id;
    int64_t high = row->sender_id < row->receiver_id ? row->receiver_id : row->sender_id;
    int64_t inbox = row->recovered ? row->receiver_id : -1;
    int64_t own = human && row->receiver_id != 0 && row->receiver_id != row->sender_id ? row->sender_id : 0;

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

sw_status rows_by_local_id(sw_db *db, int64_t sender_id, sw_str local_id, const uint8_t digest[32], int64_t since_ms,
                           repeat_row *ret, size_t max, size_t *ret_count)
{
    sw_rows *rows = NULL;
    size_t count = 0;

    SW_TRY(sw_db_query(db, &STATEMENTS[ROW_BY_LOCAL_ID], 0, &rows, "iti", sender_id, local_id.at, local_id.len,
                       (int64_t)max));
    while (count < max && sw_rows_next(rows) && sw_rows_int(rows, 1) > since_ms) {
        sw_str stored = sw_rows_view(rows, 4);
        ret[count++] = (repeat_row){
            .id = sw_rows_int(rows, 0),
            .at_ms = sw_rows_int(rows, 1),
            .asked_conversation = sw_rows_int(rows, 2),
            .conversation_id = sw_rows_int(rows, 3),
            .same = stored.len == 32 && memcmp(stored.at, digest, 32) == 0,
        };
    }
    SW_TRY(sw_rows_done(rows));
    *ret_count = count;
    return SW_OK;
}

sw_status chat_last_id(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[LAST_ID], 0, &rows, ""));
    int64_t last = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = last;
    return SW_OK;
}
