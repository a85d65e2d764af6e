/* A module that owns stored frames: rows are kept in memory, and are "committed" by real write steps. */
#ifndef TESTS_UNIT_WS_ROWS_FIXTURE_H
#define TESTS_UNIT_WS_ROWS_FIXTURE_H

#include "tests/unit/ws/fixture.h"

#include <time.h>

enum { ROWS_MAX = 20000, PENDING_MAX = 64 };

static struct {
    _Atomic int64_t committed;     /* rows 1..committed are there */
    _Atomic int64_t begun;         /* rows given out */
    _Atomic int pending_count;     /* what a newcomer must be told */
    int64_t pending[PENDING_MAX];  /* row ids, ascending */
    _Atomic int told[PENDING_MAX]; /* receipts by tag */
    _Atomic int pages;
    _Atomic bool failing;
    int page_nap_ms;
} fake;

static inline void nap(int ms)
{
    const struct timespec t = {.tv_nsec = ms * 1000000L};
    nanosleep(&t, NULL);
}

static inline void write_row(sw_json *j, int64_t id)
{
    sw_json_text(j, "type", "ROW");
    sw_json_int(j, "id", id);
}

/* STORE: one row to every human. The rows of a batch become visible with its commit. */
static inline void now_committed(void *state, void *arg)
{
    (void)state;
    atomic_store(&fake.committed, *(const int64_t *)arg);
}

static inline sw_status store_step(sw_tx *tx, void *arg)
{
    (void)arg;
    int64_t *id = sw_tx_alloc(tx, 1, sizeof *id);
    *id = atomic_fetch_add(&fake.begun, 1) + 1;
    sw_tx_on_commit(tx, now_committed, id);
    sw_frame *f = sw_frame_new_tx(tx);
    write_row(sw_frame_json(f), *id);
    sw_frame_mark(f, *id, 0, 0);
    sw_tx_send(tx, f, &(sw_audience){.size = sizeof(sw_audience), .roles = SW_ROLES_HUMAN});
    return SW_OK;
}

static inline sw_status on_store(sw_request *req)
{
    return sw_write(req, store_step, NULL);
}

/* PEND: a row that newcomers are told again, and everybody now. */
static inline sw_status pend_step(sw_tx *tx, void *arg)
{
    (void)arg;
    int64_t *id = sw_tx_alloc(tx, 1, sizeof *id);
    *id = atomic_fetch_add(&fake.begun, 1) + 1;
    sw_tx_on_commit(tx, now_committed, id);
    int n = atomic_load(&fake.pending_count);
    fake.pending[n] = *id;
    atomic_store(&fake.pending_count, n + 1);
    sw_frame *f = sw_frame_new_tx(tx);
    write_row(sw_frame_json(f), *id);
    sw_frame_mark(f, *id, SW_FRAME_RECEIPT, n);
    sw_tx_send(tx, f, &(sw_audience){.size = sizeof(sw_audience), .roles = SW_ROLE_BIT(SW_ROLE_BUTLER)});
    return SW_OK;
}

static inline sw_status on_pend(sw_request *req)
{
    return sw_write(req, pend_step, NULL);
}

static inline sw_status on_piece(sw_request *req)
{
    sw_frame *f = sw_frame_new(req);
    sw_json_text(sw_frame_json(f), "type", "PIECE");
    sw_frame_mark(f, 0, SW_FRAME_DROPPABLE, 0);
    sw_send(req, f, &(sw_audience){.size = sizeof(sw_audience), .roles = SW_ROLES_HUMAN});
    return SW_OK;
}

static inline sw_status last_id(sw_request *req, int64_t *ret)
{
    (void)req;
    *ret = atomic_load(&fake.committed);
    return atomic_load(&fake.failing) ? SW_UNAVAILABLE : SW_OK;
}

static inline sw_status complete_since(sw_request *req, int64_t after, bool *ret)
{
    (void)req;
    *ret = after != 3; /* as if row 4 had been pruned */
    return SW_OK;
}

static inline sw_status page(sw_request *req, int64_t after, sw_replay_out *out, bool *ret_more)
{
    (void)req;
    int64_t last = atomic_load(&fake.committed);
    atomic_fetch_add(&fake.pages, 1);
    if (atomic_load(&fake.failing))
        return SW_UNAVAILABLE;
    if (fake.page_nap_ms > 0)
        nap(fake.page_nap_ms);
    for (int64_t id = after + 1; id <= last; id++) {
        if (sw_replay_full(out)) {
            *ret_more = true;
            return SW_OK;
        }
        write_row(sw_replay_frame(out, id, 0, 0), id);
    }
    return SW_OK;
}

/* Four a page. */
static inline sw_status greet(sw_request *req, bool hello, int64_t since, int64_t cursor, sw_replay_out *out,
                              int64_t *ret_cursor, bool *ret_more)
{
    (void)req, (void)hello, (void)since;
    int count = atomic_load(&fake.pending_count);
    if (fake.page_nap_ms > 0)
        nap(fake.page_nap_ms);
    int64_t n = cursor;
    for (; n < count && n < cursor + 4; n++)
        write_row(sw_replay_frame(out, fake.pending[n], SW_FRAME_RECEIPT, n), fake.pending[n]);
    *ret_cursor = n;
    *ret_more = n < count;
    return SW_OK;
}

static inline sw_status receipt(sw_request *req)
{
    if (atomic_load(&fake.failing))
        return SW_UNAVAILABLE;
    atomic_fetch_add(&fake.told[sw_request_tag(req)], 1);
    return SW_OK;
}

static const sw_recovery RECOVERY = {.size = sizeof RECOVERY,
                                     .last_id = last_id,
                                     .complete_since = complete_since,
                                     .page = page,
                                     .greet = greet,
                                     .greet_roles = SW_ROLE_BIT(SW_ROLE_BUTLER),
                                     .greet_hello_roles = SW_ROLE_BIT(SW_ROLE_ADMIN),
                                     .receipt = receipt};

static const sw_frame_handler FRAMES[] = {
    {.type = "STORE", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_store},
    {.type = "PEND", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_pend},
    {.type = "PIECE", .roles = SW_ROLES_ALL, .lane = SW_LANE_LOOP, .handle = on_piece},
};

static const sw_plugin PROBE = {SW_PLUGIN_HEAD, .name = "probe", .version = "1", .frames = SW_TABLE(FRAMES),
                                .recovery = &RECOVERY};

static inline void begin(test_hub *t, const char *const *options)
{
    memset(&fake, 0, sizeof fake);
    test_hub_start(t, &PROBE, options);
}

static inline void store_rows(const test_ws *from, int count)
{
    for (int i = 0; i < count; i++)
        ws_say(from, "{\"type\":\"STORE\"}");
}

static inline void wait_for_rows(int64_t count)
{
    for (int i = 0; i < 5000 && atomic_load(&fake.committed) < count; i++)
        nap(1);
    ck_assert_int_ge(atomic_load(&fake.committed), count);
}

static inline long long next_row(test_ws *w)
{
    const char *text = ws_text(w);
    return strstr(text, "\"ROW\"") != NULL ? ws_number(text, "id") : 0;
}

#endif
