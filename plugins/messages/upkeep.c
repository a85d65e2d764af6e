/* Housekeeping between the writer's batches: the search index, retention, forgotten keys.
 *
 * Indexing costs some 40 us for 200 bytes of content, and each statement that writes to the index writes a segment, so
 * that steps must be neither long nor many. A step is measured in bytes: as many as fit its time at the pace of late.
 */
#include "messages.h"
#include "store.h"

#include <time.h>

enum {
    STEP_ROWS = 2000,
    STEP_BYTES_MIN = 2 * 1024,
    STEP_BYTES_MAX = 256 * 1024,
    REST_BYTES_MAX = 24 * 1024, /* less than this is left to the scan at rest     */
    RETENTION_ROWS = 400,
    RETENTION_BYTES = 16 * 1024,
    FIRST_NS_PER_KIB = 200 * 1024,
    BYTES_PER_PAGE = 1280, /* of content indexed, per page of merging owed for it */
    FORGET_ROWS = 200
};

/* How long a step may take, by how many rows wait: searches read those one by one. */
static const struct {
    int64_t waiting, ns;
} PACES[] = {
    {20000, 25 * 1000000},
    {4000, 12 * 1000000},
    {0, 3 * 1000000},
};

/* ---- the search index ---- */

static int64_t thread_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t step_bytes(const messages_state *state, int64_t waiting)
{
    int64_t pace = state->index_ns_per_kib, max = waiting > PACES[1].waiting ? STEP_BYTES_MAX : REST_BYTES_MAX;
    size_t i = 0;

    while (waiting < PACES[i].waiting)
        i++;
    int64_t bytes = PACES[i].ns * 1024 / pace;
    return bytes < STEP_BYTES_MIN ? STEP_BYTES_MIN : bytes > max ? max : bytes;
}

/* A step that was cut off for its length says nothing but that it was too long. */
static void learn_begin(messages_state *state)
{
    if (state->index_ns_per_kib == 0)
        state->index_ns_per_kib = FIRST_NS_PER_KIB;
    else if (state->index_began)
        state->index_ns_per_kib *= state->index_ns_per_kib < INT32_MAX ? 2 : 1;
    state->index_began = true;
}

static void learn_end(messages_state *state, int64_t took_ns, int64_t bytes)
{
    int64_t pace = took_ns * 1024 / (bytes > 0 ? bytes : 1);

    state->index_ns_per_kib = (3 * state->index_ns_per_kib + pace) / 4 + 1;
    state->index_began = false;
}

/* The last row of a step's worth after `id`, and how much that is; *ret_full: there are enough for a step. */
static sw_status step_end(sw_db *db, int64_t id, int64_t bytes_max, int64_t *ret_end, int64_t *ret_bytes,
                          bool *ret_full)
{
    int64_t bytes = 0, end = id, seen = 0;
    sw_rows *rows;

    SW_TRY(store_sizes(db, id, STEP_ROWS, &rows));
    while (bytes < bytes_max && sw_rows_next(rows)) {
        end = sw_rows_int(rows, 0);
        bytes += sw_rows_int(rows, 1);
        seen++;
    }
    SW_TRY(sw_rows_done(rows));
    *ret_end = end;
    *ret_bytes = bytes;
    *ret_full = bytes >= bytes_max || seen == STEP_ROWS;
    return SW_OK;
}

/* Less than a step's worth waits: a search reads it sooner than it is indexed. */
sw_status upkeep_index(sw_tx *tx, bool *ret_more)
{
    messages_state *state = sw_tx_state(tx);
    sw_db *db = sw_tx_db(tx);
    int64_t indexed_to, last, last_at, end, bytes, began = thread_cpu_ns();
    bool full;

    learn_begin(state);
    SW_TRY(store_indexed_to(db, &indexed_to));
    SW_TRY(store_last(db, &last, &last_at));
    SW_TRY(step_end(db, indexed_to, step_bytes(state, last - indexed_to), &end, &bytes, &full));
    if (full) {
        SW_TRY(store_index(tx, indexed_to, end));
        SW_TRY(store_merge(tx, 8 + bytes / BYTES_PER_PAGE));
        learn_end(state, thread_cpu_ns() - began, bytes);
        *ret_more = end < last;
    }
    state->index_began = false;
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
    SW_TRY(store_sizes(sw_tx_db(tx), 0, RETENTION_ROWS, &rows));
    while (!stopped && bytes < RETENTION_BYTES && sw_rows_next(rows)) {
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
    SW_TRY(store_merge(tx, 8 + bytes / BYTES_PER_PAGE));
    *ret_more = !stopped && (bytes >= RETENTION_BYTES || seen == RETENTION_ROWS);
    return SW_OK;
}

/* ---- keys and local_ids ---- */

sw_status upkeep_expiry(sw_tx *tx, bool *ret_more)
{
    return store_forget(tx, FORGET_ROWS, ret_more);
}
