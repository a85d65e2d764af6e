/* Housekeeping between the writer's batches: the search index, retention, forgotten keys.
 *
 * A step is measured in bytes of content: indexing costs some 40 us for 200 bytes, and each statement that writes to the
 * index writes a segment, so that steps must be neither long nor many. */
#include "messages.h"
#include "store.h"

enum {
    STEP_ROWS = 400,
    STEP_BYTES = 20 * 1024,        /* about 100 messages, 3 ms                        */
    CATCH_UP_BYTES = 64 * 1024,    /* with CATCH_UP_ROWS and more waiting             */
    CATCH_UP_ROWS = 4096,
    MERGE_PAGES = 24,              /* merging that a step owes for what it adds       */
    CATCH_UP_PAGES = 72,
    FORGET_ROWS = 200
};

/* ---- the search index ---- */

/* The last row of a step's worth after `id`; *ret_full: there are enough for a step. */
static sw_status step_end(sw_db *db, int64_t id, int64_t bytes_max, int64_t *ret_end, bool *ret_full)
{
    int64_t bytes = 0, end = id, rows_seen = 0;
    sw_rows *rows;

    SW_TRY(store_sizes(db, id, STEP_ROWS, &rows));
    while (bytes < bytes_max && sw_rows_next(rows)) {
        end = sw_rows_int(rows, 0);
        bytes += sw_rows_int(rows, 1);
        rows_seen++;
    }
    SW_TRY(sw_rows_done(rows));
    *ret_end = end;
    *ret_full = bytes >= bytes_max || rows_seen == STEP_ROWS;
    return SW_OK;
}

/* Less than a step's worth waits: a search reads it sooner than it is indexed. */
sw_status upkeep_index(sw_tx *tx, bool *ret_more)
{
    sw_db *db = sw_tx_db(tx);
    int64_t indexed_to, last, last_at, end;
    bool full;

    SW_TRY(store_indexed_to(db, &indexed_to));
    SW_TRY(store_last(db, &last, &last_at));
    bool behind = last - indexed_to > CATCH_UP_ROWS;
    SW_TRY(step_end(db, indexed_to, behind ? CATCH_UP_BYTES : STEP_BYTES, &end, &full));
    if (!full)
        return SW_OK;
    SW_TRY(store_index(tx, indexed_to, end));
    SW_TRY(store_merge(tx, behind ? CATCH_UP_PAGES : MERGE_PAGES));
    *ret_more = end < last;
    return SW_OK;
}

/* ---- retention ---- */

/* The id up to which rows are too many; the newest row stays in any case, so that no id is given twice. */
static int64_t surplus(const sw_host *host, int64_t last)
{
    int64_t keep = sw_option_int(host, "retention_count");

    return keep > 0 && last > keep ? last - keep : 0;
}

sw_status upkeep_retention(sw_tx *tx, bool *ret_more)
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
    SW_TRY(store_merge(tx, MERGE_PAGES));
    *ret_more = !stopped && (bytes >= STEP_BYTES || seen == STEP_ROWS);
    return SW_OK;
}

/* ---- keys and local_ids ---- */

sw_status upkeep_expiry(sw_tx *tx, bool *ret_more)
{
    return store_forget(tx, FORGET_ROWS, ret_more);
}
