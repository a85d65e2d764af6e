/* What a test does behind the door: time, events, other machines, the store, the log. */
#include "tests/unit/testhost/fixture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

START_TEST(nothing_periodic_runs_by_itself_and_each_runs_when_told)
{
    sw_test *t = host();
    ck_assert_int_eq(sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"a\"}")->status, 201);
    ck_assert_int_eq(sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"b\"}")->status, 201);
    (void)poll(NULL, 0, 100); /* many times their periods: what must not happen has had the time to */
    ck_assert_uint_eq(sw_test_logged(t, "tick"), 0);
    ck_assert_str_eq(sw_test_sql(t, "SELECT count(*) FROM probe_rows"), "2");
    ck_assert_int_eq(sw_test_timer(t, "probe", "tick"), SW_OK);
    ck_assert_int_eq(sw_test_timer(t, "probe", "tick"), SW_OK);
    ck_assert_uint_eq(sw_test_logged(t, "info probe tick"), 2);
    ck_assert_int_eq(sw_test_housekeeping(t, "probe", "sweep"), SW_OK);
    ck_assert_str_eq(sw_test_sql(t, "SELECT count(*) FROM probe_rows"), "0");
    ck_assert_int_eq(sw_test_timer(t, "probe", "none"), SW_NOT_FOUND);
    ck_assert_int_eq(sw_test_housekeeping(t, "none", "sweep"), SW_NOT_FOUND);
    sw_test_close(t);
}
END_TEST

START_TEST(a_delayed_task_waits_until_it_is_told_to_begin)
{
    sw_test *t = host();
    ck_assert_int_eq(sw_test_post(t, NULL, "/api/probe/later", NULL)->status, 204);
    ck_assert_int_eq(sw_test_post(t, NULL, "/api/probe/later", NULL)->status, 204);
    (void)poll(NULL, 0, 50); /* its delay is a millisecond */
    ck_assert(sw_test_settle(t));
    ck_assert_uint_eq(sw_test_logged(t, "later 7"), 0);
    ck_assert_uint_eq(sw_test_delayed(t), 2);
    ck_assert(sw_test_settle(t));
    ck_assert_uint_eq(sw_test_logged(t, "later 7"), 2);
    ck_assert_uint_eq(sw_test_delayed(t), 0);
    ck_assert_int_eq(sw_test_post(t, NULL, "/api/probe/later", NULL)->status, 204); /* dropped by the close */
    sw_test_close(t);
}
END_TEST

START_TEST(the_clock_stands_still_where_it_is_set_and_runs_again)
{
    sw_test *t = host();
    sw_test_clock(t, INT64_C(4102444800123)); /* 2100-01-01 */
    ck_assert_int_eq(sw_now_ms(), INT64_C(4102444800123));
    const sw_test_reply *r = sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"a\"}");
    ck_text(r->json, "at", "2100-01-01T00:00:00.123Z");
    sw_test_clock(t, INT64_C(4102444801000));
    r = sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"b\"}");
    ck_text(r->json, "at", "2100-01-01T00:00:01.000Z");
    sw_test_clock(t, INT64_C(946684800000)); /* 2000-01-01: back, as no real clock may go */
    r = sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"c\"}");
    ck_text(r->json, "at", "2000-01-01T00:00:00.000Z");
    ck_assert(sw_test_restart(t));
    r = sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"d\"}");
    ck_text(r->json, "at", "2000-01-01T00:00:00.000Z");
    sw_test_clock(t, 0);
    ck_assert_int_gt(sw_now_ms(), INT64_C(1700000000000));
    r = sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"e\"}");
    ck_assert_str_gt(sw_test_text(r->json, "at"), "2023");
    ck_assert_int_lt(sw_now_ms(), INT64_C(4102444800123));
    sw_test_close(t);
    t = host(); /* the next host's clock runs */
    sw_test_clock(t, 5);
    sw_test_close(t);
    ck_assert_int_gt(sw_now_ms(), 5);
}
END_TEST

