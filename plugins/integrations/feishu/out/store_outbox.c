/* What is to be sent. A row carries its uuid from the transaction that made it: the platform sends each uuid once. */
#include "store.h"

const char SQL_OUTBOX_ADD[] =
    "INSERT INTO feishu_outbox (connector_id, kind, lane, receive_type, receive_id, reply_to, action_id, content, uuid,"
    " created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

sw_status outbox_add(sw_tx *tx, const outbox_row *row)
{
    char uuid[37];

    SW_TRY(sw_uuid(uuid));
    return EXEC(tx, ST_OUTBOX_ADD, NULL, "issssssssi", row->connector_id, row->kind, row->lane, row->receive_type,
                row->receive_id, row->reply_to, row->action_id, row->content, uuid, sw_tx_now(tx));
}

#define OUTBOX_COLUMNS                                                                                                      \
    "SELECT id, connector_id, kind, lane, receive_type, receive_id, reply_to, action_id, content, uuid, message_id, state," \
    " attempts, first_try_ms, next_ms, created_ms FROM feishu_outbox"

const char SQL_OUTBOX_DUE[] = OUTBOX_COLUMNS
    " WHERE id IN (SELECT min(id) FROM feishu_outbox WHERE state IN ('pending', 'sending') GROUP BY lane)"
    " AND state = 'pending' ORDER BY id LIMIT ?1";

sw_status outbox_due(sw_db *db, int64_t limit, sw_rows **ret)
{
    return RUN(db, ST_OUTBOX_DUE, ret, "i", limit);
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

const char SQL_OUTBOX_CLAIM[] = "UPDATE feishu_outbox SET state = 'sending', attempts = attempts + 1,"
                                " first_try_ms = CASE WHEN first_try_ms = 0 THEN ?3 ELSE first_try_ms END"
                                " WHERE id = ?1 AND uuid = ?2 AND state = 'pending'";

sw_status outbox_claim(sw_tx *tx, int64_t id, const char *uuid, bool *ret_done)
{
    int64_t changes = 0;

    SW_TRY(EXEC(tx, ST_OUTBOX_CLAIM, &changes, "isi", id, uuid, sw_tx_now(tx)));
    *ret_done = changes == 1;
    return SW_OK;
}

/* The uuid too: after a reset ids begin anew. */
const char SQL_OUTBOX_SETTLE[] =
    "UPDATE feishu_outbox SET state = ?3, next_ms = ?4, first_try_ms = CASE WHEN ?5 THEN 0 ELSE first_try_ms END,"
    " message_id = ?6, done_ms = CASE WHEN ?3 = 'pending' THEN NULL ELSE ?7 END"
    " WHERE id = ?1 AND uuid = ?2 AND state IN ('pending', 'sending')";

sw_status outbox_settle(sw_tx *tx, int64_t id, const char *uuid, const outbox_outcome *o)
{
    return EXEC(tx, ST_OUTBOX_SETTLE, NULL, "issiisi", id, uuid, o->state, o->next_ms, (int64_t)o->certain,
                o->message_id ? o->message_id : "", sw_tx_now(tx));
}

const char SQL_OUTBOX_RECOVER[] = "UPDATE feishu_outbox SET state = 'pending', next_ms = 0 WHERE state = 'sending'";

sw_status outbox_recover(sw_tx *tx)
{
    return EXEC(tx, ST_OUTBOX_RECOVER, NULL, "");
}

const char SQL_OUTBOX_CARD[] = OUTBOX_COLUMNS " WHERE action_id = ?1 AND action_id <> '' AND kind = 'card'"
                                              " ORDER BY id DESC LIMIT 1";

sw_status outbox_find_card(sw_db *db, const char *action_id, outbox_row *ret)
{
    sw_rows *rows = NULL;
    outbox_row found;

    SW_TRY(RUN(db, ST_OUTBOX_CARD, &rows, "s", action_id));
    bool any = outbox_next(rows, &found);
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

const char SQL_OUTBOX_REPLACE[] = "UPDATE feishu_outbox SET content = ?2 WHERE id = ?1";

sw_status outbox_replace(sw_tx *tx, int64_t id, const char *content)
{
    return EXEC(tx, ST_OUTBOX_REPLACE, NULL, "is", id, content);
}

const char SQL_OUTBOX_OPEN[] = "SELECT count(*) FROM feishu_outbox WHERE state IN ('pending', 'sending')";

sw_status outbox_count_open(sw_db *db, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(RUN(db, ST_OUTBOX_OPEN, &rows, ""));
    int64_t count = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = count;
    return SW_OK;
}
