/* The ends of WebSocket connections of our own: refused, dropped, closed, stopped. */
#include "tests/unit/outbound/ws_client_fixture.h"

START_TEST(a_refusal_tells_its_headers)
{
    begin(refuse);
    dial("/");
    test_wait_for(&ended, 1);
    ck_assert_int_eq(opened, 0);
    ck_assert(!why.opened);
    ck_assert_int_eq(why.http_status, 403);
    ck_assert_str_eq(status, "514");
    ck_assert_str_eq(text, "too many");
    ck_assert_str_eq(code, "1000040350");
    end();
}
END_TEST

START_TEST(nobody_there_is_an_end_with_a_reason)
{
    begin(refuse);
    sw_ws_call call = call_to("/");
    call.url = "ws://127.0.0.1:1/secret?ticket=secret";
    ck_assert_int_eq(ws_client_connect(client, &call, NULL, &handle), SW_OK);
    test_wait_for(&ended, 1);
    ck_assert(!why.opened);
    ck_assert_str_ne(error, "");
    ck_assert_ptr_null(strstr(error, "secret"));
    end();
}
END_TEST

START_TEST(a_handshake_without_an_answer_ends_in_time)
{
    begin(never_answer);
    sw_ws_call call = call_to("/");
    call.timeout_ms = 300;
    ck_assert_int_eq(ws_client_connect(client, &call, NULL, &handle), SW_OK);
    test_wait_for(&ended, 1);
    ck_assert(!why.opened);
    end();
}
END_TEST

START_TEST(a_connection_that_drops_is_told)
{
    begin(drop);
    dial("/");
    test_wait_for(&ended, 1);
    ck_assert(why.opened);
    ck_assert_int_eq(why.close_code, 0);
    end();
}
END_TEST

START_TEST(code_0_ends_it_at_once)
{
    begin(never_close);
    dial("/");
    test_wait_for(&opened, 1);
    ws_client_close(client, handle, 0);
    test_wait_for(&ended, 1);
    ck_assert(why.opened);
    end();
}
END_TEST

START_TEST(a_close_that_is_not_answered_ends_too_and_code_0_hurries_it)
{
    begin(never_close);
    dial("/");
    test_wait_for(&opened, 1);
    ws_client_close(client, handle, 1000);
    test_wait_for(&ended, 1);
    end();
    begin(never_close);
    dial("/");
    test_wait_for(&opened, 1);
    ws_client_close(client, handle, 1000);
    ws_client_close(client, handle, 0);
    test_wait_for(&ended, 1);
    end();
}
END_TEST

START_TEST(closing_before_it_is_open_is_an_end)
{
    begin(never_answer);
    dial("/");
    ws_client_close(client, handle, 1000);
    test_wait_for(&ended, 1);
    ck_assert_int_eq(opened, 0);
    end();
}
END_TEST

START_TEST(stopping_ends_what_is_open)
{
    begin(never_close);
    dial("/");
    test_wait_for(&opened, 1);
    ws_client_halt(client);
    ck_assert_int_eq(ended, 1);
    sw_ws_call call = call_to("/");
    uint64_t other = 0;
    ck_assert_int_eq(ws_client_connect(client, &call, NULL, &other), SW_BUSY);
    ck_assert(!ws_client_send(client, handle, true, "x", 1));
    ws_client_close(client, handle, 1000);
    end();
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_refusal_tells_its_headers);
    ADD(nobody_there_is_an_end_with_a_reason);
    ADD(a_handshake_without_an_answer_ends_in_time);
    ADD(a_connection_that_drops_is_told);
    ADD(code_0_ends_it_at_once);
    ADD(a_close_that_is_not_answered_ends_too_and_code_0_hurries_it);
    ADD(closing_before_it_is_open_is_an_end);
    ADD(stopping_ends_what_is_open);
}

int main(void)
{
    return run_tests("outbound ws ends", add);
}
