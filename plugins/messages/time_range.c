/* `since` and `until` of a list: turns a range of time into a range of ids. On a worker, but for the note at the start.
 *
 * While one server process runs, at_ms never goes back from row to row (sw_tx_now), so the first row of a time is found
 * by bisecting ids. This takes about twenty lookups for a million rows, and needs no index on at_ms. Between two
 * processes the clock may have been set back. The first id of such a process is noted at its start, and each stretch of
 * ids between two notes is bisected by itself. */
#include "messages.h"

/* The first id in [from, to] whose row is not older than `at_ms`, or to + 1 when there is none. */
static sw_status first_not_before(sw_db *db, int64_t from, int64_t to, int64_t at_ms, int64_t *ret)
{
    int64_t low = from, high = to + 1;

    while (low < high) {
        int64_t middle = low + (high - low) / 2, id, row_at;
        SW_TRY(store_at(db, middle, &id, &row_at));
        if (id == 0 || id > to || row_at >= at_ms)
            high = middle;
        else
            low = id + 1;
    }
    *ret = low;
    return SW_OK;
}

/* Widens [*low, *high] by the rows of one stretch that are in the range of time. */
static sw_status add_stretch(sw_db *db, const message_filter *f, int64_t from, int64_t to, int64_t *low, int64_t *high)
{
    int64_t first, past;

    SW_TRY(first_not_before(db, from, to, f->since_ms, &first));
    if (f->until_ms == INT64_MAX)
        past = to + 1;
    else
        SW_TRY(first_not_before(db, from, to, f->until_ms + 1, &past));
    if (first < past) {
        *low = first < *low ? first : *low;
        *high = past - 1 > *high ? past - 1 : *high;
    }
    return SW_OK;
}

sw_status time_range_narrow(sw_db *db, message_filter *f, int64_t since_ms, int64_t until_ms)
{
    int64_t last, last_at, from = 1, low = INT64_MAX, high = 0;
    sw_rows *steps;

    f->since_ms = since_ms;
    f->until_ms = until_ms;
    SW_TRY(store_last(db, &last, &last_at));
    SW_TRY(store_clock_steps(db, &steps));
    while (sw_rows_next(steps)) {
        int64_t next = sw_rows_int(steps, 0);
        SW_TRY(add_stretch(db, f, from, next - 1, &low, &high));
        from = next;
        f->check_time = true;
    }
    SW_TRY(sw_rows_done(steps));
    SW_TRY(add_stretch(db, f, from, last, &low, &high));
    if (low > high) {
        f->before_id = f->after_id; /* no row is of that time */
        return SW_OK;
    }
    f->after_id = low - 1 > f->after_id ? low - 1 : f->after_id;
    f->before_id = high + 1 < f->before_id ? high + 1 : f->before_id;
    return SW_OK;
}

sw_status time_range_note_step(sw_tx *tx)
{
    int64_t last, last_at;

    SW_TRY(store_last(sw_tx_db(tx), &last, &last_at));
    return last > 0 && sw_tx_now(tx) < last_at ? store_clock_step_add(tx, last + 1) : SW_OK;
}
