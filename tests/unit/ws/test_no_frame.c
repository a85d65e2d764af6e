/* The frame that stands for none when there is no memory: any thread may have it, and nobody can tell it from a frame
 * that has failed. */
#include "core/ws/ws_frame.h"
#include "tests/unit/run_tests.h"

#include <pthread.h>

static void *give_up(void *frame)
{
    ck_assert_ptr_eq(frame_none(), frame);
    frame_unref(frame_ref(frame));
    frame_unref(frame);
    return NULL;
}

START_TEST(a_frame_without_memory_may_be_given_up_on_another_thread)
{
    pthread_t other;
    ck_assert_int_eq(pthread_create(&other, NULL, give_up, frame_none()), 0);
    pthread_join(other, NULL);
    frame_unref(frame_none());
}
END_TEST

START_TEST(a_frame_without_memory_takes_everything_and_goes_nowhere)
{
    frame_types types = {0};
    frame_types_init(&types);
    sw_frame *f = frame_none();
    sw_json *j = sw_frame_json(f);
    sw_json_text(j, "type", "CHAT");
    sw_json_object_begin(j, "payload");
    sw_json_array_begin(j, "list");
    sw_json_raw(j, NULL, "{}", 2);
    sw_json_array_end(j);
    sw_json_object_end(j);
    sw_frame_mark(f, 7, SW_FRAME_RECEIPT, 9);
    ck_assert(!frame_seal(f, &types));
    ck_assert(frame_lacks_memory(f));
    ck_assert_ptr_null(f->wire);
    ck_assert_int_eq(f->id, 0);
}
END_TEST

START_TEST(a_frame_that_is_too_large_does_not_lack_memory)
{
    frame_types types = {0};
    frame_types_init(&types);
    sw_frame *f = frame_new(1024);
    for (int i = 0; i < 100; i++)
        sw_json_text(sw_frame_json(f), "x", "0123456789");
    ck_assert(!frame_seal(f, &types));
    ck_assert(!frame_lacks_memory(f));
    frame_unref(f);
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_frame_without_memory_may_be_given_up_on_another_thread);
    ADD(a_frame_without_memory_takes_everything_and_goes_nowhere);
    ADD(a_frame_that_is_too_large_does_not_lack_memory);
}

int main(void)
{
    return run_tests("ws_no_frame", add);
}
