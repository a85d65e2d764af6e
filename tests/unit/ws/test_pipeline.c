#include "core/ws/pipeline.h"
#include "tests/unit/run_tests.h"

static pipeline_item items[10];

static void push(pipeline *p, int from, int to)
{
    for (int i = from; i <= to; i++) {
        items[i] = (pipeline_item){.bytes = (size_t)i};
        pipeline_push(p, &items[i]);
    }
}

START_TEST(events_leave_in_order_one_batch_at_a_time)
{
    pipeline p = {.first = NULL};
    push(&p, 1, 5);
    ck_assert_uint_eq(p.count, 5);
    ck_assert_uint_eq(p.bytes, 15);
    pipeline_item *batch = pipeline_take(&p, 3);
    ck_assert_ptr_eq(batch, &items[1]);
    ck_assert_ptr_eq(batch->next->next, &items[3]);
    ck_assert_ptr_null(items[3].next);
    ck_assert_ptr_null(pipeline_take(&p, 3));
    pipeline_batch_done(&p, NULL, false);
    ck_assert_ptr_eq(pipeline_take(&p, 3), &items[4]);
    pipeline_batch_done(&p, NULL, false);
    ck_assert_ptr_null(pipeline_take(&p, 3));
    for (int i = 1; i <= 5; i++)
        pipeline_finished(&p, &items[i], false);
    ck_assert(pipeline_idle(&p));
    ck_assert_uint_eq(p.bytes, 0);
}
END_TEST

START_TEST(what_was_not_run_comes_first_again)
{
    pipeline p = {.first = NULL};
    push(&p, 1, 4);
    pipeline_take(&p, 3);
    pipeline_batch_done(&p, &items[2], false); /* 2 and 3 */
    ck_assert_ptr_eq(pipeline_take(&p, 10), &items[2]);
    ck_assert_ptr_eq(items[2].next, &items[3]);
    ck_assert_ptr_eq(items[3].next, &items[4]);
}
END_TEST

START_TEST(an_event_on_another_lane_holds_the_rest_back)
{
    pipeline p = {.first = NULL};
    push(&p, 1, 3);
    pipeline_take(&p, 10);
    pipeline_batch_done(&p, &items[2], true);
    ck_assert_ptr_null(pipeline_take(&p, 10));
    pipeline_finished(&p, &items[1], true);
    ck_assert_ptr_eq(pipeline_take(&p, 10), &items[2]);
}
END_TEST

/* The event's own mail may come before the batch's. */
START_TEST(it_may_come_back_before_its_batch)
{
    pipeline p = {.first = NULL};
    push(&p, 1, 3);
    pipeline_take(&p, 10);
    pipeline_finished(&p, &items[1], true);
    ck_assert_ptr_null(pipeline_take(&p, 10));
    pipeline_batch_done(&p, &items[2], true);
    ck_assert_ptr_eq(pipeline_take(&p, 10), &items[2]);
}
END_TEST

START_TEST(the_writer_holds_nobody_back)
{
    pipeline p = {.first = NULL};
    push(&p, 1, 1);
    pipeline_take(&p, 10);
    pipeline_batch_done(&p, NULL, false); /* 1 is at the writer */
    push(&p, 2, 2);
    ck_assert_ptr_eq(pipeline_take(&p, 10), &items[2]);
    ck_assert(!pipeline_idle(&p));
}
END_TEST

START_TEST(clearing_takes_what_waits)
{
    pipeline p = {.first = NULL};
    push(&p, 1, 4);
    pipeline_take(&p, 2);
    ck_assert_ptr_eq(pipeline_clear(&p), &items[3]);
    ck_assert_uint_eq(p.count, 2);
    ck_assert_uint_eq(p.bytes, 3);
    ck_assert_ptr_null(pipeline_clear(&p));
}
END_TEST

static void add_tests(TCase *tests)
{
    ADD(events_leave_in_order_one_batch_at_a_time);
    ADD(what_was_not_run_comes_first_again);
    ADD(an_event_on_another_lane_holds_the_rest_back);
    ADD(it_may_come_back_before_its_batch);
    ADD(the_writer_holds_nobody_back);
    ADD(clearing_takes_what_waits);
}

int main(void)
{
    return run_tests("pipeline", add_tests);
}
