/* Housekeeping, on the writer: rows that are too old are removed, some at a time. */
#include "feishu.h"

enum { LOGS, INBOUND, OUTBOX };

static const sw_statement STATEMENTS[] = {
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

const sw_table STORE_RETENTION_STATEMENTS = SW_TABLE(STATEMENTS);

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
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[INBOUND], &inbound, "ii", now - keep, (int64_t)AT_ONCE));
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[LOGS], &logs, "ii", now - keep_logs, (int64_t)AT_ONCE));
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[OUTBOX], &outbox, "ii", now - keep, (int64_t)AT_ONCE));
    *ret_more = inbound == AT_ONCE || logs == AT_ONCE || outbox == AT_ONCE;
    return SW_OK;
}
