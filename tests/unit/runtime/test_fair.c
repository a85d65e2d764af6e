/* Fairness: the turns of parties in a queue, what one of them holds of a lane and of the writer, and what is urgent. */
#include "core/runtime/fair.h"
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

/* ---- the queue alone ---- */

enum { GREEDY = 7, HONEST = 8, OTHER = 9 };

static job *put(fair_queue *q, job *j, uint16_t party)
{
    *j = (job){.party = party};
    fair_add(q, j);
    return j;
}

START_TEST(who_comes_behind_a_thousand_of_another_waits_for_one)
{
    static job many[1000];
    job late;
    fair_queue q;
    ck_assert(fair_open(&q, 0, 0));
    for (int i = 0; i < 1000; i++)
        put(&q, &many[i], GREEDY);
    put(&q, &late, HONEST);
    ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &many[0]);
    ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &late);
    ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &many[1]);
    ck_assert_uint_eq(q.queued, 998);
    fair_close(&q);
}
END_TEST

START_TEST(each_party_keeps_its_order)
{
    job a[3], b[3];
    fair_queue q;
    ck_assert(fair_open(&q, 0, 0));
    for (int i = 0; i < 3; i++)
        put(&q, &a[i], GREEDY);
    for (int i = 0; i < 3; i++)
        put(&q, &b[i], HONEST);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &a[i]);
        ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &b[i]);
    }
    ck_assert_ptr_null(fair_take(&q, NULL, NULL));
    fair_close(&q);
}
END_TEST

START_TEST(a_party_at_its_bound_leaves_the_line_until_one_has_finished)
{
    job a[3], b, own[2];
    fair_queue q;
    ck_assert(fair_open(&q, 1, 2));
    put(&q, &a[0], GREEDY);
    put(&q, &a[1], GREEDY);
    ck_assert(!fair_has_room(&q, GREEDY));
    ck_assert(fair_has_room(&q, HONEST));
    ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &a[0]);
    ck_assert(!fair_ready(&q));
    put(&q, &b, HONEST);
    ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &b);
    ck_assert_ptr_null(fair_take(&q, NULL, NULL));
    fair_finished(&q, GREEDY);
    ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &a[1]);
    for (int i = 0; i < 2; i++) /* the server itself has no bound */
        put(&q, &own[i], PARTY_SERVER);
    ck_assert(fair_has_room(&q, PARTY_SERVER));
    ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &own[0]);
    ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &own[1]);
    fair_close(&q);
}
END_TEST

START_TEST(long_turns_are_made_up_for_while_others_wait)
{
    static job slow[4], quick[200];
    fair_queue q;
    ck_assert(fair_open(&q, 0, 0));
    for (int i = 0; i < 4; i++)
        put(&q, &slow[i], GREEDY);
    for (int i = 0; i < 200; i++)
        put(&q, &quick[i], HONEST);
    ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &slow[0]);
    fair_charge(&q, GREEDY, 10 * 1000000); /* ten milliseconds */
    int before = 0;
    for (job *j; (j = fair_take(&q, NULL, NULL)) != &slow[1]; before++)
        ck_assert_uint_eq(j->party, HONEST);
    ck_assert_int_ge(before, 30);
    fair_charge(&q, GREEDY, 10 * 1000000);
    for (job *j; (j = fair_take(&q, NULL, NULL)) != &slow[2];)
        ck_assert_uint_eq(j->party, HONEST);
    fair_charge(&q, GREEDY, INT64_C(1000000000000));
    while (q.queued > 1)
        ck_assert_ptr_nonnull(fair_take(&q, NULL, NULL));
    ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &slow[3]); /* alone in the line: nobody is kept waiting */
    fair_close(&q);
}
END_TEST

static bool not_greedy(const void *arg, const job *j)
{
    (void)arg;
    return j->party != GREEDY;
}

START_TEST(a_job_that_may_not_run_holds_up_nobody)
{
    job a[2], b;
    fair_queue q;
    ck_assert(fair_open(&q, 0, 0));
    put(&q, &a[0], GREEDY);
    put(&q, &a[1], GREEDY);
    ck_assert_ptr_null(fair_take(&q, not_greedy, NULL));
    put(&q, &b, HONEST);
    ck_assert_ptr_eq(fair_take(&q, not_greedy, NULL), &b);
    ck_assert_ptr_null(fair_take(&q, not_greedy, NULL));
    ck_assert_ptr_eq(fair_take(&q, NULL, NULL), &a[0]);
    fair_close(&q);
}
END_TEST

static uint16_t party_at(const char *address)
{
    sw_request req = {.kind = REQUEST_HTTP, .address = address};
    return party_of(&req);
}

