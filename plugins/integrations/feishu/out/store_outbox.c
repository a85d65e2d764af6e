/* The table of what must be sent. A row carries its uuid from the transaction that made it: the platform sends each
 * uuid once. */
#include "out/outbox.h"

#define OUTBOX_COLUMNS                                                                                                      \
    "SELECT id, connector_id, kind, lane, receive_type, receive_id, reply_to, action_id, content, uuid, message_id, state," \
    " attempts, first_try_ms, next_ms, created_ms FROM feishu_outbox"

enum { ADD, DUE, CLAIM, SETTLE, RECOVER, CARD, REPLACE, OPEN };

static const sw_statement STATEMENTS[] = {
    [ADD] = {.name = "outbox_add",
             .sql = "INSERT INTO feishu_outbox (connector_id, kind, lane, receive_type, receive_id, reply_to,"
                    " action_id, content, uuid, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
    [DUE] = {.name = "outbox_due",
             .sql = OUTBOX_COLUMNS
             " WHERE id IN (SELECT min(id) FROM feishu_outbox WHERE state IN ('pending', 'sending') GROUP BY lane)"
             " AND state = 'pending' ORDER BY id LIMIT ?1"},
    [CLAIM] = {.name = "outbox_claim",
               .sql = "UPDATE feishu_outbox SET state = 'sending', attempts = attempts + 1,"
                      " first_try_ms = CASE WHEN first_try_ms = 0 THEN ?3 ELSE first_try_ms END WHERE id = ?1"
                      " AND uuid = ?2 AND state = 'pending'"},
    /* It compares the uuid too, since ids begin anew after a reset. */
    [SETTLE] =
        {.name = "outbox_settle",
         .sql =
             "UPDATE feishu_outbox SET state = ?3, next_ms = ?4, "
             " first_try_ms = CASE WHEN ?5 THEN 0 ELSE first_try_ms END, message_id = ?6, done_ms = CASE WHEN ?3 = 'pending' THEN NULL ELSE ?7 END"
             " WHERE id = ?1 AND uuid = ?2 AND state IN ('pending', 'sending')"},
    [RECOVER] = {.name = "outbox_recover",
                 .sql = "UPDATE feishu_outbox SET state = 'pending', next_ms = 0 WHERE state = 'sending'"},
    [CARD] = {.name = "outbox_card",
              .sql = OUTBOX_COLUMNS
              " WHERE action_id = ?1 AND action_id <> '' AND kind = 'card' ORDER BY id DESC LIMIT 1"},
    [REPLACE] = {.name = "outbox_replace", .sql = "UPDATE feishu_outbox SET content = ?2 WHERE id = ?1"},
    [OPEN] = {.name = "outbox_open", .sql = "SELECT count(*) FROM feishu_outbox WHERE state IN ('pending', 'sending')"},
};

const sw_table STORE_OUTBOX_STATEMENTS = SW_TABLE(STATEMENTS);

sw_status outbox_add(sw_tx *tx, const outbox_row *row)
{
    char uuid[37];

    SW_TRY(sw_uuid(uuid));
    return sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "issssssssi", row->connector_id, row->kind, row->lane,
                      row->receive_type, row->receive_id, row->reply_to, row->action_id, row->content, uuid,
                      sw_tx_now(tx));
}

sw_status outbox_due(sw_db *db, int64_t limit, sw_rows **ret)
{
    return sw_db_query(db, &STATEMENTS[DUE], 0, ret, "i", limit);
}

bool outbox_next(sw_rows *rows, outbox_row *ret)
{
    if (!sw_rows_next(rows))
        return false;
    *ret = (outbox_row){
        .id = sw_rows_int(rows, 0),
        .connector_id = sw_rows_int(rows, 1),
        .kind = sw_rows_text(rows, 2),
        .lane = sw_rows_text(rows, 3),
        .receive_type = sw_rows_text(rows, 4),
        .receive_id = sw_rows_text(rows, 5),
        .reply_to = sw_rows_text(rows, 6),
        .action_id = sw_rows_text(rows, 7),
        .content = sw_rows_text(rows, 8),
        .uuid = sw_rows_text(rows, 9),
        .message_id = sw_rows_text(rows, 10),
        .state = sw_rows_text(rows, 11),
        .attempts = sw_rows_int(rows, 12),
        .first_try_ms = sw_rows_int(rows, 13),
        .next_ms = sw_rows_int(rows, 14),
        .created_ms = sw_rows_int(rows, 15),
    };
    return true;
}

sw_status outbox_claim(sw_tx *tx, int64_t id, const char *uuid, bool *ret_done)
{
    int64_t changes = 0;

    SW_TRY(sw_tx_exec(tx, &STATEMENTS[CLAIM], &changes, "isi", id, uuid, sw_tx_now(tx)));
    *ret_done = changes == 1;
    return SW_OK;
}

sw_status outbox_settle(sw_tx *tx, int64_t id, const char *uuid, const outbox_outcome *o)
{
    return sw_tx_exec(tx, &STATEMENTS[SETTLE], NULL, "issiisi", id, uuid, o->state, o->next_ms, (int64_t)o->certain,
                      o->message_id ? o->message_id : "", sw_tx_now(tx));
}

sw_status outbox_recover(sw_tx *tx)
{
    return sw_tx_exec(tx, &STATEMENTS[RECOVER], NULL, "");
}

sw_status outbox_find_card(sw_db *db, const char *action_id, outbox_row *ret)
{
    sw_rows *rows = NULL;
    outbox_row found;

    SW_TRY(sw_db_query(db, &STATEMENTS[CARD], 0, &rows, "s", action_id));
    bool any = outbox_next(rows, &found);
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

sw_status outbox_replace(sw_tx *tx, int64_t id, const char *content)
{
    return sw_tx_exec(tx, &STATEMENTS[REPLACE], NULL, "is", id, content);
}

sw_status outbox_count_open(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[OPEN], 0, &rows, ""));
    int64_t count = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = count;
    return SW_OK;
}
