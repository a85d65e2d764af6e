/* Lanes: bounded, drained at the end, a module's share of the slow one; and how a request goes from one to another. */
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

/* ---- plain jobs ---- */

typedef struct {
    job job; /* first member */
    atomic_int *ran;
    sem_t *gate; /* waited for before it ends, NULL: none */
} counted_job;

static void run_counted(job *j, worker *w)
{
    (void)w;
    counted_job *c = (counted_job *)j;
    if (c->gate != NULL)
        test_wait(c->gate);
    atomic_fetch_add(c->ran, 1);
}

START_TEST(a_full_lane_refuses_and_what_is_queued_runs_before_the_end)
{
    enum { WORKERS = 2, QUEUE = 8 };
    atomic_int ran = 0;
    sem_t gate;
    sem_init(&gate, 0, 0);
    counted_job jobs[WORKERS + QUEUE + 1];
    ck_assert_ptr_nonnull(lanes_start(&t.rt, WORKERS, 1, 1, QUEUE));
    for (int i = 0; i < WORKERS; i++) {
        jobs[i] = (counted_job){.job.run = run_counted, .ran = &ran, .gate = &gate};
        ck_assert(lane_submit(&t.rt, SW_LANE_WORKER, &jobs[i].job));
    }
    while (lanes_read_metrics(t.rt.lanes, SW_LANE_WORKER).running < WORKERS)
        test_sleep(1);
    for (int i = WORKERS; i < WORKERS + QUEUE; i++) {
        jobs[i] = (counted_job){.job.run = run_counted, .ran = &ran};
        ck_assert(lane_submit(&t.rt, SW_LANE_WORKER, &jobs[i].job));
    }
    jobs[WORKERS + QUEUE] = (counted_job){.job.run = run_counted, .ran = &ran};
    ck_assert(!lane_submit(&t.rt, SW_LANE_WORKER, &jobs[WORKERS + QUEUE].job));
    ck_assert_uint_eq(lanes_read_metrics(t.rt.lanes, SW_LANE_WORKER).queued, QUEUE);
    ck_assert_int_eq(atomic_load(&ran), 0);
    for (int i = 0; i < WORKERS; i++)
        sem_post(&gate);
    lanes_stop(t.rt.lanes);
    t.rt.lanes = NULL;
    ck_assert_int_eq(atomic_load(&ran), WORKERS + QUEUE);
    ck_assert(!lane_submit(&t.rt, SW_LANE_WORKER, &jobs[0].job));
}
END_TEST

enum { SUBMITTERS = 8, PER_SUBMITTER = 2000 };
static counted_job many[SUBMITTERS][PER_SUBMITTER];

static void *submit_many(void *arg)
{
    counted_job *mine = arg;
    for (int i = 0; i < PER_SUBMITTER; i++)
        while (!lane_submit(&t.rt, SW_LANE_WORKER, &mine[i].job))
            sched_yield();
    return NULL;
}

START_TEST(no_wake_up_is_lost_with_many_submitters)
{
    atomic_int ran = 0;
    pthread_t threads[SUBMITTERS];
    ck_assert_ptr_nonnull(lanes_start(&t.rt, 6, 1, 1, 64));
    for (int i = 0; i < SUBMITTERS; i++) {
        for (int k = 0; k < PER_SUBMITTER; k++)
            many[i][k] = (counted_job){.job.run = run_counted, .ran = &ran};
        pthread_create(&threads[i], NULL, submit_many, many[i]);
    }
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 5000 && atomic_load(&ran) < SUBMITTERS * PER_SUBMITTER; i++)
        test_sleep(1);
    ck_assert_int_eq(atomic_load(&ran), SUBMITTERS * PER_SUBMITTER); /* without anybody stopping the lane */
}
END_TEST

/* ---- requests ---- */

static sem_t gate, entered;
static atomic_int running_items, most_items;

static sw_status wait_at_gate(sw_request *req)
{
    if (sw_request_host(req) == &t.host) {
        int now = atomic_fetch_add(&running_items, 1) + 1;
        int most = atomic_load(&most_items);
        while (now > most && !atomic_compare_exchange_weak(&most_items, &most, now))
            continue;
    }
    sem_post(&entered);
    test_wait(&gate);
    if (sw_request_host(req) == &t.host)
        atomic_fetch_sub(&running_items, 1);
    return SW_OK;
}

static test_request *run_on(sw_lane lane, sw_host *host, sw_handler handler)
{
    test_request *r = test_request_new(&t, REQUEST_TASK);
    r->req.host = host;
    ck_assert(request_submit(&t.rt, &r->req, lane, handler));
    return r;
}

START_TEST(a_module_gets_half_of_the_slow_lane)
{
    sem_init(&gate, 0, 0);
    sem_init(&entered, 0, 0);
    atomic_store(&running_items, 0);
    atomic_store(&most_items, 0);
    test_runtime_start(&t); /* 4 slow threads */
    test_request *r[8], *others[2];
    for (int i = 0; i < 8; i++)
        r[i] = run_on(SW_LANE_SLOW, &t.host, wait_at_gate);
    for (int i = 0; i < 2; i++)
        others[i] = run_on(SW_LANE_SLOW, &t.other, wait_at_gate); /* behind eight of the greedy one, and not stuck */
    for (int i = 0; i < 4; i++)
        test_wait(&entered);
    ck_assert_int_eq(atomic_load(&running_items), 2);
    for (int i = 0; i < 10; i++)
        sem_post(&gate);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(test_request_wait(r[i]), SW_OK);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(test_request_wait(others[i]), SW_OK);
    ck_assert_int_eq(atomic_load(&most_items), 2);
    runtime_stop(&t.rt, 1000);
    ck_assert_uint_eq(atomic_load(&t.host.slow_running), 0);
    ck_assert_uint_eq(atomic_load(&t.host.slow_queued), 0);
}
END_TEST

