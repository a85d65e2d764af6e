/* WebSocket connections of our own: opened, refused, used, ended in every way there is. */
#include "core/outbound/outbound.h"
#include "tests/unit/outbound/server.h"

static test_server server;
static ws_client *client;
static uint64_t handle;
static _Atomic int opened, received, ended;
static char message[70000], error[256], status[64], text[64], code[64];
static size_t message_len;
static bool message_binary;
static sw_ws_end why;
static char proxy[64];

static void on_opened(void *arg, uint64_t h)
{
    (void)arg;
    ck_assert_uint_eq(h, handle);
    opened++;
}

static void on_message(void *arg, uint64_t h, bool binary, const void *data, size_t len)
{
    (void)arg, (void)h;
    message_len = len < sizeof message ? len : sizeof message;
    memcpy(message, data, message_len);
    message_binary = binary;
    received++;
}

static void on_ended(void *arg, uint64_t h, const sw_ws_end *end)
{
    (void)arg;
    ck_assert_uint_eq(h, handle);
    why = *end;
    snprintf(error, sizeof error, "%s", end->error);
    snprintf(status, sizeof status, "%s", end->handshake_status);
    snprintf(text, sizeof text, "%s", end->handshake_message);
    snprintf(code, sizeof code, "%s", end->handshake_code);
    ended++;
}

static sw_ws_call call_to(const char *path)
{
    static char url[256];

    snprintf(url, sizeof url, "ws://127.0.0.1:%d%s", server.port, path);
    return (sw_ws_call){.size = sizeof(sw_ws_call), .url = url, .timeout_ms = 3000, .opened = on_opened,
                        .message = on_message, .ended = on_ended};
}

static void begin(void (*script)(test_server *s, int fd))
{
    opened = received = ended = 0;
    test_server_start(&server, script);
    client = ws_client_start("", proxy);
    ck_assert_ptr_nonnull(client);
}

static void dial(const char *path)
{
    sw_ws_call call = call_to(path);

    ck_assert_int_eq(ws_client_connect(client, &call, NULL, &handle), SW_OK);
}

static void end(void)
{
    ws_client_stop(client);
    test_server_stop(&server);
    ck_assert_int_eq(ended, 1);
}

/* ---- scripts ---- */

/* Sends back what comes, until the end; notes it. */
static void echo(test_server *s, int fd)
{
    static char data[70000];
    size_t len = 0;
    int first;

    if (!test_ws_accept(s, fd))
        return;
    while ((first = test_ws_read(fd, data, &len)) >= 0) {
        snprintf(s->seen, sizeof s->seen, "%02x %zu", (unsigned)first, len);
        if ((first & 0x0f) == 8) {
            snprintf(s->seen, sizeof s->seen, "close %d", len >= 2 ? (unsigned char)data[0] << 8 | (unsigned char)data[1] : 0);
            test_ws_send(fd, 0x88, data, len);
            return;
        }
        test_ws_send(fd, first, data, len);
    }
}

static void send_parts(test_server *s, int fd)
{
    if (!test_ws_accept(s, fd))
        return;
    test_ws_send(fd, 0x02, "one ", 4);
    test_ws_send(fd, 0x89, "ping", 4);
    test_ws_send(fd, 0x00, "two ", 4);
    test_ws_send(fd, 0x80, "three", 5);
    size_t len = 0;
    if (test_ws_read(fd, s->seen, &len) != 0x8a)
        s->seen[0] = '\0';
    test_ws_send(fd, 0x88, "\x03\xe9", 2);
    (void)test_ws_read(fd, s->request, &len);
}

static void send_too_much(test_server *s, int fd)
{
    static char much[2000];
    size_t len = 0;

    if (!test_ws_accept(s, fd))
        return;
    test_ws_send(fd, 0x82, much, sizeof much);
    if (test_ws_read(fd, much, &len) == 0x88)
        snprintf(s->seen, sizeof s->seen, "%d", (unsigned char)much[0] << 8 | (unsigned char)much[1]);
}

static void refuse(test_server *s, int fd)
{
    if (test_read_head(s, fd))
        test_write_text(fd, "HTTP/1.1 403 Forbidden\r\nHandshake-Status: 514\r\nHandshake-Msg: too many\r\n"
                            "Handshake-Autherrcode: 1000040350\r\nContent-Length: 0\r\n\r\n");
}

static void never_answer(test_server *s, int fd)
{
    (void)test_read_head(s, fd);
    (void)test_read(fd, s->seen, 1);
}

static void never_close(test_server *s, int fd)
{
    static char data[1000];

    if (!test_ws_accept(s, fd))
        return;
    while (test_read(fd, data, 1))
        continue;
}

static void drop(test_server *s, int fd)
{
    (void)test_ws_accept(s, fd);
}

/* ---- tests ---- */

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
    ADD(messages_go_both_ways_as_they_are);
    ADD(a_query_right_behind_the_host_is_one_of_the_root);
    ADD(what_is_sent_before_it_is_open_goes_out_in_order);
    ADD(fragments_join_and_pings_are_answered);
    ADD(a_message_over_the_limit_closes_with_1009);
    ADD(a_refusal_tells_its_headers);
    ADD(nobody_there_is_an_end_with_a_reason);
    ADD(a_handshake_without_an_answer_ends_in_time);
    ADD(a_connection_that_drops_is_told);
    ADD(code_0_ends_it_at_once);
    ADD(a_close_that_is_not_answered_ends_too_and_code_0_hurries_it);
    ADD(closing_before_it_is_open_is_an_end);
    ADD(a_call_without_its_size_is_refused);
    ADD(addresses_that_are_not_allowed_are_refused_at_once);
    ADD(a_proxy_is_asked_for_others_and_never_for_the_loopback);
    ADD(stopping_ends_what_is_open);
}

int main(void)
{
    return run_tests("outbound ws", add);
}
