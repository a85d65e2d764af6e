/* WebSocket connections of our own: what is sent and received, and to whom they go. */
#include "tests/unit/outbound/ws_client_fixture.h"

START_TEST(messages_go_both_ways_as_they_are)
{
    static char large[60000];

    begin(echo);
    dial("/a/b?c=d&e=f");
    test_wait_for(&opened, 1);
    ck_assert_int_eq(strncmp(server.request, "GET /a/b?c=d&e=f HTTP/1.1\r\n", 27), 0);
    ck_assert_ptr_null(strcasestr(server.request, "Sec-WebSocket-Extensions"));
    ck_assert(ws_client_send(client, handle, true, "\0\1\2", 3));
    test_wait_for(&received, 1);
    ck_assert(message_binary);
    ck_assert_uint_eq(message_len, 3);
    ck_assert_mem_eq(message, "\0\1\2", 3);
    ck_assert(ws_client_send(client, handle, false, "text", 4));
    test_wait_for(&received, 2);
    ck_assert(!message_binary);
    memset(large, 'y', sizeof large);
    ck_assert(ws_client_send(client, handle, true, large, sizeof large));
    test_wait_for(&received, 3);
    ck_assert_uint_eq(message_len, sizeof large);
    ws_client_close(client, handle, 1000);
    test_wait_for(&ended, 1);
    ck_assert(why.opened);
    ck_assert(!ws_client_send(client, handle, true, "x", 1));
    end();
    ck_assert_str_eq(server.seen, "close 1000");
}
END_TEST

START_TEST(a_query_right_behind_the_host_is_one_of_the_root)
{
    begin(echo);
    dial("?x=1");
    test_wait_for(&opened, 1);
    ck_assert_int_eq(strncmp(server.request, "GET /?x=1 HTTP/1.1\r\n", 20), 0);
    end();
}
END_TEST

START_TEST(what_is_sent_before_it_is_open_goes_out_in_order)
{
    begin(echo);
    dial("/");
    for (int i = 0; i < 20; i++)
        ck_assert(ws_client_send(client, handle, false, &"abcdefghijklmnopqrst"[i], 1));
    test_wait_for(&received, 20);
    ck_assert_int_eq(message[0], 't');
    end();
}
END_TEST

START_TEST(fragments_join_and_pings_are_answered)
{
    begin(send_parts);
    dial("/");
    test_wait_for(&ended, 1);
    ck_assert_int_eq(received, 1);
    ck_assert_uint_eq(message_len, 13);
    ck_assert_mem_eq(message, "one two three", 13);
    ck_assert(why.opened);
    ck_assert_int_eq(why.close_code, 1001);
    end();
    ck_assert_str_eq(server.seen, "ping");
}
END_TEST

START_TEST(a_message_over_the_limit_closes_with_1009)
{
    begin(send_too_much);
    sw_ws_call call = call_to("/");
    call.max_message = 1000;
    ck_assert_int_eq(ws_client_connect(client, &call, NULL, &handle), SW_OK);
    test_wait_for(&ended, 1);
    ck_assert_int_eq(received, 0);
    end();
    ck_assert_str_eq(server.seen, "1009");
}
END_TEST

START_TEST(a_call_without_its_size_is_refused)
{
    begin(refuse);
    sw_ws_call call = call_to("/");
    call.size = 0;
    ck_assert_int_eq(ws_client_connect(client, &call, NULL, &handle), SW_INTERNAL);
    ws_client_stop(client);
    test_server_stop(&server);
}
END_TEST

START_TEST(addresses_that_are_not_allowed_are_refused_at_once)
{
    begin(refuse);
    sw_ws_call call = call_to("/");
    call.url = "ws://example.com/";
    ck_assert_int_eq(ws_client_connect(client, &call, NULL, &handle), SW_INVALID);
    call.url = "http://127.0.0.1/";
    ck_assert_int_eq(ws_client_connect(client, &call, NULL, &handle), SW_INVALID);
    ws_client_stop(client);
    test_server_stop(&server);
}
END_TEST

static void be_a_proxy(test_server *s, int fd)
{
    if (test_read_head(s, fd))
        test_write_text(fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
}

START_TEST(a_proxy_is_asked_for_others_and_never_for_the_loopback)
{
    test_server others;

    test_server_start(&others, be_a_proxy);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", others.port);
    begin(echo);
    dial("/");
    test_wait_for(&opened, 1);
    ws_client_close(client, handle, 0);
    test_wait_for(&ended, 1);
    ck_assert_str_eq(others.request, "");
    ended = 0;
    sw_ws_call call = call_to("/");
    call.url = "wss://feishu.invalid/ws?ticket=secret";
    ck_assert_int_eq(ws_client_connect(client, &call, NULL, &handle), SW_OK);
    test_wait_for(&ended, 1);
    ck_assert(!why.opened);
    end();
    test_server_stop(&others);
    ck_assert_int_eq(strncmp(others.request, "CONNECT feishu.invalid:443 HTTP/1.", 34), 0);
    ck_assert_ptr_null(strstr(others.request, "secret"));
}
END_TEST

static void add(TCase *tests)
{
    ADD(messages_go_both_ways_as_they_are);
    ADD(a_query_right_behind_the_host_is_one_of_the_root);
    ADD(what_is_sent_before_it_is_open_goes_out_in_order);
    ADD(fragments_join_and_pings_are_answered);
    ADD(a_message_over_the_limit_closes_with_1009);
    ADD(a_call_without_its_size_is_refused);
    ADD(addresses_that_are_not_allowed_are_refused_at_once);
    ADD(a_proxy_is_asked_for_others_and_never_for_the_loopback);
}

int main(void)
{
    return run_tests("outbound ws", add);
}