START_TEST(a_module_may_fill_only_half_of_the_slow_queue)
{
    enum { QUEUE = 8 };
    sem_init(&gate, 0, 0);
    sem_init(&entered, 0, 0);
    ck_assert_ptr_nonnull(defers_start(&t.rt));
    ck_assert_ptr_nonnull(lanes_start(&t.rt, 1, 1, 2, QUEUE));
    test_request *first = run_on(SW_LANE_SLOW, &t.host, wait_at_gate), *r[QUEUE / 2];
    test_wait(&entered);
    for (int i = 0; i < QUEUE / 2; i++)
        r[i] = run_on(SW_LANE_SLOW, &t.host, wait_at_gate);
    ck_assert(!sw_task_run(&t.host, SW_LANE_SLOW, wait_at_gate, 0));
    test_request *other = run_on(SW_LANE_SLOW, &t.other, wait_at_gate);
    for (int i = 0; i < QUEUE / 2 + 2; i++)
        sem_post(&gate);
    ck_assert_int_eq(test_request_wait(first), SW_OK);
    ck_assert_int_eq(test_request_wait(other), SW_OK);
    for (int i = 0; i < QUEUE / 2; i++)
        ck_assert_int_eq(test_request_wait(r[i]), SW_OK);
}
END_TEST

/* worker → hash → slow → writer, handing a pointer on. */
typedef struct {
    pthread_t threads[3];
    bool had_db[3];
    int at;
} journey;

static void note(sw_request *req)
{
    journey *j = sw_request_kept(req);
    j->threads[j->at] = pthread_self();
    j->had_db[j->at++] = sw_request_db(req) != NULL;
}

static sw_status then_slow(sw_request *req)
{
    note(req);
    return sw_write(req, test_put, sw_strdup(req, "arrived"));
}

static sw_status then_hash(sw_request *req)
{
    note(req);
    return sw_move(req, SW_LANE_SLOW, then_slow);
}

static journey way;

static sw_status set_out(sw_request *req)
{
    sw_request_keep(req, &way);
    note(req);
    return sw_move(req, SW_LANE_HASH, then_hash);
}

START_TEST(a_request_moves_from_lane_to_lane_to_the_writer)
{
    way = (journey){.at = 0};
    test_runtime_start(&t);
    ck_assert_int_eq(test_request_wait(run_on(SW_LANE_WORKER, &t.host, set_out)), SW_OK);
    ck_assert_int_eq(way.at, 3);
    ck_assert(way.had_db[0] && !way.had_db[1] && way.had_db[2]);
    ck_assert(!pthread_equal(way.threads[0], way.threads[1]) && !pthread_equal(way.threads[1], way.threads[2]));
    ck_assert(test_has(&t, "arrived"));
    ck_assert_uint_eq(atomic_load(&t.host.calls), 4);
    ck_assert_uint_eq(atomic_load(&t.host.in_flight), 0);
}
END_TEST

static sw_status fill_hash(sw_request *req)
{
    (void)req;
    test_wait(&gate);
    return SW_OK;
}

static sw_status move_to_hash(sw_request *req)
{
    return sw_move(req, SW_LANE_HASH, fill_hash);
}

START_TEST(moving_to_a_full_lane_is_busy)
{
    sem_init(&gate, 0, 0);
    test_runtime_start(&t);
    enum { FULL = 65 }; /* one runs, 64 wait */
    test_request *r[FULL];
    r[0] = run_on(SW_LANE_HASH, &t.host, fill_hash);
    while (lanes_read_metrics(t.rt.lanes, SW_LANE_HASH).running == 0)
        test_sleep(1);
    for (int i = 1; i < FULL; i++)
        r[i] = run_on(SW_LANE_HASH, &t.host, fill_hash);
    test_request *late = run_on(SW_LANE_WORKER, &t.host, move_to_hash);
    test_wait(&late->done);
    ck_assert_int_eq(late->outcome, SW_BUSY);
    ck_assert_int_eq(late->failure.retry_after, 1);
    ck_assert_int_eq(failure_http_status(late->outcome), 503);
    free(late);
    for (int i = 0; i < FULL; i++)
        sem_post(&gate);
    for (int i = 0; i < FULL; i++)
        ck_assert_int_eq(test_request_wait(r[i]), SW_OK);
}
END_TEST

static sw_status run_tag(sw_request *req)
{
    ck_assert_int_eq(sw_request_tag(req), 42);
    ck_assert_str_eq(sw_request_address(req), "");
    ck_assert_int_eq(sw_request_principal(req)->role, 0);
    sem_post(&entered);
    return SW_OK;
}

START_TEST(tasks_run_with_their_tag)
{
    sem_init(&entered, 0, 0);
    test_runtime_start(&t);
    ck_assert(sw_task_run(&t.host, SW_LANE_WORKER, run_tag, 42));
    ck_assert(sw_task_run(&t.host, SW_LANE_SLOW, run_tag, 42));
    test_wait(&entered);
    test_wait(&entered);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_full_lane_refuses_and_what_is_queued_runs_before_the_end);
    ADD(no_wake_up_is_lost_with_many_submitters);
    ADD(a_module_gets_half_of_the_slow_lane);
    ADD(a_module_may_fill_only_half_of_the_slow_queue);
    ADD(a_request_moves_from_lane_to_lane_to_the_writer);
    ADD(moving_to_a_full_lane_is_busy);
    ADD(tasks_run_with_their_tag);
}

int main(void)
{
    return run_tests("lanes", add);
}
