/* Fills the search index, as housekeeping between the batches of the writer.
 *
 * To index 200 bytes of content takes about 40 us, and each statement that writes to the index writes a segment, so
 * that steps must be neither long nor many. A step is measured in bytes: it takes as many as fit its time at the pace
 * of the latest steps. That pace is part of messages_state, and only the writer uses it. */
#include "messages.h"

#include <time.h>

enum {
    STEP_ROWS = 2000,
    STEP_BYTES_MIN = 2 * 1024,
    STEP_BYTES_MAX = 256 * 1024,
    REST_BYTES_MAX = 24 * 1024, /* what may wait unindexed when few rows do: a search reads those rows themselves */
    FIRST_NS_PER_KIB = 200 * 1024
};

/* How long a step may take. It is more when more rows wait, since searches read those one by one. */
static const struct {
    int64_t waiting, ns;
} PACES[] = {
    {20000, 25 * 1000000},
    {4000, 12 * 1000000},
    {0, 3 * 1000000},
};

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

/* A step that was interrupted by its time limit shows only that it was too long. So the next one takes half as much. */
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

/* Finds the rows of one step after `id`: the last one, and their bytes. *ret_full says whether they fill a step. */
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

/* Rows that do not fill a step wait: a search reads them sooner than they are indexed. */
sw_status search_index_step(sw_tx *tx, bool *ret_more)
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
        SW_TRY(store_merge(tx, bytes));
        learn_end(state, thread_cpu_ns() - began, bytes);
        *ret_more = end < last;
    }
    state->index_began = false;
    return SW_OK;
}
