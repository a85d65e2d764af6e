/* HTTP requests: answers, and everything that comes instead of one. */
#include "core/outbound/outbound.h"
#include "tests/unit/outbound/server.h"

static test_server server;
static http_client *client;
static _Atomic int finished;
static sw_http_answer got;
static char got_body[4096], got_error[256], got_header[64], got_length[64];

static void on_answer(void *arg, const sw_http_answer *answer)
{
    (void)arg;
    got = *answer;
    snprintf(got_body, sizeof got_body, "%s", answer->body);
    snprintf(got_error, sizeof got_error, "%s", answer->error);
    sw_http_header(answer, "x-said", got_header, sizeof got_header);
    sw_http_header(answer, "content-length", got_length, sizeof got_length);
    finished++;
}

static sw_http_call call_to(const char *path)
{
    static char url[256];

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
    return (sw_http_call){.size = sizeof(sw_http_call), .url = url, .timeout_ms = 2000};
}

static void ask(const sw_http_call *call)
{
    ck_assert_int_eq(http_client_call(client, call, on_answer, NULL), SW_OK);
    test_wait_for(&finished, 1);
}

static void begin(void (*script)(test_server *s, int fd))
{
    finished = 0;
    test_server_start(&server, script);
    client = http_client_start("", "");
    ck_assert_ptr_nonnull(client);
}

static void end(void)
{
    http_client_stop(client);
    test_server_stop(&server);
}

/* ---- scripts ---- */

static void say_hello(test_server *s, int fd)
{
    if (!test_read_head(s, fd))
        return;
    if (strstr(s->request, "Content-Length: 4"))
        test_read(fd, s->seen, 4);
    test_write_text(fd, "HTTP/1.1 201 Created\r\nX-Said:  hello \r\nx-said: again\r\nContent-Length: 2\r\n"
                        "Connection: close\r\n\r\nok");
}

static void say_much(test_server *s, int fd)
{
    static char much[100000];

    if (!test_read_head(s, fd))
        return;
    memset(much, 'x', sizeof much);
    test_write_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    test_write(fd, much, sizeof much);
    (void)test_read(fd, much, 1);
}

/* The length of a body that HEAD does not get, and the connection stays open. */
static void say_its_length(test_server *s, int fd)
{
    if (!test_read_head(s, fd))
        return;
    test_write_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    (void)test_read(fd, s->seen, 1);
}

static void say_a_long_head(test_server *s, int fd)
{
    if (!test_read_head(s, fd))
        return;
    test_write_text(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 2000; i++)
        test_write_text(fd, "X-Long: 0123456789012345678901234567890123456789\r\n");
    test_write_text(fd, "Content-Length: 0\r\n\r\n");
}

static void say_nothing(test_server *s, int fd)
{
    (void)test_read_head(s, fd);
    (void)test_read(fd, s->seen, 1);
}

static void hang_up(test_server *s, int fd)
{
    (void)test_read_head(s, fd);
}

