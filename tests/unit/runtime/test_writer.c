/* The writer: batches, savepoints, effects, and who is undone with whom. */
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

/* ---- steps ---- */

static sw_status put_and_fail(sw_tx *tx, void *name)
{
    SW_TRY(test_put(tx, name));
    return SW_FORBIDDEN;
}

typedef struct {
    char log[64];
    unsigned len;
} trace;

typedef struct {
    trace *trace;
    char name;
    sw_status end;
} traced;

static void say(void *arg)
{
    traced *x = arg;
    x->trace->log[x->trace->len++] = x->name;
}

static void say_dropped(void *arg)
{
    traced *x = arg;
    x->trace->log[x->trace->len++] = (char)(x->name - 'A' + 'a');
}

static void say_committed(void *state, void *arg)
{
    (void)state;
    say(arg);
}

static sw_status queue_effects(sw_tx *tx, void *arg)
{
    traced *x = arg;
    char name[2] = {x->name, '\0'};
    SW_TRY(test_put(tx, name));
    ck_assert(tx_effect(tx, say, say_dropped, x));
    sw_tx_on_commit(tx, say_committed, x);
    return x->end;
}

static sw_status reply_with_count(sw_tx *tx, void *arg)
{
    (void)arg;
    sw_rows *rows = NULL;
    SW_TRY(sw_db_query(sw_tx_db(tx), &ROWS[ROW_COUNT], 0, &rows, ""));
    sw_json *j = sw_tx_reply(tx, 201);
    sw_json_object_begin(j, NULL);
    if (sw_rows_next(rows))
        sw_json_int(j, "n", sw_rows_int(rows, 0));
    sw_json_object_end(j);
    return sw_rows_done(rows);
}

static sw_status reply_and_fail(sw_tx *tx, void *arg)
{
    SW_TRY(reply_with_count(tx, arg));
    sw_reply_header(sw_tx_request(tx), "X-Lost", "yes");
    return sw_fail(sw_tx_request(tx), SW_CONFLICT, "taken", "it is taken");
}

/* ---- tests ---- */

START_TEST(a_step_is_durable_when_it_is_answered)
{
    ck_assert_int_eq(test_request_wait(test_write(&t, test_put, "a")), SW_OK);
    ck_assert(test_has(&t, "a"));
}
END_TEST

START_TEST(a_failing_step_leaves_the_others_alone)
{
    test_request *r[8];
    r[0] = test_write(&t, test_hold, NULL);
    r[1] = test_write(&t, put_and_fail, "x1");
    r[2] = test_write(&t, test_put, "a");
    r[3] = test_write(&t, put_and_fail, "x2");
    r[4] = test_write(&t, test_put, "a"); /* UNIQUE */
    r[5] = test_write(&t, test_put, "b");
    r[6] = test_write(&t, put_and_fail, "x3");
    r[7] = test_write(&t, test_put, "x2"); /* free again */
    test_release();
    const sw_status expected[8] = {SW_OK, SW_FORBIDDEN, SW_OK, SW_FORBIDDEN, SW_CONFLICT, SW_OK, SW_FORBIDDEN, SW_OK};
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(test_request_wait(r[i]), expected[i]);
    ck_assert_int_eq(test_count(&t), 3);
    ck_assert(test_has(&t, "a") && test_has(&t, "b") && test_has(&t, "x2"));
    ck_assert_uint_eq(atomic_load(&writer_read_metrics(t.rt.writer)->batches), 2);
    ck_assert_uint_eq(atomic_load(&writer_read_metrics(t.rt.writer)->steps), 8);
    ck_assert_int_eq(atomic_load(&t.host.in_flight), 0);
}
END_TEST

START_TEST(effects_run_in_order_after_the_commit_and_drop_with_their_step)
{
    trace log = {.len = 0};
    traced a = {&log, 'A', SW_OK}, b = {&log, 'B', SW_CONFLICT}, c = {&log, 'C', SW_OK};
    test_request *r[4] = {test_write(&t, test_hold, NULL), test_write(&t, queue_effects, &a),
                          test_write(&t, queue_effects, &b), test_write(&t, queue_effects, &c)};
    test_release();
    ck_assert_int_eq(test_request_wait(r[0]), SW_OK);
    ck_assert_int_eq(test_request_wait(r[1]), SW_OK);
    ck_assert_int_eq(test_request_wait(r[2]), SW_CONFLICT);
    ck_assert_int_eq(test_request_wait(r[3]), SW_OK);
    ck_assert_str_eq(log.log, "bAACC"); /* b was dropped at once; the commit released the others */
}
END_TEST

