/* What a handler does with its request: replies, failures, sticky errors, JSON. */
#include "tests/unit/runtime/fixture.h"

static test_runtime t;

static void setup(void)
{
    test_runtime_open(&t);
}

static void teardown(void)
{
    test_runtime_close(&t);
}

/* Runs it here, without lanes. The caller frees. */
static test_request *run(request_kind kind, sw_handler handler)
{
    test_request *r = test_request_new(&t, kind);
    r->req.handler = handler;
    request_run(&r->req, NULL);
    test_wait(&r->done);
    return r;
}

static sw_status reply(sw_request *req)
{
    sw_json *j = sw_reply_json(req, 200);
    sw_json_object_begin(j, NULL);
    sw_json_text(j, "a", "b");
    sw_json_object_end(j);
    sw_reply_header(req, "X-One", "1");
    sw_reply_header(req, "X-Two", "2");
    sw_reply_header(req, "X-Bad", "1\r\nX-Three: 3");
    sw_reply_header(req, "X Bad", "1");
    ck_assert_str_eq(req->headers->name, "X-One");
    ck_assert_str_eq(req->headers->next->value, "2");
    ck_assert_ptr_null(req->headers->next->next);
    return SW_OK;
}

START_TEST(a_reply_is_kept)
{
    test_request *r = run(REQUEST_HTTP, reply);
    ck_assert_int_eq(r->outcome, SW_OK);
    ck_assert_int_eq(r->http_status, 200);
    ck_assert_str_eq(r->body, "{\"a\":\"b\"}");
    ck_assert_uint_eq(atomic_load(&t.host.calls), 1);
    free(r);
}
END_TEST

static sw_status reply_twice(sw_request *req)
{
    sw_json_int(sw_reply_json(req, 200), NULL, 1);
    sw_reply_bytes(req, 203, "text/plain", "hello", 5);
    ck_assert_str_eq(req->content_type, "text/plain");
    return SW_OK;
}

START_TEST(the_last_reply_counts)
{
    test_request *r = run(REQUEST_HTTP, reply_twice);
    ck_assert_int_eq(r->http_status, 203);
    ck_assert_str_eq(r->body, "hello");
    free(r);
}
END_TEST

static sw_status reply_and_fail(sw_request *req)
{
    SW_TRY(reply(req));
    sw_fail_retry_after(req, 9);
    sw_status status = sw_fail(req, SW_RATE_LIMITED, "slow_down", "wait %d s", 9);
    sw_fail_detail(req, "%s", "more");
    return status;
}

START_TEST(a_failure_drops_the_reply)
{
    test_request *r = run(REQUEST_HTTP, reply_and_fail);
    ck_assert_int_eq(r->outcome, SW_RATE_LIMITED);
    ck_assert_int_eq(r->http_status, 0);
    ck_assert_int_eq((int)r->body_len, 0);
    ck_assert_str_eq(r->failure.code, "slow_down");
    ck_assert_str_eq(r->text, "wait 9 s");
    ck_assert_int_eq(r->failure.retry_after, 9);
    free(r);
}
END_TEST

static sw_status no_reply(sw_request *req)
{
    (void)req;
    return SW_OK;
}

static sw_status note_one_and_return_another(sw_request *req)
{
    (void)!sw_fail(req, SW_CONFLICT, "taken", "taken");
    return SW_NOT_FOUND;
}

START_TEST(failures_have_texts_of_their_own)
{
    test_request *r = run(REQUEST_HTTP, no_reply);
    ck_assert_int_eq(r->outcome, SW_INTERNAL);
    ck_assert_str_eq(r->failure.code, "internal");
    free(r);
    r = run(REQUEST_TASK, no_reply);
    ck_assert_int_eq(r->outcome, SW_OK);
    free(r);
    r = run(REQUEST_HTTP, note_one_and_return_another);
    ck_assert_int_eq(r->outcome, SW_NOT_FOUND);
    ck_assert_str_eq(r->failure.code, "not_found");
    free(r);
    ck_assert_int_eq(failure_http_status(SW_EXPIRED), 410);
    ck_assert_int_eq(failure_http_status((sw_status)99), 500);
    ck_assert_str_eq(failure_code(SW_TIMED_OUT), "unavailable");
}
END_TEST

