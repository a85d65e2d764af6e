/* Housekeeping: rows that have had their time. */
#include "store.h"

enum { INBOUND_LEAST_MS = 8 * 3600 * 1000 }; /* the platform repeats events for seven hours */

sw_status upkeep_step(sw_tx *tx, bool *ret_more)
{
    feishu *f = sw_tx_state(tx);
    int64_t now = sw_tx_now(tx), keep = sw_option_int(f->host, "retention"),
            logs = sw_option_int(f->host, "log_retention");

    if (keep < INBOUND_LEAST_MS)
        keep = INBOUND_LEAST_MS;
    return store_prune(tx, now - keep, now - logs, ret_more);
}
