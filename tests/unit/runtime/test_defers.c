/* Answers that come later, and timers. */
#include "tests/unit/runtime/fixture.h"

static test_runtime t;

static void setup(void)
{
    test_runtime_open(&t);
    test_runtime_start(&t);
}

static void teardown(void)
{
    test_runtime_close(&t);
}

static _Atomic uint64_t handle;
static atomic_int resumed;

static sw_status resume(sw_request *req)
{
    atomic_fetch_add(&resumed, 1);
    return sw_write(req, test_put, sw_strdup(req, "deferred"));
}

static sw_status defer_long(sw_request *req)
{
    atomic_store(&handle, sw_defer(req, SW_LANE_WORKER, resume, 60000));
    return sw_deferred(req);
}

static sw_status defer_briefly(sw_request *req)
{
    atomic_store(&handle, sw_defer(req, SW_LANE_WORKER, resume, 60));
    return sw_deferred(req);
}

/* The answer is there, or the time is up, before the handler has returned. */
static sw_status defer_and_complete(sw_request *req)
{
    uint64_t h = sw_defer(req, SW_LANE_WORKER, resume, 60000);
    ck_assert(sw_complete(sw_request_host(req), h));
    ck_assert(!sw_complete(sw_request_host(req), h));
    return sw_deferred(req);
}

static sw_status defer_and_dawdle(sw_request *req)
{
    atomic_store(&handle, sw_defer(req, SW_LANE_WORKER, resume, 20));
    test_sleep(100);
    return sw_deferred(req);
}

static sw_status defer_and_fail(sw_request *req)
{
    atomic_store(&handle, sw_defer(req, SW_LANE_WORKER, resume, 60000));
    return SW_FORBIDDEN;
}

static test_request *run(sw_handler handler)
{
    atomic_store(&handle, 0);
    atomic_store(&resumed, 0);
    test_request *r = test_request_new(&t, REQUEST_TASK);
    ck_assert(request_submit(&t.rt, &r->req, SW_LANE_WORKER, handler));
    return r;
}

static uint64_t await_handle(void)
{
    while (atomic_load(&handle) == 0)
        test_sleep(1);
    return atomic_load(&handle);
}

START_TEST(a_completed_request_goes_on_once)
{
    test_request *r = run(defer_long);
    uint64_t h = await_handle();
    test_sleep(10);
    ck_assert_uint_eq(atomic_load(&t.host.in_flight), 1);
    ck_assert(sw_complete(&t.host, h));
    ck_assert(!sw_complete(&t.host, h));
    ck_assert_int_eq(test_request_wait(r), SW_OK);
    ck_assert(!sw_complete(&t.host, h));
    ck_assert(test_has(&t, "deferred"));
    ck_assert_int_eq(atomic_load(&resumed), 1);
}
END_TEST

START_TEST(an_answer_may_be_there_before_the_handler_returns)
{
    ck_assert_int_eq(test_request_wait(run(defer_and_complete)), SW_OK);
    ck_assert_int_eq(atomic_load(&resumed), 1);
}
END_TEST

START_TEST(the_host_ends_what_takes_too_long)
{
    ck_assert_int_eq(test_request_wait(run(defer_briefly)), SW_TIMED_OUT);
    ck_assert(!sw_complete(&t.host, atomic_load(&handle)));
    ck_assert_int_eq(test_request_wait(run(defer_and_dawdle)), SW_TIMED_OUT);
    ck_assert_int_eq(atomic_load(&resumed), 0);
}
END_TEST

START_TEST(a_handler_that_fails_after_all_voids_its_handle)
{
    ck_assert_int_eq(test_request_wait(run(defer_and_fail)), SW_FORBIDDEN);
    ck_assert(!sw_complete(&t.host, atomic_load(&handle)));
}
END_TEST

START_TEST(handles_of_nobody_are_ignored)
{
    ck_assert(!sw_complete(&t.host, 0));
    ck_assert(!sw_complete(&t.host, 12345));
    ck_assert(!sw_complete(&t.host, UINT64_MAX));
}
END_TEST

START_TEST(stopping_answers_what_is_open)
{
    test_request *r = run(defer_long);
    await_handle();
    test_sleep(10);
    runtime_stop(&t.rt, 0);
    ck_assert_int_eq(test_request_wait(r), SW_BUSY);
    ck_assert(!sw_complete(&t.host, atomic_load(&handle)));
}
END_TEST

/* Many at once, completed by other threads, or not. */
enum { MANY = 2000 };
static _Atomic uint64_t handles[MANY];

static sw_status defer_one_of_many(sw_request *req)
{
    int64_t i = sw_request_tag(req);
    atomic_store(&handles[i], sw_defer(req, SW_LANE_WORKER, resume, 30 + (int)(i * 37 % 200)));
    return sw_deferred(req);
}

static void *complete_some(void *arg)
{
    (void)arg;
    for (int i = 0; i < MANY; i += 2) {
        uint64_t h;
        while ((h = atomic_load(&handles[i])) == 0)
            sched_yield();
        sw_complete(&t.host, h);
    }
    return NULL;
}