static void send_elsewhere(test_server *s, int fd)
{
    (void)test_read_head(s, fd);
    test_write_text(
        fd, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/* ---- tests ---- */

START_TEST(an_answer_comes_with_status_body_and_headers)
{
    begin(say_hello);
    sw_http_call call = call_to("/path?q=1");
    static const char *const HEADERS[] = {"X-Mine: yes", NULL};
    call.method = "POST";
    call.headers = HEADERS;
    call.body = "body";
    call.body_len = 4;
    ask(&call);
    ck_assert_int_eq(got.status, 201);
    ck_assert_int_eq(got.head_status, 201);
    ck_assert_int_eq(got.outcome, SW_HTTP_ANSWERED);
    ck_assert_uint_eq(got.size, sizeof got);
    ck_assert_str_eq(got_body, "ok");
    ck_assert_str_eq(got_error, "");
    ck_assert_str_eq(got_header, "again");
    ck_assert_int_eq(strncmp(server.request, "POST /path?q=1 HTTP/1.1\r\n", 25), 0);
    ck_assert_ptr_nonnull(strstr(server.request, "X-Mine: yes\r\n"));
    ck_assert_ptr_null(strstr(server.request, "Expect:"));
    ck_assert_mem_eq(server.seen, "body", 4);
    end();
}
END_TEST

START_TEST(a_method_without_a_body_is_sent_as_named)
{
    begin(say_hello);
    sw_http_call call = call_to("/x");
    call.method = "PATCH";
    ask(&call);
    ck_assert_int_eq(strncmp(server.request, "PATCH /x HTTP/1.1\r\n", 19), 0);
    end();
}
END_TEST

START_TEST(a_head_request_is_answered_by_a_head_alone)
{
    begin(say_its_length);
    sw_http_call call = call_to("/x");
    call.method = "HEAD";
    ask(&call);
    ck_assert_str_eq(got_error, "");
    ck_assert_int_eq(got.status, 200);
    ck_assert_int_eq(got.outcome, SW_HTTP_ANSWERED);
    ck_assert_uint_eq(got.body_len, 0);
    ck_assert_str_eq(got_length, "100000");
    ck_assert_int_eq(strncmp(server.request, "HEAD /x HTTP/1.1\r\n", 18), 0);
    end();
}
END_TEST

START_TEST(redirects_are_not_followed)
{
    begin(send_elsewhere);
    sw_http_call call = call_to("/");
    ask(&call);
    ck_assert_int_eq(got.status, 302);
    end();
}
END_TEST

START_TEST(a_connection_that_is_refused_tells_that_nothing_left)
{
    begin(say_hello);
    sw_http_call call = call_to("/");
    call.url = "http://127.0.0.1:1/";
    ask(&call);
    ck_assert_int_eq(got.status, 0);
    ck_assert(got.unsent);
    ck_assert_int_eq(got.outcome, SW_HTTP_FAILED);
    ck_assert_str_ne(got_error, "");
    end();
}
END_TEST

START_TEST(a_connection_that_is_cut_tells_that_something_may_have_left)
{
    begin(hang_up);
    sw_http_call call = call_to("/");
    ask(&call);
    ck_assert_int_eq(got.status, 0);
    ck_assert(!got.unsent);
    ck_assert_int_eq(got.outcome, SW_HTTP_FAILED);
    end();
}
END_TEST

START_TEST(silence_ends_at_the_time_limit)
{
    begin(say_nothing);
    sw_http_call call = call_to("/");
    call.timeout_ms = 200;
    ask(&call);
    ck_assert_int_eq(got.status, 0);
    ck_assert(!got.unsent);
    ck_assert_int_eq(got.outcome, SW_HTTP_TIMED_OUT);
    ck_assert_int_ge(got.took_ms, 200);
    ck_assert_int_eq(got.head_status, 0);
    end();
}
END_TEST

START_TEST(an_answer_over_the_limit_is_a_failure)
{
    begin(say_much);
    sw_http_call call = call_to("/");
    call.max_answer = 50000;
    ask(&call);
    ck_assert_int_eq(got.status, 0);
    ck_assert_str_eq(got_error, "the answer is too long");
    ck_assert_int_eq(got.outcome, SW_HTTP_TOO_LONG);
    ck_assert_int_eq(got.head_status, 200);
    ck_assert_str_eq(got_body, "");
    ck_assert_str_eq(got_length, "100000");
    end();
    begin(say_much);
    call = call_to("/");
    call.max_answer = 100000;
    ask(&call);
    ck_assert_int_eq(got.status, 200);
    ck_assert_uint_eq(got.body_len, 100000);
    end();
}
END_TEST

START_TEST(a_head_over_the_limit_is_a_failure)
{
    begin(say_a_long_head);
    sw_http_call call = call_to("/");
    ask(&call);
    ck_assert_int_eq(got.status, 0);
    ck_assert_int_eq(got.outcome, SW_HTTP_FAILED);
    ck_assert_int_eq(got.head_status, 0);
    ck_assert_str_eq(got_error, "the head of the answer is too long");
    end();
}
END_TEST

START_TEST(addresses_headers_and_sizes_that_lie_are_refused_at_once)
{
    begin(say_hello);
    static const char *const HEADERS[] = {"X: y\r\nZ: 1", NULL};
    sw_http_call call = call_to("/");
    call.url = "http://example.com/";
    ck_assert_int_eq(http_client_call(client, &call, on_answer, NULL), SW_INVALID);
    call.url = "file:///etc/passwd";
    ck_assert_int_eq(http_client_call(client, &call, on_answer, NULL), SW_INVALID);
    call = call_to("/");
    call.headers = HEADERS;
    ck_assert_int_ne(http_client_call(client, &call, on_answer, NULL), SW_OK);
    call = call_to("/");
    call.size = 0;
    ck_assert_int_eq(http_client_call(client, &call, on_answer, NULL), SW_INTERNAL);
    end();
    ck_assert_int_eq(finished, 0);
}
END_TEST

START_TEST(stopping_ends_what_runs_and_what_waits_each_once)
{
    begin(say_nothing);
    sw_http_call call = call_to("/");
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(http_client_call(client, &call, on_answer, NULL), SW_OK);
    ck_assert_uint_eq(http_client_open(client), 200);
    http_client_halt(client);
    ck_assert_int_eq(finished, 200);
    ck_assert_int_eq(got.status, 0);
    ck_assert_str_eq(got_error, "stopped");
    ck_assert_int_eq(got.outcome, SW_HTTP_STOPPED);
    ck_assert_uint_eq(http_client_open(client), 0);
    ck_assert_int_eq(http_client_call(client, &call, on_answer, NULL), SW_BUSY);
    end();
}
END_TEST

/* ---- an answer in pieces ---- */

static char pieces[4096];
static _Atomic int heads, piece_count;
static int head_status;

static void on_head(void *arg, int status, const char *headers)
{
    (void)arg;
    ck_assert_ptr_nonnull(strstr(headers, "X-Said: pieces"));
    head_status = status;
    heads++;
}

static void on_piece(void *arg, const void *data, size_t len)
{
    (void)arg;
    snprintf(pieces + strlen(pieces), sizeof pieces - strlen(pieces), "%.*s", (int)len, (const char *)data);
    piece_count++;
}

/* The second piece comes when the first has been told; then silence, or the end. */
static void say_in_pieces(test_server *s, int fd)
{
    if (!test_read_head(s, fd))
        return;
    test_write_text(fd, "HTTP/1.1 200 OK\r\nX-Said: pieces\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    test_wait_for(&piece_count, 1);
    test_write_text(fd, "3\r\ntwo\r\n");
    test_wait_for(&piece_count, 2);
    if (strstr(s->request, "GET /whole"))
        test_write_text(fd, "0\r\n\r\n");
    else
        (void)test_read(fd, s->seen, 1);
}

static sw_http_call in_pieces(const char *path)
{
    sw_http_call call = call_to(path);
    pieces[0] = '\0';
    heads = piece_count = 0;
    call.head = on_head;
    call.piece = on_piece;
    call.timeout_ms = 0;
    return call;
}

START_TEST(an_answer_in_pieces_is_told_as_it_comes)
{
    begin(say_in_pieces);
    sw_http_call call = in_pieces("/whole");
    ask(&call);
    ck_assert_str_eq(pieces, "onetwo");
    ck_assert_int_eq(heads, 1);
    ck_assert_int_eq(head_status, 200);
    ck_assert_int_eq(got.outcome, SW_HTTP_ANSWERED);
    ck_assert_int_eq(got.status, 200);
    ck_assert_str_eq(got_body, "");
    end();
}
END_TEST

START_TEST(pieces_that_stop_coming_have_timed_out)
{
    begin(say_in_pieces);
    sw_http_call call = in_pieces("/silent");
    call.idle_timeout_ms = 300;
    ask(&call);
    ck_assert_str_eq(pieces, "onetwo");
    ck_assert_int_eq(got.outcome, SW_HTTP_TIMED_OUT);
    end();
}
END_TEST

START_TEST(a_machine_that_never_answers_is_silent_too)
{
    begin(say_nothing);
    sw_http_call call = in_pieces("/");
    call.idle_timeout_ms = 200;
    ask(&call);
    ck_assert_int_eq(heads, 0);
    ck_assert_int_eq(got.outcome, SW_HTTP_TIMED_OUT);
    end();
}
END_TEST

START_TEST(more_pieces_than_allowed_are_a_failure)
{
    begin(say_in_pieces);
    sw_http_call call = in_pieces("/whole");
    call.max_answer = 5;
    ck_assert_int_eq(http_client_call(client, &call, on_answer, NULL), SW_OK);
    test_wait_for(&piece_count, 1);
    test_wait_for(&finished, 1);
    ck_assert_int_eq(got.outcome, SW_HTTP_TOO_LONG);
    piece_count = 2; /* so that the script ends */
    end();
}
END_TEST

START_TEST(a_call_can_be_cancelled_while_it_runs_and_while_it_waits)
{
    begin(say_in_pieces);
    uint64_t running = 0, waiting[100];
    sw_http_call call = in_pieces("/silent");
    call.ret_handle = &running;
    ck_assert_int_eq(http_client_call(client, &call, on_answer, NULL), SW_OK);
    for (int i = 0; i < 100; i++) {
        call.ret_handle = &waiting[i];
        ck_assert_int_eq(http_client_call(client, &call, on_answer, NULL), SW_OK);
    }
    for (int i = 0; i < 100; i++)
        http_client_cancel(client, waiting[i]);
    test_wait_for(&finished, 100);
    ck_assert_int_eq(got.outcome, SW_HTTP_CANCELLED);
    test_wait_for(&piece_count, 2);
    http_client_cancel(client, running);
    http_client_cancel(client, running);
    test_wait_for(&finished, 101);
    ck_assert_str_eq(got_error, "cancelled");
    ck_assert_uint_eq(http_client_open(client), 0);
    end();
}
END_TEST

START_TEST(only_the_machines_that_a_plugin_may_call_are_called)
{
    begin(say_hello);
    sw_http_call call = call_to("/");
    call.flags = SW_HTTP_PLAIN_PRIVATE;
    ask(&call);
    ck_assert_int_eq(got.status, 201);
    finished = 0;
    call.url = "http://169.254.169.254/latest";
    ask(&call);
    ck_assert_int_eq(got.outcome, SW_HTTP_FAILED);
    ck_assert_str_eq(got_error, "http is for private networks alone");
    finished = 0;
    call.flags = SW_HTTP_PUBLIC_ONLY;
    call.url = "https://127.0.0.1:1/";
    ask(&call);
    ck_assert_str_eq(got_error, "its address is not public");
    end();
}
END_TEST

static void add(TCase *tests)
{
    ADD(an_answer_in_pieces_is_told_as_it_comes);
    ADD(pieces_that_stop_coming_have_timed_out);
    ADD(a_machine_that_never_answers_is_silent_too);
    ADD(more_pieces_than_allowed_are_a_failure);
    ADD(a_call_can_be_cancelled_while_it_runs_and_while_it_waits);
    ADD(only_the_machines_that_a_plugin_may_call_are_called);
    ADD(an_answer_comes_with_status_body_and_headers);
    ADD(a_method_without_a_body_is_sent_as_named);
    ADD(a_head_request_is_answered_by_a_head_alone);
    ADD(redirects_are_not_followed);
    ADD(a_connection_that_is_refused_tells_that_nothing_left);
    ADD(a_connection_that_is_cut_tells_that_something_may_have_left);
    ADD(silence_ends_at_the_time_limit);
    ADD(an_answer_over_the_limit_is_a_failure);
    ADD(a_head_over_the_limit_is_a_failure);
    ADD(addresses_headers_and_sizes_that_lie_are_refused_at_once);
    ADD(stopping_ends_what_runs_and_what_waits_each_once);
}

int main(void)
{
    return run_tests("outbound http", add);
}