START_TEST(what_is_committed_was_published_and_what_was_undone_was_not)
{
    typedef struct {
        uint32_t size;
        int64_t id;
    } added;
    sw_test *t = host();
    ck_assert_ptr_null(sw_test_published(t, "probe.added", 0));
    ck_assert_int_eq(sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"one\"}")->status, 201);
    ck_assert_int_eq(sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"undone\"}")->status, 410);
    ck_assert_int_eq(sw_test_post(t, &ANN, "/api/probe/rows", "{\"text\":\"two\"}")->status, 201);
    const added *first = sw_test_published(t, "probe.added", 0), *second = sw_test_published(t, "probe.added", 1);
    ck_assert(first && second);
    ck_assert_uint_eq(first->size, sizeof *first);
    ck_assert_int_eq(first->id, 1);
    ck_assert_int_eq(second->id, 2);
    ck_assert_ptr_null(sw_test_published(t, "probe.added", 2));
    ck_assert_ptr_null(sw_test_published(t, "probe.removed", 0));
    sw_test_close(t);
}
END_TEST

START_TEST(a_published_event_reaches_both_kinds_of_subscribers_and_may_be_refused)
{
    sw_test *t = host();
    sw_message_event m = {.id = 1, .agent_id = "x", .level = "INFO", .content = "the news"};
    ck_assert_int_eq(sw_test_publish(t, SW_EVENT_MESSAGE_STORED, &m, sizeof m), SW_OK);
    m.content = "refuse me";
    ck_assert_int_eq(sw_test_publish(t, SW_EVENT_MESSAGE_STORED, &m, sizeof m), SW_FORBIDDEN);
    ck_assert(sw_test_settle(t));
    ck_assert_uint_eq(sw_test_logged(t, "heard of the news"), 1);
    ck_assert_uint_eq(sw_test_logged(t, "heard of refuse me"), 0);
    ck_assert_ptr_null(sw_test_published(t, SW_EVENT_MESSAGE_STORED, 0)); /* by the test, not by a plugin */
    sw_test_close(t);
}
END_TEST

/* ---- other machines ---- */

static void answer(void *arg, const sw_http_call *call, sw_http_answer *ret)
{
    _Atomic int *asked = arg;
    int n = ++*asked;
    ret->body = call->url;
    ret->status = n == 1 ? 200 : 503;
}

START_TEST(outbound_calls_are_answered_by_the_test_and_kept)
{
    _Atomic int asked = 0;
    sw_test *t = host_with((sw_test_options){.outbound = answer, .outbound_arg = &asked});
    const sw_test_reply *r = sw_test_get(t, NULL, "/api/probe/far");
    ck_assert_int_eq(sw_test_int(r->json, "status", -1), 200);
    ck_text(r->json, "body", "https://far.example/x");
    r = sw_test_get(t, NULL, "/api/probe/far?url=https://other.example/y");
    ck_assert_int_eq(sw_test_int(r->json, "status", -1), 503);
    const sw_http_call *second = sw_test_outbound_call(t, 1);
    ck_assert_ptr_nonnull(second);
    ck_assert_str_eq(second->url, "https://other.example/y");
    ck_assert_str_eq(second->method, "GET");
    ck_assert_ptr_null(sw_test_outbound_call(t, 2));
    /* What the server refuses to call is refused here, too. */
    ck_assert_int_eq(sw_test_get(t, NULL, "/api/probe/far?url=http://far.example/")->status, 400);
    ck_assert_int_eq(asked, 2);
    ck_assert(sw_test_restart(t));
    ck_assert_int_eq(sw_test_int(sw_test_get(t, NULL, "/api/probe/far")->json, "status", -1), 503);
    ck_assert_ptr_nonnull(sw_test_outbound_call(t, 2));
    sw_test_close(t);
}
END_TEST

START_TEST(without_an_answer_there_is_no_network_and_with_network_it_is_the_real_one)
{
    sw_test *t = host();
    const sw_test_reply *r = sw_test_get(t, NULL, "/api/probe/far");
    ck_assert_int_eq(sw_test_int(r->json, "status", -1), 0);
    ck_text(r->json, "error", "no network in a test");
    ck_assert_ptr_nonnull(sw_test_outbound_call(t, 0));
    sw_test_close(t);
    t = host_with((sw_test_options){.network = true});
    r = sw_test_get(t, NULL, "/api/probe/far?url=http://127.0.0.1:1/");
    ck_assert_int_eq(sw_test_int(r->json, "status", -1), 0);
    ck_assert_str_ne(sw_test_text(r->json, "error"), "no network in a test");
    ck_assert_ptr_null(sw_test_outbound_call(t, 0));
    sw_test_close(t);
}
END_TEST

