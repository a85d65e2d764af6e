/* What a module adds to HELLO, and receipts for what has left. */
#include "tests/unit/ws/rows_fixture.h"

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
    ADD(a_greeting_and_live_frames_are_merged_by_id);
    ADD(receipts_are_given_once_the_bytes_have_left);
    ADD(who_asked_for_hello_gets_no_receipts);
}

int main(void)
{
    return run_tests("greeting", add_tests);
}