START_TEST(users_never_share_a_number_with_addresses_nor_with_the_server)
{
    sw_request req = {.kind = REQUEST_HTTP, .address = "127.0.0.1"};
    ck_assert_uint_gt(party_at("127.0.0.1"), PARTY_USERS);
    ck_assert_uint_lt(party_at("127.0.0.1"), PARTIES);
    ck_assert_uint_eq(party_at("2001:db8:1:2:a::1"), party_at("2001:db8:1:2:b::9"));
    ck_assert_uint_ne(party_at("10.0.0.1"), party_at("10.0.0.2"));
    ck_assert_uint_eq(party_at(""), PARTY_SERVER);
    req.who.role = SW_ROLE_AGENT;
    for (int64_t id = 1; id < 10000; id++) {
        req.who.user_id = id;
        ck_assert(party_of(&req) >= 1 && party_of(&req) <= PARTY_USERS);
    }
    req = (sw_request){.kind = REQUEST_TASK, .address = ""};
    ck_assert_uint_eq(party_of(&req), PARTY_SERVER);
    ck_assert_uint_eq(share_of(4, 50), 2);
    ck_assert_uint_eq(share_of(1, 50), 1);
    ck_assert_uint_eq(share_of(1000000, 100), 1000000);
}
END_TEST

/* ---- lanes ---- */

static sem_t entered, let_go;

static sw_status stay(sw_request *req)
{
    (void)req;
    sem_post(&entered);
    test_wait(&let_go);
    return SW_OK;
}

static test_request *request_as(int64_t user, bool urgent)
{
    test_request *r = test_request_new(&t, REQUEST_FRAME);
    r->req.who.role = SW_ROLE_AGENT;
    r->req.who.user_id = user;
    r->req.urgent = urgent;
    return r;
}

static test_request *work_as(int64_t user, bool urgent)
{
    test_request *r = request_as(user, urgent);
    ck_assert(request_submit(&t.rt, &r->req, SW_LANE_WORKER, stay));
    return r;
}

START_TEST(one_user_holds_at_most_a_part_of_the_workers_and_of_their_queue)
{
    enum { WORKERS = 4, QUEUE = 16 };
    sem_init(&entered, 0, 0);
    sem_init(&let_go, 0, 0);
    ck_assert_ptr_nonnull(defers_start(&t.rt));
    ck_assert_ptr_nonnull(lanes_start(&t.rt, WORKERS, 1, 1, QUEUE));
    test_request *greedy[2 + QUEUE / 2], *honest[2];
    for (int i = 0; i < 2; i++)
        greedy[i] = work_as(GREEDY, false);
    for (int i = 0; i < 2; i++)
        test_wait(&entered);
    for (int i = 0; i < QUEUE / 2; i++)
        greedy[2 + i] = work_as(GREEDY, false);
    test_request *refused = request_as(GREEDY, false);
    ck_assert(!request_submit(&t.rt, &refused->req, SW_LANE_WORKER, stay));
    for (int i = 0; i < 2; i++)
        honest[i] = work_as(HONEST + i, false);
    for (int i = 0; i < 2; i++)
        test_wait(&entered); /* although eight were there before */
    ck_assert_uint_eq(lanes_read_metrics(t.rt.lanes, SW_LANE_WORKER).queued, QUEUE / 2);
    for (int i = 0; i < 2 + 2 + QUEUE / 2; i++)
        sem_post(&let_go);
    for (int i = 0; i < 2 + QUEUE / 2; i++)
        ck_assert_int_eq(test_request_wait(greedy[i]), SW_OK);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(test_request_wait(honest[i]), SW_OK);
    request_done(&refused->req);
    free(refused);
}
END_TEST

START_TEST(what_is_urgent_runs_while_every_worker_is_taken)
{
    sem_init(&entered, 0, 0);
    sem_init(&let_go, 0, 0);
    ck_assert_ptr_nonnull(defers_start(&t.rt));
    ck_assert_ptr_nonnull(lanes_start(&t.rt, 2, 1, 1, 16));
    test_request *r[4];
    for (int i = 0; i < 4; i++)
        r[i] = work_as(GREEDY + i, false);
    for (int i = 0; i < 2; i++)
        test_wait(&entered);
    test_request *urgent = work_as(HONEST, true);
    test_wait(&entered);
    ck_assert_uint_eq(lanes_read_metrics(t.rt.lanes, SW_LANE_WORKER).queued, 2);
    for (int i = 0; i < 5; i++)
        sem_post(&let_go);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(test_request_wait(r[i]), SW_OK);
    ck_assert_int_eq(test_request_wait(urgent), SW_OK);
}
END_TEST

