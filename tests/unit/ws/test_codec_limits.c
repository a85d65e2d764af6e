/* Lengths of frames and messages: what is too long or badly told is refused, and nothing is kept for it. */
#include "tests/unit/ws/codec_reader.h"

START_TEST(every_size_around_the_borders)
{
    static const size_t SIZES[] = {1, 124, 125, 126, 127, 128, 4095, 4096, 4097, 65535, 65536, 65537, 200000};
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        bytes in = {NULL, 0, 0};
        char *payload = malloc(SIZES[i]);
        memset(payload, 'x', SIZES[i]);
        frame(&in, 0x81, payload, SIZES[i]);
        reader r = {.rules = {LIMIT, false}};
        for (size_t at = 0, step = 1; at < in.len; at += step, step = step * 3 % 8191 + 1)
            feed(&r, in.at + at, in.len - at < step ? in.len - at : step);
        ck_assert_int_eq(r.said[0], 'T');
        done(&r);
        free(payload);
        free(in.at);
    }
}
END_TEST

START_TEST(control_frames_hold_125_bytes_and_no_more)
{
    char payload[126];
    bytes good = {NULL, 0, 0}, bad = {NULL, 0, 0};
    memset(payload, 'p', sizeof payload);
    frame(&good, 0x89, payload, 125);
    reader r = {.rules = {LIMIT, false}};
    feed(&r, good.at, good.len);
    ck_assert_uint_eq(strlen(r.said), 125 + 3);
    done(&r);
    free(good.at);
    frame(&bad, 0x89, payload, 126);
    check(&bad, "F1002 ");
}
END_TEST

START_TEST(lengths_must_be_minimal)
{
    bytes two = {NULL, 0, 0}, eight = {NULL, 0, 0};
    frame_form(&two, 0x81, "hello", 5, 2);
    check(&two, "F1002 ");
    frame_form(&eight, 0x81, "hello", 5, 8);
    check(&eight, "F1002 ");
}
END_TEST

START_TEST(a_length_with_its_top_bit_set_is_wrong)
{
    const uint8_t head[] = {0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4};
    bytes in = {NULL, 0, 0};
    put(&in, head, sizeof head);
    check(&in, "F1002 ");
}
END_TEST

START_TEST(an_unmasked_frame_is_refused)
{
    const uint8_t raw[] = {0x81, 0x05, 'h', 'e', 'l', 'l', 'o'};
    bytes in = {NULL, 0, 0};
    put(&in, raw, sizeof raw);
    check(&in, "F1002 ");
}
END_TEST

/* The announced length alone is enough to refuse: nothing of it is kept. */
START_TEST(a_message_over_the_limit_fails_before_it_is_kept)
{
    reader r = {.rules = {1000, false}};
    const uint8_t head[] = {0x81, 0xFE, 0x03, 0xE9};
    feed(&r, head, sizeof head);
    ck_assert_str_eq(r.said, "F1009 ");
    ck_assert_uint_eq(codec_held(&r.c), 0);
    done(&r);
}
END_TEST

START_TEST(fragments_count_together_against_the_limit)
{
    char half[600];
    bytes in = {NULL, 0, 0};
    memset(half, 'x', sizeof half);
    frame(&in, 0x01, half, sizeof half);
    frame(&in, 0x80, half, sizeof half);
    reader r = {.rules = {1000, false}};
    feed(&r, in.at, in.len);
    ck_assert_str_eq(r.said, "F1009 ");
    done(&r);
    free(in.at);
}
END_TEST

START_TEST(a_message_at_the_limit_passes)
{
    char whole[1000];
    bytes in = {NULL, 0, 0};
    memset(whole, 'x', sizeof whole);
    frame(&in, 0x81, whole, sizeof whole);
    reader r = {.rules = {1000, false}};
    feed(&r, in.at, in.len);
    ck_assert_int_eq(r.said[0], 'T');
    done(&r);
    free(in.at);
}
END_TEST

START_TEST(announced_bytes_take_no_memory_before_they_come)
{
    reader r = {.rules = {LIMIT, false}};
    const uint8_t head[] = {0x81, 0xFF, 0, 0, 0, 0, 0, 7, 0, 0, 1, 2, 3, 4, 'x'};
    feed(&r, head, sizeof head);
    ck_assert_str_eq(r.said, "");
    ck_assert_uint_le(codec_held(&r.c), 8192);
    done(&r);
}
END_TEST

START_TEST(nothing_is_held_between_messages)
{
    reader r = {.rules = {LIMIT, false}};
    bytes in = {NULL, 0, 0};
    char *payload = malloc(100000);
    memset(payload, 'x', 100000);
    frame(&in, 0x81, payload, 100000);
    feed(&r, in.at, in.len);
    ck_assert_uint_eq(codec_held(&r.c), 0);
    done(&r);
    free(payload);
    free(in.at);
}
END_TEST

static void add_tests(TCase *tests)
{
    ADD(every_size_around_the_borders);
    ADD(control_frames_hold_125_bytes_and_no_more);
    ADD(lengths_must_be_minimal);
    ADD(a_length_with_its_top_bit_set_is_wrong);
    ADD(an_unmasked_frame_is_refused);
    ADD(a_message_over_the_limit_fails_before_it_is_kept);
    ADD(fragments_count_together_against_the_limit);
    ADD(a_message_at_the_limit_passes);
    ADD(announced_bytes_take_no_memory_before_they_come);
    ADD(nothing_is_held_between_messages);
}

int main(void)
{
    return run_tests("codec limits", add_tests);
}