START_TEST(many_open_answers_each_end_exactly_once)
{
    static test_request *r[MANY];
    pthread_t thread;
    for (int i = 0; i < MANY; i++) {
        atomic_store(&handles[i], 0);
        r[i] = test_request_new(&t, REQUEST_TASK);
        r[i]->req.tag = i;
    }
    pthread_create(&thread, NULL, complete_some, NULL);
    for (int i = 0; i < MANY; i++)
        while (!request_submit(&t.rt, &r[i]->req, SW_LANE_WORKER, defer_one_of_many))
            sched_yield();
    pthread_join(thread, NULL);
    for (int i = 0; i < MANY; i++) {
        sw_status outcome = test_request_wait(r[i]); /* of the completed ones all but the first meet its UNIQUE row */
        ck_assert(i % 2 == 0 || outcome == SW_TIMED_OUT);
    }
    ck_assert_uint_eq(atomic_load(&t.host.in_flight), 0);
}
END_TEST

/* ---- timers ---- */

static atomic_int runs, overlapping, most;

static sw_status tick(sw_request *req)
{
    (void)req;
    int now = atomic_fetch_add(&overlapping, 1) + 1;
    if (now > atomic_load(&most))
        atomic_store(&most, now);
    atomic_fetch_add(&runs, 1);
    test_sleep(60);
    atomic_fetch_sub(&overlapping, 1);
    return SW_OK;
}

START_TEST(a_timer_runs_again_and_never_twice_at_once)
{
    static const sw_timer TIMER = {"tick", 20, tick};
    atomic_store(&runs, 0);
    atomic_store(&most, 0);
    ck_assert(timer_add(&t.rt, &t.host, &TIMER));
    for (int i = 0; i < 5000 && atomic_load(&runs) < 4; i++)
        test_sleep(1);
    ck_assert_int_ge(atomic_load(&runs), 4);
    ck_assert_int_eq(atomic_load(&most), 1);
    timers_remove(&t.rt, &t.host);
    for (int i = 0; i < 1000 && atomic_load(&t.host.in_flight) != 0; i++)
        test_sleep(1);
    int after = atomic_load(&runs);
    test_sleep(150);
    ck_assert_int_eq(atomic_load(&runs), after);
}
END_TEST

/* ---- delayed tasks ---- */

static atomic_int begun;
static _Atomic int64_t begun_ms, begun_tag;

static sw_status begin_late(sw_request *req)
{
    atomic_store(&begun_ms, sw_monotonic_ms());
    atomic_store(&begun_tag, sw_request_tag(req));
    atomic_fetch_add(&begun, 1);
    return SW_OK;
}

static bool begun_within(int count, int ms)
{
    for (int i = 0; i < ms / 5 && atomic_load(&begun) < count; i++)
        test_sleep(5);
    return atomic_load(&begun) == count;
}

START_TEST(a_delayed_task_runs_once_and_not_before_its_time)
{
    int64_t asked_ms = sw_monotonic_ms();
    atomic_store(&begun, 0);
    ck_assert(sw_task_after(&t.host, SW_LANE_WORKER, begin_late, 7, 80));
    ck_assert(begun_within(1, 5000));
    ck_assert_int_ge(atomic_load(&begun_ms) - asked_ms, 80);
    ck_assert_int_eq(atomic_load(&begun_tag), 7);
    test_sleep(50);
    ck_assert_int_eq(atomic_load(&begun), 1);
    ck_assert_int_eq(atomic_load(&t.host.in_flight), 0);
}
END_TEST

START_TEST(delayed_tasks_wait_while_their_module_is_disabled)
{
    atomic_store(&begun, 0);
    t.host.status = MODULE_DISABLED;
    ck_assert(sw_task_after(&t.host, SW_LANE_WORKER, begin_late, 0, 0));
    test_sleep(50);
    ck_assert_int_eq(atomic_load(&begun), 0);
    t.host.status = MODULE_ENABLED;
    ck_assert(begun_within(1, 5000));
}
END_TEST

START_TEST(delayed_tasks_are_bounded_and_end_with_their_module)
{
    int taken = 0;
    atomic_store(&begun, 0);
    while (taken < 5000 && sw_task_after(&t.host, SW_LANE_WORKER, begin_late, taken, 60000))
        taken++;
    ck_assert_int_eq(taken, 1000);
    timers_remove(&t.rt, &t.host);
    ck_assert(sw_task_after(&t.other, SW_LANE_WORKER, begin_late, 0, 0));
    ck_assert(begun_within(1, 5000));
}
END_TEST

START_TEST(timers_of_a_disabled_module_rest)
{
    static const sw_timer TIMER = {"tick", 10, tick};
    atomic_store(&runs, 0);
    atomic_store(&t.host.status, MODULE_DISABLED);
    ck_assert(timer_add(&t.rt, &t.host, &TIMER));
    test_sleep(100);
    ck_assert_int_eq(atomic_load(&runs), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_completed_request_goes_on_once);
    ADD(an_answer_may_be_there_before_the_handler_returns);
    ADD(the_host_ends_what_takes_too_long);
    ADD(a_handler_that_fails_after_all_voids_its_handle);
    ADD(handles_of_nobody_are_ignored);
    ADD(stopping_answers_what_is_open);
    ADD(many_open_answers_each_end_exactly_once);
    ADD(a_timer_runs_again_and_never_twice_at_once);
    ADD(timers_of_a_disabled_module_rest);
    ADD(a_delayed_task_runs_once_and_not_before_its_time);
    ADD(delayed_tasks_wait_while_their_module_is_disabled);
    ADD(delayed_tasks_are_bounded_and_end_with_their_module);
}

int main(void)
{
    return run_tests("defers", add);
}
