/* HELLO, recovery, greeting and receipts against a module that owns stored frames: rows are kept in memory, and are
 * "committed" by real write steps. */
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

static void nap(int ms)
{
    const struct timespec t = {.tv_nsec = ms * 1000000L};
    nanosleep(&t, NULL);
}

static void write_row(sw_json *j, int64_t id)
{
    sw_json_text(j, "type", "ROW");
    sw_json_int(j, "id", id);
}

/* STORE: one row to every human. The rows of a batch become visible with its commit. */
static void now_committed(void *state, void *arg)
{
    (void)state;
    atomic_store(&fake.committed, *(const int64_t *)arg);
}

static sw_status store_step(sw_tx *tx, void *arg)
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

static sw_status on_store(sw_request *req)
{
    return sw_write(req, store_step, NULL);
}

/* PEND: a row that newcomers are told again, and everybody now. */
static sw_status pend_step(sw_tx *tx, void *arg)
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

static sw_status on_pend(sw_request *req)
{
    return sw_write(req, pend_step, NULL);
}

static sw_status on_piece(sw_request *req)
{
    sw_frame *f = sw_frame_new(req);
    sw_json_text(sw_frame_json(f), "type", "PIECE");
    sw_frame_mark(f, 0, SW_FRAME_DROPPABLE, 0);
    sw_send(req, f, &(sw_audience){.size = sizeof(sw_audience), .roles = SW_ROLES_HUMAN});
    return SW_OK;
}

static sw_status last_id(sw_request *req, int64_t *ret)
{
    (void)req;
    *ret = atomic_load(&fake.committed);
    return atomic_load(&fake.failing) ? SW_UNAVAILABLE : SW_OK;
}

static sw_status complete_since(sw_request *req, int64_t after, bool *ret)
{
    (void)req;
    *ret = after != 3; /* as if row 4 had been pruned */
    return SW_OK;
}

static sw_status page(sw_request *req, int64_t after, sw_replay_out *out, bool *ret_more)
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
static sw_status greet(sw_request *req, bool hello, int64_t since, int64_t cursor, sw_replay_out *out,
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

static sw_status receipt(sw_request *req)
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
    {"STORE", SW_ROLES_ALL, SW_LANE_WORKER, on_store, ""},
    {"PEND", SW_ROLES_ALL, SW_LANE_WORKER, on_pend, ""},
    {"PIECE", SW_ROLES_ALL, SW_LANE_LOOP, on_piece, ""},
};

static const sw_plugin PROBE = {SW_PLUGIN_HEAD, .name = "probe", .version = "1", .frames = SW_TABLE(FRAMES),
                                .recovery = &RECOVERY};

static void begin(test_hub *t, const char *const *options)
{
    memset(&fake, 0, sizeof fake);
    test_hub_start(t, &PROBE, options);
}

static void store_rows(const test_ws *from, int count)
{
    for (int i = 0; i < count; i++)
        ws_say(from, "{\"type\":\"STORE\"}");
}

static void wait_for_rows(int64_t count)
{
    for (int i = 0; i < 5000 && atomic_load(&fake.committed) < count; i++)
        nap(1);
    ck_assert_int_ge(atomic_load(&fake.committed), count);
}

static long long next_row(test_ws *w)
{
    const char *text = ws_text(w);
    return strstr(text, "\"ROW\"") != NULL ? ws_number(text, "id") : 0;
}

START_TEST(rows_come_after_hello_and_go_on_live)
{
    test_hub t;
    test_ws agent, human;
    begin(&t, NULL);
    ws_connect(&agent, t.port, "agent-9", "");
    store_rows(&agent, 2000);
    wait_for_rows(2000);
    ws_connect(&human, t.port, "member-1", "&since_id=500");
    const char *hello = ws_text(&human);
    ck_assert_ptr_nonnull(strstr(hello, "\"HELLO\""));
    ck_assert_ptr_nonnull(strstr(hello, "\"recovered\":true"));
    ck_assert_int_eq(ws_number(hello, "last_id"), 2000);
    store_rows(&agent, 10);
    for (long long id = 501; id <= 2010; id++)
        ck_assert_int_eq(next_row(&human), id);
    ck_assert(!ws_next(&human, 30));
    ws_done(&human);
    ws_done(&agent);
    test_hub_stop(&t);
}
END_TEST

