/* What is removed with time: messages that are too old or too many, and keys and local_ids that are older than a day.
 * These are housekeeping steps on the writer, each of a few milliseconds. */
#include "messages.h"

enum {
    STEP_ROWS = 400,
    STEP_BYTES = 16 * 1024, /* of content */
    STEP_KEYS = 200
};

/* The id up to which rows are too many, 0 when there are not too many. The newest row always stays, so that no id is
 * given twice. */
static int64_t surplus(const sw_host *host, int64_t last)
{
    int64_t keep = sw_option_int(host, "retention_count");

    return keep > 0 && last > keep ? last - keep : 0;
}

sw_status retention_step(sw_tx *tx, bool *ret_more)
{
    const messages_state *state = sw_tx_state(tx);
    int64_t days = sw_option_int(state->host, "retention_days");
    int64_t oldest_ms = days > 0 ? sw_tx_now(tx) - days * 24 * 60 * 60 * 1000 : INT64_MIN;
    int64_t last, last_at, indexed_to, end = 0, bytes = 0, seen = 0;
    bool stopped = false;
    sw_rows *rows;

    SW_TRY(store_last(sw_tx_db(tx), &last, &last_at));
    int64_t up_to = surplus(state->host, last);
    if (up_to == 0 && days == 0)
        return SW_OK;
    SW_TRY(store_indexed_to(sw_tx_db(tx), &indexed_to));
    SW_TRY(store_sizes(sw_tx_db(tx), 0, STEP_ROWS, &rows));
    while (!stopped && bytes < STEP_BYTES && sw_rows_next(rows)) {
        int64_t id = sw_rows_int(rows, 0);
        stopped = id >= last || (id > up_to && sw_rows_int(rows, 2) >= oldest_ms);
        if (!stopped) {
            end = id;
            bytes += sw_rows_int(rows, 1);
            seen++;
        }
    }
    SW_TRY(sw_rows_done(rows));
    if (end == 0)
        return SW_OK;
    SW_TRY(store_remove(tx, end, indexed_to));
    SW_TRY(store_merge(tx, bytes));
    *ret_more = !stopped && (bytes >= STEP_BYTES || seen == STEP_ROWS);
    return SW_OK;
}

sw_status retention_forget_keys(sw_tx *tx, bool *ret_more)
{
    return store_forget(tx, STEP_KEYS, ret_more);
}
