/* The rule of repeats: (sender, local_id) within 24 hours with the same type, target, conversation and payload is the
 * same frame. With another content it is a mistake, unless the socket opened after the first one was stored: some
 * agents count 1, 2, 3 in every run. In a write step. */
#include "talk/talk.h"

#include <string.h>

/* How many rows of one number are compared: an agent that restarts many times a day uses the same numbers again. */
enum { LOOK_BACK = 64 };

/* What a repeat is compared with. */
typedef struct {
    int64_t id, at_ms, asked_conversation, conversation_id;
    bool same; /* type, receiver and payload are those of the digest */
} repeat_row;

enum { ROW_BY_LOCAL_ID };

static const sw_statement STATEMENTS[] = {
    [ROW_BY_LOCAL_ID] = {.name = "row_by_local_id",
                         .sql = "SELECT id, at_ms, asked_conversation, conversation_id, digest FROM chat"
                                " WHERE sender_id = ?1 AND local_id = ?2 ORDER BY id DESC LIMIT ?3"},
};

const sw_table REPEAT_STATEMENTS = SW_TABLE(STATEMENTS);

/* The latest rows of (sender, local_id) since `since_ms`, newest first: at most `max`. */
static sw_status rows_by_local_id(sw_db *db, int64_t sender_id, sw_str local_id, const uint8_t digest[32],
                                  int64_t since_ms, repeat_row *ret, size_t max, size_t *ret_count)
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

static sw_status digest_of(sw_tx *tx, const posting *p, const char *type, uint8_t out[32])
{
    char *text = sw_tx_alloc(tx, 1, p->payload.len + 64);
    char *at = text;
    uint64_t target = (uint64_t)p->envelope.target_id;

    if (!text)
        return SW_NO_MEMORY;
    size_t len = strlen(type) + 1;
    memcpy(at, type, len);
    at += len;
    for (int i = 0; i < 8; i++)
        *at++ = (char)(unsigned char)(target >> (8 * i));
    if (p->payload.len)
        memcpy(at, p->payload.at, p->payload.len);
    at += p->payload.len;
    sw_sha256(text, (size_t)(at - text), out);
    return SW_OK;
}

/* An exact repeat names the same conversation as then, or the one that the server had chosen. */
static bool same_conversation(const repeat_row *row, int64_t asked)
{
    return asked == row->asked_conversation || (asked && asked == row->conversation_id);
}

sw_status repeat_find(sw_tx *tx, posting *p, const char *type, uint8_t ret_digest[32], int64_t *ret_first_id)
{
    repeat_row rows[LOOK_BACK];
    size_t count = 0;
    bool reused = false;

    *ret_first_id = 0;
    SW_TRY(digest_of(tx, p, type, ret_digest));
    SW_TRY(rows_by_local_id(sw_tx_db(tx), p->envelope.sender_id, p->local_id, ret_digest,
                            sw_tx_now(tx) - CHAT_REPEAT_MS, rows, LOOK_BACK, &count));
    for (size_t i = 0; i < count; i++) {
        if (rows[i].same && same_conversation(&rows[i], p->envelope.asked)) {
            *ret_first_id = rows[i].id;
            return SW_OK;
        }
        if (!p->opened_ms || rows[i].at_ms >= p->opened_ms)
            reused = true;
    }
    if (reused)
        p->fault = FAULT_LOCAL_ID_REUSED;
    return SW_OK;
}

sw_status repeat_answer(sw_tx *tx, posting *p, int64_t first_id)
{
    chat_row row;

    SW_TRY(row_get(sw_tx_db(tx), first_id, &row));
    p->id = row.id;
    p->at_ms = row.at_ms;
    if (!p->by_frame)
        return SW_OK;
    if (role_human(p->envelope.sender_role) && strcmp(row.type, TYPE_CHAT) == 0) {
        sw_frame *echo = sw_frame_new_tx(tx);
        if (!echo)
            return SW_NO_MEMORY;
        frame_write_row(sw_frame_json(echo), &row, sw_steady_ms(sw_tx_host(tx)));
        sw_tx_send_origin(tx, echo);
    }
    sw_tx_ack(tx, row.id, row.at_ms);
    return SW_OK;
}