static void answer_late(void *arg, const sw_http_call *call, sw_http_answer *ret)
{
    sem_t *go = arg;
    (void)call;
    while (sem_wait(go) != 0)
        ; /* a signal came first */
    ret->body = "late";
}

START_TEST(two_requests_are_in_work_at_once)
{
    sem_t go;
    ck_assert_int_eq(sem_init(&go, 0, 0), 0);
    sw_test *t = host_with((sw_test_options){.outbound = answer_late, .outbound_arg = &go});
    sw_test_asked *far = sw_test_begin(t, &ANN, "GET", "/api/probe/far", NULL, NULL);
    ck_assert_ptr_nonnull(far);
    ck_assert_int_eq(sw_test_get(t, NULL, "/api/probe/who")->status, 200);
    ck_assert_int_eq(sem_post(&go), 0);
    const sw_test_reply *r = sw_test_finish(far);
    ck_assert_int_eq(r->status, 200);
    ck_text(r->json, "body", "late");
    ck_assert_ptr_eq(sw_test_finish(far), r);
    ck_assert_ptr_nonnull(sw_test_begin(t, NULL, "GET", "/api/probe/who", NULL, NULL)); /* ends with the host */
    sw_test_asked *nobody = sw_test_begin(t, &(sw_test_user){.name = "x"}, "GET", "/api/probe/who", NULL, NULL);
    ck_assert_int_eq(sw_test_finish(nobody)->status, 0);
    ck_assert_ptr_nonnull(strstr(sw_test_error(t), "an id above 0"));
    sw_test_close(t);
    sem_destroy(&go);
}
END_TEST

/* The status picks what comes: 0 with an outcome, or none. */
static void answer_by_url(void *arg, const sw_http_call *call, sw_http_answer *ret)
{
    (void)arg;
    if (strstr(call->url, "/long"))
        ret->body = "0123456789", ret->headers = "X-Long: yes\r\n";
    else if (strstr(call->url, "/late"))
        *ret = (sw_http_answer){
            .size = sizeof *ret, .error = "slow", .body = "", .headers = "", .outcome = SW_HTTP_TIMED_OUT};
    else if (strstr(call->url, "/down"))
        ret->status = 0, ret->error = "down";
    else
        ret->status = 404;
}

START_TEST(a_stub_has_an_outcome_as_the_network_has)
{
    static const struct {
        const char *path;
        int status, outcome, head_status;
    } CASES[] = {{"/other", 404, SW_HTTP_ANSWERED, 404},
                 {"/long", 0, SW_HTTP_TOO_LONG, 200},
                 {"/late", 0, SW_HTTP_TIMED_OUT, 0},
                 {"/down", 0, SW_HTTP_FAILED, 0}};
    sw_test *t = host_with((sw_test_options){.outbound = answer_by_url});
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char path[128];
        snprintf(path, sizeof path, "/api/probe/far?max=5&url=https://far.example%s", CASES[i].path);
        const sw_value *json = sw_test_get(t, NULL, path)->json;
        ck_assert_int_eq(sw_test_int(json, "status", -1), CASES[i].status);
        ck_assert_int_eq(sw_test_int(json, "outcome", -1), CASES[i].outcome);
        ck_assert_int_eq(sw_test_int(json, "head_status", -1), CASES[i].head_status);
    }
    sw_test_close(t);
    t = host(); /* no network */
    ck_assert_int_eq(sw_test_int(sw_test_get(t, NULL, "/api/probe/far")->json, "outcome", -1), SW_HTTP_FAILED);
    sw_test_close(t);
}
END_TEST

static _Atomic int64_t answered_at;

static void note_answer(void *arg, const sw_http_answer *answer)
{
    (void)arg, (void)answer;
    answered_at = sw_monotonic_ms();
}

static sw_status start_call(sw_request *req)
{
    const sw_http_call call = {.size = sizeof call, .url = sw_request_kept(req), .timeout_ms = 300};
    return sw_http_start(sw_request_host(req), &call, note_answer, NULL);
}