/* ---- the writer ---- */

static int64_t order[64];
static int written;

static sw_status note_user(sw_tx *tx, void *arg)
{
    (void)arg;
    order[written++] = sw_request_principal(sw_tx_request(tx))->user_id;
    return SW_OK;
}

static test_request *write_as(int64_t user, bool urgent)
{
    test_request *r = request_as(user, urgent);
    r->req.step = note_user;
    return writer_submit(t.rt.writer, &r->req) ? r : (request_done(&r->req), free(r), NULL);
}

/* The writer is held up in a step, and everything that comes meanwhile waits. */
static test_request *hold_up(void)
{
    test_runtime_start(&t);
    written = 0;
    test_request *hold = test_write(&t, test_hold, NULL);
    while (writer_read_metrics(t.rt.writer)->queued > 0)
        test_sleep(1);
    return hold;
}

START_TEST(urgent_steps_go_first_and_all_others_take_turns)
{
    test_request *hold = hold_up(), *r[12];
    for (int i = 0; i < 8; i++)
        r[i] = write_as(GREEDY, false);
    r[8] = write_as(HONEST, false);
    r[9] = write_as(OTHER, true);
    r[10] = write_as(OTHER, true);
    r[11] = write_as(HONEST, false);
    test_release();
    ck_assert_int_eq(test_request_wait(hold), SW_OK);
    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(test_request_wait(r[i]), SW_OK);
    const int64_t expected[] = {OTHER, OTHER, GREEDY, HONEST, GREEDY, HONEST, GREEDY, GREEDY};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        ck_assert_int_eq(order[i], expected[i]);
}
END_TEST

START_TEST(many_urgent_steps_let_the_others_go_on)
{
    test_request *hold = hold_up(), *r[41];
    r[40] = write_as(HONEST, false);
    for (int i = 0; i < 40; i++)
        r[i] = write_as(GREEDY + i % 4 * 100, true);
    test_release();
    ck_assert_int_eq(test_request_wait(hold), SW_OK);
    for (int i = 0; i < 41; i++)
        ck_assert_int_eq(test_request_wait(r[i]), SW_OK);
    int at = 0;
    while (order[at] != HONEST)
        at++;
    ck_assert_int_eq(at, 8);
}
END_TEST

START_TEST(one_user_fills_half_of_the_writers_queue_and_nobody_fills_the_room_of_urgent_steps)
{
    enum { HALF = 2048 };
    static test_request *r[2 * HALF];
    test_request *hold = hold_up();
    for (int i = 0; i < HALF; i++) {
        r[i] = request_as(GREEDY, false);
        ck_assert(writer_submit(t.rt.writer, &r[i]->req));
    }
    ck_assert_ptr_null(write_as(GREEDY, false));
    ck_assert(writer_crowded(t.rt.writer, party_of_user(GREEDY), false));
    ck_assert(!writer_crowded(t.rt.writer, party_of_user(HONEST), false));
    for (int i = HALF; i < 2 * HALF; i++) {
        r[i] = request_as(HONEST, false);
        ck_assert(writer_submit(t.rt.writer, &r[i]->req));
    }
    ck_assert_ptr_null(write_as(OTHER, false));
    ck_assert(writer_crowded(t.rt.writer, party_of_user(OTHER), false));
    ck_assert(!writer_crowded(t.rt.writer, party_of_user(OTHER), true));
    test_request *urgent = write_as(OTHER, true);
    ck_assert_ptr_nonnull(urgent);
    test_release();
    ck_assert_int_eq(test_request_wait(hold), SW_OK);
    ck_assert_int_eq(test_request_wait(urgent), SW_OK);
    for (int i = 0; i < 2 * HALF; i++)
        ck_assert_int_eq(test_request_wait(r[i]), SW_OK);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(who_comes_behind_a_thousand_of_another_waits_for_one);
    ADD(each_party_keeps_its_order);
    ADD(a_party_at_its_bound_leaves_the_line_until_one_has_finished);
    ADD(long_turns_are_made_up_for_while_others_wait);
    ADD(a_job_that_may_not_run_holds_up_nobody);
    ADD(users_never_share_a_number_with_addresses_nor_with_the_server);
    ADD(one_user_holds_at_most_a_part_of_the_workers_and_of_their_queue);
    ADD(what_is_urgent_runs_while_every_worker_is_taken);
    ADD(urgent_steps_go_first_and_all_others_take_turns);
    ADD(many_urgent_steps_let_the_others_go_on);
    ADD(one_user_fills_half_of_the_writers_queue_and_nobody_fills_the_room_of_urgent_steps);
}

int main(void)
{
    return run_tests("fairness", add);
}
