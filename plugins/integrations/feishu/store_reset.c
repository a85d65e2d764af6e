/* store.reset, in the transaction of the reset: all rows go, and with the connector the connection. */
#include "feishu.h"

static const sw_statement STATEMENTS[] = {
    {.name = "clear_connectors", .sql = "DELETE FROM feishu_connectors"},
    {.name = "clear_logs", .sql = "DELETE FROM feishu_logs"},
    {.name = "clear_inbound", .sql = "DELETE FROM feishu_inbound"},
    {.name = "clear_threads", .sql = "DELETE FROM feishu_threads"},
    {.name = "clear_outbox", .sql = "DELETE FROM feishu_outbox"},
    {.name = "clear_ids",
     .sql = "DELETE FROM sqlite_sequence"
            " WHERE name IN ('feishu_connectors', 'feishu_logs', 'feishu_inbound', 'feishu_outbox')"},
};

const sw_table STORE_RESET_STATEMENTS = SW_TABLE(STATEMENTS);

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    (void)data;
    for (size_t i = 0; i < sizeof STATEMENTS / sizeof STATEMENTS[0]; i++)
        SW_TRY(sw_tx_exec(tx, &STATEMENTS[i], NULL, ""));
    supervise_changed_later(tx);
    return SW_OK;
}
