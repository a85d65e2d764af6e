/* Recovery: what a client missed comes after HELLO and goes on live, each row once. */
#include "tests/unit/ws/rows_fixture.h"

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

static void add_tests(TCase *tests)
{
    ADD(rows_come_after_hello_and_go_on_live);
    tcase_add_loop_test(tests, a_client_that_is_cut_at_random_ends_with_every_row_once, 0, 6);
    ADD(pieces_are_dropped_until_it_has_caught_up);
    ADD(pruned_rows_are_told_and_nothing_is_replayed);
    ADD(storage_that_fails_for_a_while_only_takes_longer);
}

int main(void)
{
    return run_tests("catching up", add_tests);
}