/* A client that is cut again and again while rows are stored as fast as they can be. */
START_TEST(a_client_that_is_cut_at_random_ends_with_every_row_once)
{
    static const char *const SMALL[] = {"STEWARD_WS_QUEUE=65536", "STEWARD_WS_RATE_FRAMES=1000000", NULL};
    test_hub t;
    test_ws agent, human;
    enum { COUNT = 8000 };
    begin(&t, SMALL);
    srand((unsigned)_i);
    ws_connect(&agent, t.port, "agent-9", "");
    long long seen = 0;
    int sent = 0;
    while (seen < COUNT) {
        char query[64];
        snprintf(query, sizeof query, "&since_id=%lld", seen);
        ws_connect(&human, t.port, "member-1", seen == 3 ? "&since_id=2" : query);
        if (seen == 3)
            seen = 2;
        ck_assert_ptr_nonnull(strstr(ws_text(&human), "\"recovered\":true"));
        int take = 1 + rand() % 700;
        for (int i = 0; i < take && seen < COUNT; i++) {
            if (sent < COUNT && rand() % 3 != 0) {
                int burst = rand() % 60;
                for (; burst > 0 && sent < COUNT; burst--, sent++)
                    ws_say(&agent, burst % 4 == 0 ? "{\"type\":\"PIECE\"}" : "{\"type\":\"STORE\"}");
            }
            if (!ws_next(&human, sent < COUNT ? 2 : 3000) || human.op == OP_CLOSE)
                break;
            if (strstr(human.text, "\"ROW\"") == NULL)
                continue;
            long long id = ws_number(human.text, "id");
            ck_assert_int_eq(id, seen + 1);
            seen = id;
            if (seen >= atomic_load(&fake.begun) && sent >= COUNT)
                break;
        }
        ws_done(&human);
        if (sent >= COUNT && seen >= atomic_load(&fake.committed)) {
            nap(50);
            if (seen == atomic_load(&fake.committed))
                break;
        }
    }
    ck_assert_int_eq(seen, atomic_load(&fake.committed));
    ws_done(&agent);
    test_hub_stop(&t);
}
END_TEST

START_TEST(pieces_are_dropped_until_it_has_caught_up)
{
    test_hub t;
    test_ws agent, human;
    begin(&t, NULL);
    ws_connect(&agent, t.port, "agent-9", "");
    store_rows(&agent, 5);
    wait_for_rows(5);
    fake.page_nap_ms = 100;
    ws_connect(&human, t.port, "member-1", "&since_id=0");
    ck_assert_ptr_nonnull(strstr(ws_text(&human), "HELLO"));
    nap(20);
    ws_say(&agent, "{\"type\":\"PIECE\"}");
    for (int id = 1; id <= 5; id++)
        ck_assert_int_eq(next_row(&human), id);
    ws_say(&agent, "{\"type\":\"PIECE\"}");
    ck_assert_str_eq(ws_text(&human), "{\"type\":\"PIECE\"}");
    ck_assert(!ws_next(&human, 150));
    ws_done(&human);
    ws_done(&agent);
    test_hub_stop(&t);
}
END_TEST

START_TEST(pruned_rows_are_told_and_nothing_is_replayed)
{
    test_hub t;
    test_ws agent, human;
    begin(&t, NULL);
    ws_connect(&agent, t.port, "agent-9", "");
    store_rows(&agent, 10);
    wait_for_rows(10);
    ws_connect(&human, t.port, "member-1", "&since_id=3");
    ck_assert_ptr_nonnull(strstr(ws_text(&human), "\"recovered\":false"));
    store_rows(&agent, 1);
    ck_assert_int_eq(next_row(&human), 11);
    ws_done(&human);
    ws_done(&agent);
    test_hub_stop(&t);
}
END_TEST

START_TEST(storage_that_fails_for_a_while_only_takes_longer)
{
    test_hub t;
    test_ws agent, human;
    begin(&t, NULL);
    ws_connect(&agent, t.port, "agent-9", "");
    store_rows(&agent, 10);
    wait_for_rows(10);
    atomic_store(&fake.failing, true);
    ws_connect(&human, t.port, "member-1", "&since_id=0");
    ck_assert(!ws_next(&human, 300));
    atomic_store(&fake.failing, false);
    ck_assert_ptr_nonnull(strstr(ws_text(&human), "\"recovered\":true"));
    for (int id = 1; id <= 10; id++)
        ck_assert_int_eq(next_row(&human), id);
    ws_done(&human);
    ws_done(&agent);
    test_hub_stop(&t);
}
END_TEST