START_TEST(the_reply_of_a_step_leaves_with_its_commit_and_not_after_a_rollback)
{
    test_request *r = test_request_new(&t, REQUEST_HTTP);
    r->req.step = reply_with_count;
    ck_assert(writer_submit(t.rt.writer, &r->req));
    test_wait(&r->done);
    ck_assert_int_eq(r->outcome, SW_OK);
    ck_assert_int_eq(r->http_status, 201);
    ck_assert_str_eq(r->body, "{\"n\":0}");
    free(r);

    r = test_request_new(&t, REQUEST_HTTP);
    r->req.step = reply_and_fail;
    ck_assert(writer_submit(t.rt.writer, &r->req));
    test_wait(&r->done);
    ck_assert_int_eq(r->outcome, SW_CONFLICT);
    ck_assert_int_eq(r->http_status, 0);
    ck_assert_int_eq((int)r->body_len, 0);
    ck_assert_ptr_null(r->req.headers);
    ck_assert_str_eq(r->failure.code, "taken");
    ck_assert_str_eq(r->text, "it is taken");
    free(r);
}
END_TEST

START_TEST(an_http_step_without_a_reply_is_an_error_and_undone)
{
    test_request *r = test_request_new(&t, REQUEST_HTTP);
    r->req.step = test_put;
    r->req.arg = "a";
    ck_assert(writer_submit(t.rt.writer, &r->req));
    ck_assert_int_eq(test_request_wait(r), SW_INTERNAL);
    ck_assert_int_eq(test_count(&t), 0);
}
END_TEST

static sw_status note_place(sw_tx *tx, void *arg)
{
    (void)tx;
    int *place = arg;
    *place = 1;
    return SW_OK;
}

START_TEST(a_request_without_a_step_passes_in_order)
{
    int seen = 0;
    test_request *a = test_write(&t, test_hold, NULL), *b = test_write(&t, note_place, &seen),
                 *c = test_write(&t, NULL, NULL);
    test_release();
    test_wait(&c->done);
    ck_assert_int_eq(c->outcome, SW_OK);
    ck_assert_int_eq(seen, 1);
    free(c);
    test_request_wait(a);
    test_request_wait(b);
}
END_TEST

static sw_status look_at_clock(sw_tx *tx, void *arg)
{
    int64_t *times = arg;
    ck_assert_int_eq(sw_tx_now(tx), sw_tx_now(tx));
    ck_assert_int_ge(sw_tx_now(tx), times[0]);
    times[0] = sw_tx_now(tx);
    return SW_OK;
}

START_TEST(the_clock_of_steps_does_not_go_back_by_itself)
{
    int64_t latest = 0;
    test_request *r[200];
    for (int i = 0; i < 200; i++)
        r[i] = test_write(&t, look_at_clock, &latest);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(test_request_wait(r[i]), SW_OK);
    ck_assert_int_gt(latest, 1500000000000);
}
END_TEST

/* ---- credentials ---- */

static sw_status change_user(sw_tx *tx, void *arg)
{
    int64_t *user = arg;
    sw_tx_user_changed(tx, *user, false);
    return *user < 0 ? SW_CONFLICT : SW_OK;
}

static test_request *write_as(int64_t user, uint32_t generation, char *name)
{
    test_request *r = test_request_new(&t, REQUEST_FRAME);
    r->req.who.role = SW_ROLE_AGENT;
    r->req.who.user_id = user;
    r->req.generation = generation;
    r->req.step = test_put;
    r->req.arg = name;
    ck_assert(writer_submit(t.rt.writer, &r->req));
    return r;
}

START_TEST(nobody_writes_with_credentials_that_changed_before)
{
    int64_t seven = 7;
    test_request *hold = test_write(&t, test_hold, NULL);
    test_request *before = write_as(7, 0, "before"), *change = test_write(&t, change_user, &seven),
                 *same_batch = write_as(7, 0, "same batch"), *other = write_as(8, 0, "other");
    test_release();
    ck_assert_int_eq(test_request_wait(hold), SW_OK);
    ck_assert_int_eq(test_request_wait(before), SW_OK);
    ck_assert_int_eq(test_request_wait(change), SW_OK);
    ck_assert(!principal_current(t.rt.principals, 7, 0));
    ck_assert_int_eq(test_request_wait(same_batch), SW_UNAUTHENTICATED);
    ck_assert_int_eq(test_request_wait(other), SW_OK);
    ck_assert_int_eq(test_request_wait(write_as(7, 0, "later")), SW_UNAUTHENTICATED);
    ck_assert_int_eq(test_request_wait(write_as(7, 1, "new token")), SW_OK);
}
END_TEST

