/* Retention: rows older than retention_days, and those beyond the newest retention_count; both off by default. The
 * oldest go first, a few at a time, and how far it went is remembered for recoveries. Rows of the last day stay:
 * repeats are recognised by them. Approvals stay: they are the record of who allowed what. */
#include "store.h"

enum { AT_ONCE = 100 };

sw_status retention_prune(sw_tx *tx, bool *ret_more)
{
    const chat *c = sw_tx_state(tx);
    int64_t days = sw_option_int(c->host, "retention_days"), keep = sw_option_int(c->host, "retention_count");
    int64_t now = sw_tx_now(tx), newest = 0, to = 0, count = 0;

    *ret_more = false;
    if (!days && !keep)
        return SW_OK;
    if (keep)
        SW_TRY(chat_newest_id(sw_tx_db(tx), &newest));
    int64_t before_ms = days ? now - days * CHAT_REPEAT_MS : INT64_MIN;
    int64_t up_to_id = keep ? newest - keep : 0;
    SW_TRY(chat_prunable(sw_tx_db(tx), AT_ONCE, before_ms, up_to_id, now - CHAT_REPEAT_MS, &to, &count));
    if (!to)
        return SW_OK;
    SW_TRY(chat_prune(tx, to));
    *ret_more = count == AT_ONCE;
    return SW_OK;
}