static sw_status invalid(sw_request *req)
{
    sw_invalid(req, "missing_field", "%s is required", "name");
    sw_invalid(req, "field_too_long", "never said");
    SW_TRY(sw_check(req));
    return SW_OK;
}

START_TEST(the_first_parameter_error_is_the_one_told)
{
    test_request *r = run(REQUEST_HTTP, invalid);
    ck_assert_int_eq(r->outcome, SW_INVALID);
    ck_assert_str_eq(r->failure.code, "missing_field");
    ck_assert_str_eq(r->text, "name is required");
    free(r);
}
END_TEST

static sw_status reply_too_much(sw_request *req)
{
    sw_json *j = sw_reply_json(req, 200);
    sw_json_array_begin(j, NULL);
    for (int i = 0; i < 100000; i++)
        sw_json_text(j, NULL, "0123456789012345678901234567890123456789");
    sw_json_array_end(j);
    return SW_OK;
}

START_TEST(a_reply_over_the_limit_is_an_error)
{
    t.rt.reply_limit = 1000000;
    test_request *r = run(REQUEST_HTTP, reply_too_much);
    ck_assert_int_eq(r->outcome, SW_NO_MEMORY);
    ck_assert_int_eq((int)r->body_len, 0);
    free(r);
}
END_TEST

static sw_status use_json(sw_request *req)
{
    sw_json *j = sw_json_new(req);
    sw_json_array_begin(j, NULL);
    sw_json_int(j, NULL, 7);
    sw_json_array_end(j);
    sw_str text = sw_json_str(j);
    ck_assert_str_eq(text.at, "[7]");
    const sw_value *v = sw_json_parse(req, text.at, text.len);
    ck_assert_int_eq(sw_value_int(sw_value_at(v, 0), 0), 7);
    ck_assert_ptr_null(sw_json_parse(req, "{", 1));
    ck_assert_ptr_null(sw_alloc(req, SIZE_MAX / 2, 3));
    ck_assert_str_eq(sw_printf(req, "%d-%s", 1, "x"), "1-x");
    ck_assert_str_eq(sw_strndup(req, "abc", 2), "ab");
    return SW_OK;
}

START_TEST(json_lives_in_the_request)
{
    test_request *r = run(REQUEST_TASK, use_json);
    ck_assert_int_eq(r->outcome, SW_OK);
    free(r);
}
END_TEST

/* ---- a reader that is in the way ---- */

static sw_status read_forever(sw_request *req)
{
    sw_rows *rows = NULL;
    SW_TRY(sw_db_query(sw_request_db(req), &ROWS[ROW_ENDLESS], 0, &rows, ""));
    return sw_rows_done(rows);
}

START_TEST(a_running_read_can_be_ended)
{
    test_runtime_start(&t);
    test_request *r = test_request_new(&t, REQUEST_TASK);
    ck_assert(request_submit(&t.rt, &r->req, SW_LANE_WORKER, read_forever));
    test_sleep(50);
    pthread_mutex_lock(&t.rt.readers.lock);
    ck_assert_uint_eq(t.rt.readers.count, 3 + 2 + 4);
    for (unsigned i = 0; i < t.rt.readers.count; i++)
        if (db_lent_since(t.rt.readers.all[i]) != 0)
            db_interrupt(t.rt.readers.all[i]);
    pthread_mutex_unlock(&t.rt.readers.lock);
    ck_assert_int_eq(test_request_wait(r), SW_BUSY);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_reply_is_kept);
    ADD(the_last_reply_counts);
    ADD(a_failure_drops_the_reply);
    ADD(failures_have_texts_of_their_own);
    ADD(the_first_parameter_error_is_the_one_told);
    ADD(a_reply_over_the_limit_is_an_error);
    ADD(json_lives_in_the_request);
    ADD(a_running_read_can_be_ended);
}

int main(void)
{
    return run_tests("request", add);
}
