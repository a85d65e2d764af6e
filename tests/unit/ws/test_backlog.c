#include "core/ws/backlog.h"
#include "core/ws/codec.h"
#include "tests/unit/run_tests.h"

#include <event2/buffer.h>

static void put_frame(struct evbuffer *queue, size_t len)
{
    uint8_t head[CODEC_HEADER_MAX];
    size_t size = codec_header(head, OP_TEXT, false, len);
    char *payload = calloc(1, len + 1);
    evbuffer_add(queue, head, size);
    evbuffer_add(queue, payload, len);
    free(payload);
}

START_TEST(frames_are_found_across_the_chains_of_a_buffer)
{
    struct evbuffer *queue = evbuffer_new();
    static const size_t SIZES[] = {0, 125, 126, 65535, 65536, 7};
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++)
        put_frame(queue, SIZES[i]);
    backlog *b = backlog_of(queue);
    ck_assert_ptr_nonnull(b);
    ck_assert_uint_eq(b->count, 6);
    ck_assert_uint_eq(b->left, evbuffer_get_length(queue));
    ck_assert_uint_eq(b->sizes[2], 126 + 4);
    ck_assert_uint_eq(b->sizes[4], 65536 + 10);
    backlog_free(b);
    evbuffer_free(queue);
}
END_TEST

START_TEST(a_queue_that_ends_within_a_frame_is_none)
{
    struct evbuffer *queue = evbuffer_new();
    put_frame(queue, 10);
    evbuffer_add(queue, "\x81\x05xy", 4);
    ck_assert_ptr_null(backlog_of(queue));
    evbuffer_free(queue);
}
END_TEST

START_TEST(it_knows_the_frame_that_has_been_sent_in_part)
{
    struct evbuffer *queue = evbuffer_new();
    for (int i = 0; i < 3; i++)
        put_frame(queue, 8);
    backlog *b = backlog_of(queue);
    ck_assert_uint_eq(backlog_open(b), 0);
    backlog_take(b, 10);
    ck_assert_uint_eq(backlog_open(b), 0);
    backlog_take(b, 13 - 10);
    ck_assert_uint_eq(backlog_open(b), 7);
    ck_assert_uint_eq(b->left, 17);
    backlog_take(b, 17);
    ck_assert_uint_eq(backlog_open(b), 0);
    ck_assert_uint_eq(b->left, 0);
    ck_assert(backlog_add(b, 5));
    ck_assert_uint_eq(backlog_open(b), 0);
    backlog_take(b, 1);
    ck_assert_uint_eq(backlog_open(b), 4);
    backlog_free(b);
    evbuffer_free(queue);
}
END_TEST

START_TEST(a_long_life_takes_no_more_room)
{
    struct evbuffer *queue = evbuffer_new();
    put_frame(queue, 8);
    backlog *b = backlog_of(queue);
    for (int i = 0; i < 100000; i++) {
        ck_assert(backlog_add(b, 10));
        backlog_take(b, 10);
        ck_assert_uint_eq(backlog_open(b), 0);
    }
    ck_assert_uint_le(b->cap, 64);
    backlog_free(b);
    evbuffer_free(queue);
}
END_TEST

static void add_tests(TCase *tests)
{
    ADD(frames_are_found_across_the_chains_of_a_buffer);
    ADD(a_queue_that_ends_within_a_frame_is_none);
    ADD(it_knows_the_frame_that_has_been_sent_in_part);
    ADD(a_long_life_takes_no_more_room);
}

int main(void)
{
    return run_tests("backlog", add_tests);
}