/* An ADMIN with hello: what is pending, each once, and live frames in their place. */
START_TEST(a_greeting_and_live_frames_are_merged_by_id)
{
    test_hub t;
    test_ws agent, human;
    begin(&t, NULL);
    ws_connect(&agent, t.port, "agent-9", "");
    for (int i = 0; i < 10; i++)
        ws_say(&agent, i % 2 == 0 ? "{\"type\":\"PEND\"}" : "{\"type\":\"STORE\"}");
    wait_for_rows(10);
    fake.page_nap_ms = 40;
    ws_connect(&human, t.port, "admin-1", "&hello=1");
    ck_assert_ptr_nonnull(strstr(ws_text(&human), "HELLO"));
    nap(10);
    ws_say(&agent, "{\"type\":\"STORE\"}"); /* 11 */
    ws_say(&agent, "{\"type\":\"PEND\"}");  /* 12: not delivered live to this role, in the greeting's second page */
    ws_say(&agent, "{\"type\":\"STORE\"}"); /* 13 */
    static const int WANT[] = {1, 3, 5, 7, 9, 11, 12, 13};
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(next_row(&human), WANT[i]);
    ck_assert(!ws_next(&human, 100));
    ws_done(&human);
    ws_done(&agent);
    test_hub_stop(&t);
}
END_TEST

START_TEST(receipts_are_given_once_the_bytes_have_left)
{
    test_hub t;
    test_ws agent, butler;
    begin(&t, NULL);
    ws_connect(&agent, t.port, "agent-9", "");
    for (int i = 0; i < 6; i++)
        ws_say(&agent, "{\"type\":\"PEND\"}");
    wait_for_rows(6);
    nap(30);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(atomic_load(&fake.told[i]), 0);
    atomic_store(&fake.failing, true); /* the first tries to note them fail */
    ws_connect(&butler, t.port, "butler-2", "");
    for (int id = 1; id <= 6; id++)
        ck_assert_int_eq(next_row(&butler), id);
    ws_say(&agent, "{\"type\":\"PEND\"}");
    ck_assert_int_eq(next_row(&butler), 7);
    nap(50);
    atomic_store(&fake.failing, false);
    for (int i = 0; i < 7; i++) {
        for (int tries = 0; tries < 3000 && atomic_load(&fake.told[i]) == 0; tries++)
            nap(1);
        ck_assert_int_eq(atomic_load(&fake.told[i]), 1);
    }
    ws_done(&butler);
    ws_done(&agent);
    test_hub_stop(&t);
}
END_TEST

START_TEST(who_asked_for_hello_gets_no_receipts)
{
    test_hub t;
    test_ws agent, butler;
    begin(&t, NULL);
    ws_connect(&agent, t.port, "agent-9", "");
    ws_connect(&butler, t.port, "butler-2", "&hello=1");
    ck_assert_ptr_nonnull(strstr(ws_text(&butler), "HELLO"));
    ws_say(&agent, "{\"type\":\"PEND\"}");
    ck_assert_int_eq(next_row(&butler), 1);
    nap(50);
    ck_assert_int_eq(atomic_load(&fake.told[0]), 0);
    ws_done(&butler);
    ws_done(&agent);
    test_hub_stop(&t);
}
END_TEST

static void add_tests(TCase *tests)
{
    ADD(rows_come_after_hello_and_go_on_live);
    tcase_add_loop_test(tests, a_client_that_is_cut_at_random_ends_with_every_row_once, 0, 6);
    ADD(pieces_are_dropped_until_it_has_caught_up);
    ADD(pruned_rows_are_told_and_nothing_is_replayed);
    ADD(storage_that_fails_for_a_while_only_takes_longer);
    ADD(a_greeting_and_live_frames_are_merged_by_id);
    ADD(receipts_are_given_once_the_bytes_have_left);
    ADD(who_asked_for_hello_gets_no_receipts);
}

int main(void)
{
    return run_tests("catching up", add_tests);
}