START_TEST(settling_waits_for_calls_over_the_network)
{
    /* A listener that nobody serves: connections come about, answers do not. */
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    char url[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 4) == 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(a.sin_port));
    sw_test *t = host_with((sw_test_options){.network = true});
    answered_at = 0;
    ck_assert_int_eq(sw_test_run(t, "probe", start_call, url), SW_OK);
    ck_assert_msg(sw_test_settle(t), "%s", sw_test_error(t));
    ck_assert_int_gt(answered_at, 0);
    sw_test_close(t);
    close(fd);
}
END_TEST

/* ---- as the plugin ---- */

static sw_status own_handler(sw_request *req)
{
    int *seen = sw_request_kept(req);
    *seen = sw_request_db(req) ? 7 : -1;
    sw_log(sw_request_host(req), SW_LOG_DEBUG, "a handler of the test");
    return SW_OK;
}

static sw_status failing_handler(sw_request *req)
{
    return sw_fail(req, SW_TOO_LARGE, NULL, "as asked for");
}

static sw_status own_step(sw_tx *tx, void *arg)
{
    static const sw_message_event M = {.id = 1, .agent_id = "x", .level = "INFO", .content = "from a step"};
    *(bool *)arg = sw_tx_db(tx) != NULL && sw_tx_now(tx) > 0;
    return sw_tx_publish(tx, SW_EVENT_MESSAGE_STORED, &M, sizeof M);
}

static sw_status refusing_step(sw_tx *tx, void *arg)
{
    (void)arg;
    return sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "no");
}

START_TEST(handlers_and_steps_of_the_test_run_as_the_plugins)
{
    int seen = 0;
    bool ran = false;
    sw_test *t = host();
    ck_assert_int_eq(sw_test_run(t, "probe", own_handler, &seen), SW_OK);
    ck_assert_int_eq(seen, 7);
    ck_assert_uint_eq(sw_test_logged(t, "debug probe a handler of the test"), 1);
    ck_assert_int_eq(sw_test_run(t, "probe", failing_handler, NULL), SW_TOO_LARGE);
    ck_assert_str_eq(sw_test_error(t), "as asked for");
    ck_assert_int_eq(sw_test_write(t, "probe", own_step, &ran), SW_OK);
    ck_assert(ran);
    ck_assert(sw_test_settle(t));
    ck_assert_uint_eq(sw_test_logged(t, "heard of from a step"), 1);
    ck_assert_int_eq(sw_test_write(t, "probe", refusing_step, NULL), SW_CONFLICT);
    ck_assert_int_eq(sw_test_run(t, "none", own_handler, &seen), SW_NOT_FOUND);
    sw_test_close(t);
}
END_TEST

START_TEST(a_query_of_the_test_reads_and_only_reads)
{
    sw_test *t = host();
    ck_assert_str_eq(sw_test_sql(t, "SELECT 'a' || 1"), "a1");
    ck_assert_str_eq(sw_test_sql(t, "SELECT text FROM probe_rows"), "");
    ck_assert_ptr_null(sw_test_sql(t, "SELECT x FROM nowhere"));
    ck_assert_msg(strstr(sw_test_error(t), "nowhere") != NULL, "%s", sw_test_error(t));
    ck_assert_ptr_null(sw_test_sql(t, "DELETE FROM probe_rows"));
    sw_test_close(t);
}
END_TEST

static void add(TCase *tests)
{
    ADD(nothing_periodic_runs_by_itself_and_each_runs_when_told);
    ADD(a_delayed_task_waits_until_it_is_told_to_begin);
    ADD(the_clock_stands_still_where_it_is_set_and_runs_again);
    ADD(what_is_committed_was_published_and_what_was_undone_was_not);
    ADD(a_published_event_reaches_both_kinds_of_subscribers_and_may_be_refused);
    ADD(outbound_calls_are_answered_by_the_test_and_kept);
    ADD(without_an_answer_there_is_no_network_and_with_network_it_is_the_real_one);
    ADD(two_requests_are_in_work_at_once);
    ADD(a_stub_has_an_outcome_as_the_network_has);
    ADD(settling_waits_for_calls_over_the_network);
    ADD(handlers_and_steps_of_the_test_run_as_the_plugins);
    ADD(a_query_of_the_test_reads_and_only_reads);
}

int main(void)
{
    return run_tests("testhost_inside", add);
}