START_TEST(a_change_that_is_undone_locks_nobody_out)
{
    int64_t bad = -7;
    test_request *hold = test_write(&t, test_hold, NULL), *change = test_write(&t, change_user, &bad);
    test_request *after = write_as(-7, 0, "after");
    test_release();
    ck_assert_int_eq(test_request_wait(hold), SW_OK);
    ck_assert_int_eq(test_request_wait(change), SW_CONFLICT);
    ck_assert_int_eq(test_request_wait(after), SW_OK);
}
END_TEST

/* ---- many threads ---- */

enum { PRODUCERS = 64, EACH = 40 };

static void *produce(void *arg)
{
    int *ended = arg;
    for (int i = 0; i < EACH; i++) {
        char name[48];
        snprintf(name, sizeof name, "%p-%d", arg, i);
        bool fails = i % 5 == 4;
        sw_status status = test_request_wait(test_write(&t, fails ? put_and_fail : test_put, name));
        if (status == (fails ? SW_FORBIDDEN : SW_OK))
            (*ended)++;
    }
    return NULL;
}

START_TEST(many_threads_share_batches)
{
    pthread_t threads[PRODUCERS];
    static int ended[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++) {
        ended[i] = 0;
        pthread_create(&threads[i], NULL, produce, &ended[i]);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(ended[i], EACH);
    }
    ck_assert_int_eq(test_count(&t), PRODUCERS * EACH / 5 * 4);
    ck_assert_uint_lt(atomic_load(&writer_read_metrics(t.rt.writer)->batches), PRODUCERS * EACH);
}
END_TEST

static sw_status later_outcome;
static sem_t later_done;

static void on_later(void *arg, sw_status outcome)
{
    (void)arg;
    later_outcome = outcome;
    sem_post(&later_done);
}

START_TEST(writes_from_outside_a_request_tell_their_outcome)
{
    sem_init(&later_done, 0, 0);
    ck_assert(sw_write_later(&t.host, test_put, "a", on_later));
    test_wait(&later_done);
    ck_assert_int_eq(later_outcome, SW_OK);
    ck_assert(sw_write_later(&t.host, test_put, "a", on_later));
    test_wait(&later_done);
    ck_assert_int_eq(later_outcome, SW_CONFLICT);
    ck_assert(test_has(&t, "a"));
}
END_TEST

START_TEST(stopping_runs_what_is_queued_and_refuses_more)
{
    test_request *r[50];
    char names[50][16];
    for (int i = 0; i < 50; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        r[i] = test_write(&t, i == 0 ? test_hold : test_put, names[i]);
    }
    test_release();
    runtime_stop(&t.rt, 0);
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(test_request_wait(r[i]), SW_OK);
    ck_assert_int_eq(test_count(&t), 49);
    test_request *late = test_request_new(&t, REQUEST_TASK);
    ck_assert(!writer_submit(t.rt.writer, &late->req));
    ck_assert(!sw_task_run(&t.host, SW_LANE_WORKER, NULL, 0));
    ck_assert(!sw_write_later(&t.host, test_put, "x", NULL));
    request_done(&late->req);
    free(late);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_step_is_durable_when_it_is_answered);
    ADD(a_failing_step_leaves_the_others_alone);
    ADD(effects_run_in_order_after_the_commit_and_drop_with_their_step);
    ADD(the_reply_of_a_step_leaves_with_its_commit_and_not_after_a_rollback);
    ADD(an_http_step_without_a_reply_is_an_error_and_undone);
    ADD(a_request_without_a_step_passes_in_order);
    ADD(the_clock_of_steps_does_not_go_back_by_itself);
    ADD(nobody_writes_with_credentials_that_changed_before);
    ADD(a_change_that_is_undone_locks_nobody_out);
    ADD(many_threads_share_batches);
    ADD(writes_from_outside_a_request_tell_their_outcome);
    ADD(stopping_runs_what_is_queued_and_refuses_more);
}

int main(void)
{
    return run_tests("writer", add);
}
