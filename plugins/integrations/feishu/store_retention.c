/* Rows that have had their time, and all rows. */
#include "store.h"

enum { AT_ONCE = 200 };

const char SQL_LOG_PRUNE[] =
    "DELETE FROM feishu_logs WHERE id IN (SELECT id FROM feishu_logs ORDER BY id LIMIT ?2) AND at_ms < ?1";
const char SQL_INBOUND_PRUNE[] =
    "DELETE FROM feishu_inbound WHERE id IN (SELECT id FROM feishu_inbound ORDER BY id LIMIT ?2) AND at_ms < ?1";
const char SQL_OUTBOX_PRUNE[] =
    "DELETE FROM feishu_outbox WHERE id IN (SELECT id FROM feishu_outbox WHERE done_ms < ?1 ORDER BY done_ms LIMIT ?2)";

sw_status store_prune(sw_tx *tx, int64_t inbound_before_ms, int64_t logs_before_ms, bool *ret_more)
{
    int64_t inbound = 0, logs = 0, outbox = 0;

    SW_TRY(EXEC(tx, ST_INBOUND_PRUNE, &inbound, "ii", inbound_before_ms, (int64_t)AT_ONCE));
    SW_TRY(EXEC(tx, ST_LOG_PRUNE, &logs, "ii", logs_before_ms, (int64_t)AT_ONCE));
    SW_TRY(EXEC(tx, ST_OUTBOX_PRUNE, &outbox, "ii", inbound_before_ms, (int64_t)AT_ONCE));
    *ret_more = inbound == AT_ONCE || logs == AT_ONCE || outbox == AT_ONCE;
    return SW_OK;
}

const char SQL_CLEAR_CONNECTORS[] = "DELETE FROM feishu_connectors";
const char SQL_CLEAR_LOGS[] = "DELETE FROM feishu_logs";
const char SQL_CLEAR_INBOUND[] = "DELETE FROM feishu_inbound";
const char SQL_CLEAR_THREADS[] = "DELETE FROM feishu_threads";
const char SQL_CLEAR_OUTBOX[] = "DELETE FROM feishu_outbox";
const char SQL_CLEAR_IDS[] = "DELETE FROM sqlite_sequence WHERE name IN"
                             " ('feishu_connectors', 'feishu_logs', 'feishu_inbound', 'feishu_outbox')";

sw_status store_clear(sw_tx *tx)
{
    for (int which = ST_CLEAR_CONNECTORS; which <= ST_CLEAR_IDS; which++)
        SW_TRY(EXEC(tx, which, NULL, ""));
    return SW_OK;
}
