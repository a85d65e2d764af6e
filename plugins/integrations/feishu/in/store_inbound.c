/* The tables of what came in, each message once, and of the threads that Feishu chats are. */
#include "in/inbound.h"

enum { ADD, OUTCOME, RATE, OF_CONVERSATION, NEWEST, THREAD_FIND, THREAD_SET };

static const sw_statement STATEMENTS[] = {
    [ADD] = {.name = "inbound_add",
             .sql = "INSERT INTO feishu_inbound (connector_id, message_id, chat_id, feishu_user_id, outcome,"
                    " raw_payload, at_ms) VALUES (?1, ?2, ?3, ?4, 'taken', ?5, ?6)"},
    [OUTCOME] = {.name = "inbound_outcome",
                 .sql = "UPDATE feishu_inbound SET outcome = ?2, conversation_id = ?3 WHERE id = ?1"},
    [RATE] = {.name = "inbound_rate",
              .sql = "SELECT count(*) FROM feishu_inbound WHERE connector_id = ?1 AND feishu_user_id = ?2"
                     " AND at_ms > ?3 AND outcome = 'accepted'"},
    [OF_CONVERSATION] = {.name = "inbound_of_conversation",
                         .sql = "SELECT chat_id, feishu_user_id, message_id FROM feishu_inbound"
                                " WHERE conversation_id = ?2 AND connector_id = ?1 AND outcome = 'accepted'"
                                " ORDER BY id DESC LIMIT 1"},
    [NEWEST] = {.name = "inbound_newest",
                .sql = "SELECT chat_id, feishu_user_id, message_id FROM feishu_inbound WHERE connector_id = ?1"
                       " AND outcome = 'accepted' ORDER BY id DESC LIMIT 1"},
    [THREAD_FIND] = {.name = "thread_find",
                     .sql = "SELECT conversation_id FROM feishu_threads WHERE chat_id = ?1 AND user_id = ?2"},
    [THREAD_SET] = {.name = "thread_set",
                    .sql = "INSERT INTO feishu_threads (chat_id, user_id, conversation_id) VALUES (?1, ?2, ?3)"
                           " ON CONFLICT (chat_id, user_id) DO UPDATE SET conversation_id = ?3"},
};

const sw_table STORE_INBOUND_STATEMENTS = SW_TABLE(STATEMENTS);

sw_status inbound_add(sw_tx *tx, int64_t connector_id, const event *e, const char *raw, size_t raw_len, int64_t *ret_id)
{
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "isssti", connector_id, e->message_id, e->chat_id,
                      event_person_id(&e->person), raw, raw_len, sw_tx_now(tx)));
    *ret_id = sw_tx_last_id(tx);
    return SW_OK;
}

sw_status inbound_outcome(sw_tx *tx, int64_t id, const char *outcome, int64_t conversation_id)
{
    return sw_tx_exec(tx, &STATEMENTS[OUTCOME], NULL, "isi", id, outcome, conversation_id);
}

sw_status inbound_rate(sw_db *db, int64_t connector_id, const char *user, int64_t since_ms, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[RATE], 0, &rows, "isi", connector_id, user, since_ms));
    int64_t count = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = count;
    return SW_OK;
}

sw_status inbound_origin(sw_db *db, int64_t connector_id, int64_t conversation_id, origin *ret)
{
    sw_rows *rows = NULL;
    origin found = {"", "", ""};

    if (conversation_id)
        SW_TRY(sw_db_query(db, &STATEMENTS[OF_CONVERSATION], 0, &rows, "ii", connector_id, conversation_id));
    else
        SW_TRY(sw_db_query(db, &STATEMENTS[NEWEST], 0, &rows, "i", connector_id));
    bool any = sw_rows_next(rows);
    if (any)
        found = (origin){sw_rows_text(rows, 0), sw_rows_text(rows, 1), sw_rows_text(rows, 2)};
    SW_TRY(sw_rows_done(rows));
    if (!any)
        return SW_NOT_FOUND;
    *ret = found;
    return SW_OK;
}

sw_status thread_find(sw_db *db, const char *chat_id, int64_t user_id, int64_t *ret)
{
    sw_rows *rows = NULL;

    SW_TRY(sw_db_query(db, &STATEMENTS[THREAD_FIND], 0, &rows, "si", chat_id, user_id));
    int64_t found = sw_rows_next(rows) ? sw_rows_int(rows, 0) : 0;
    SW_TRY(sw_rows_done(rows));
    *ret = found;
    return SW_OK;
}

sw_status thread_set(sw_tx *tx, const char *chat_id, int64_t user_id, int64_t conversation_id)
{
    return sw_tx_exec(tx, &STATEMENTS[THREAD_SET], NULL, "sii", chat_id, user_id, conversation_id);
}
