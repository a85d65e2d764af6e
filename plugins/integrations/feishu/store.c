/* The end of rows, on the writer: housekeeping removes those that are too old, some at a time, and a reset removes all
 * of them. */
#include "feishu.h"

/* ---- retention ---- */

enum { LOGS, INBOUND, OUTBOX };

static const sw_statement RETENTION[] = {
    [LOGS] = {.name = "log_prune",
              .sql = "DELETE FROM feishu_logs WHERE id IN (SELECT id FROM feishu_logs ORDER BY id LIMIT ?2)"
                     " AND at_ms < ?1"},
    [INBOUND] = {.name = "inbound_prune",
                 .sql = "DELETE FROM feishu_inbound WHERE id IN (SELECT id FROM feishu_inbound ORDER BY id LIMIT ?2)"
                        " AND at_ms < ?1"},
    [OUTBOX] = {.name = "outbox_prune",
                .sql = "DELETE FROM feishu_outbox WHERE id IN (SELECT id FROM feishu_outbox WHERE done_ms < ?1"
                       " ORDER BY done_ms LIMIT ?2)"},
};

const sw_table RETENTION_STATEMENTS = SW_TABLE(RETENTION);

enum {
    AT_ONCE = 200,
    INBOUND_LEAST_MS = 8 * 3600 * 1000 /* the platform repeats events for seven hours */
};

sw_status retention_step(sw_tx *tx, bool *ret_more)
{
    feishu *f = sw_tx_state(tx);
    int64_t now = sw_tx_now(tx), keep = sw_option_int(f->host, "retention"),
            keep_logs = sw_option_int(f->host, "log_retention");
    int64_t inbound = 0, logs = 0, outbox = 0;

    if (keep < INBOUND_LEAST_MS)
        keep = INBOUND_LEAST_MS;
    SW_TRY(sw_tx_exec(tx, &RETENTION[INBOUND], &inbound, "ii", now - keep, (int64_t)AT_ONCE));
    SW_TRY(sw_tx_exec(tx, &RETENTION[LOGS], &logs, "ii", now - keep_logs, (int64_t)AT_ONCE));
    SW_TRY(sw_tx_exec(tx, &RETENTION[OUTBOX], &outbox, "ii", now - keep, (int64_t)AT_ONCE));
    *ret_more = inbound == AT_ONCE || logs == AT_ONCE || outbox == AT_ONCE;
    f->removed += inbound + logs + outbox;
    if (!*ret_more && f->removed > 0) {
        sw_log(f->host, SW_LOG_INFO, "retention removed %lld rows of events, sent messages and logs",
               (long long)f->removed);
        f->removed = 0;
    }
    return SW_OK;
}

/* ---- store.reset, in its transaction: with the connector goes the connection ---- */

static const sw_statement RESET[] = {
    {.name = "clear_connectors", .sql = "DELETE FROM feishu_connectors"},
    {.name = "clear_logs", .sql = "DELETE FROM feishu_logs"},
    {.name = "clear_inbound", .sql = "DELETE FROM feishu_inbound"},
    {.name = "clear_threads", .sql = "DELETE FROM feishu_threads"},
    {.name = "clear_outbox", .sql = "DELETE FROM feishu_outbox"},
    {.name = "clear_ids",
     .sql = "DELETE FROM sqlite_sequence"
            " WHERE name IN ('feishu_connectors', 'feishu_logs', 'feishu_inbound', 'feishu_outbox')"},
};

const sw_table RESET_STATEMENTS = SW_TABLE(RESET);

sw_status on_store_reset(sw_tx *tx, const void *data)
{
    (void)data;
    for (size_t i = 0; i < sizeof RESET / sizeof RESET[0]; i++)
        SW_TRY(sw_tx_exec(tx, &RESET[i], NULL, ""));
    supervise_changed_later(tx);
    return SW_OK;
}
