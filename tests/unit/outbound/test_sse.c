/* text/event-stream: every field, every end of line, cut anywhere. */
#include "tests/unit/run_tests.h"

#include <steward/outbound.h>

static char events[4096];

static void note(void *arg, const sw_sse_event *e)
{
    size_t len = strlen(events);
    (void)arg;
    ck_assert_uint_eq(strlen(e->data), e->data_len);
    snprintf(events + len, sizeof events - len, "[%s|%s|%s]", e->event, e->data, e->id);
}

/* What comes of the text when it arrives in pieces of that size. */
static const char *read_in_pieces(const char *text, size_t piece)
{
    sw_sse *sse = sw_sse_new(0);
    size_t len = strlen(text);

    ck_assert_ptr_nonnull(sse);
    events[0] = '\0';
    for (size_t at = 0; at < len; at += piece)
        ck_assert_int_eq(sw_sse_feed(sse, text + at, len - at < piece ? len - at : piece, note, NULL), SW_OK);
    sw_sse_free(sse);
    return events;
}

static void both_ways(const char *text, const char *wanted)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++)
        ck_assert_str_eq(read_in_pieces(text, piece), wanted);
}

START_TEST(an_event_ends_with_an_empty_line_wherever_it_is_cut)
{
    both_ways("data: one\n\ndata: two\r\n\r\ndata: three\r\rdata: four\n",
              "[message|one|][message|two|][message|three|]");
}
END_TEST

START_TEST(type_and_id_are_told_and_the_id_stays)
{
    both_ways("event: add\nid: 7\ndata: x\n\ndata: y\n\n", "[add|x|7][message|y|7]");
    both_ways("id: 7\ndata: x\n\nid\ndata: y\n\n", "[message|x|7][message|y|]");
}
END_TEST

START_TEST(lines_of_data_are_joined_and_one_blank_behind_the_colon_is_left_out)
{
    both_ways("data: a\ndata:b\ndata:  c\n\n", "[message|a\nb\n c|]");
    both_ways("data\n\ndata\ndata\n\ndata:\n", "[message||][message|\n|]");
}
END_TEST

START_TEST(comments_unknown_fields_and_events_without_data_say_nothing)
{
    both_ways(": keep-alive\n\nretry: 10\nfoo: bar\n\nevent: none\n\ndata:[DONE]\n\n", "[message|[DONE]|]");
}
END_TEST

START_TEST(a_byte_order_mark_is_left_out_at_the_beginning_alone)
{
    both_ways("\xef\xbb\xbf"
              "data: a\n\n\xef\xbb\xbf"
              "data: b\n\n",
              "[message|a|]");
}
END_TEST

START_TEST(an_event_over_the_limit_ends_the_reading)
{
    char long_line[200];
    sw_sse *sse = sw_sse_new(100);

    memset(long_line, 'x', sizeof long_line);
    ck_assert_int_eq(sw_sse_feed(sse, "data: ", 6, note, NULL), SW_OK);
    ck_assert_int_eq(sw_sse_feed(sse, long_line, sizeof long_line, note, NULL), SW_TOO_LARGE);
    ck_assert_int_eq(sw_sse_feed(sse, "\n\n", 2, note, NULL), SW_TOO_LARGE);
    sw_sse_free(sse);

    sse = sw_sse_new(100);
    sw_status status = SW_OK;
    for (int i = 0; i < 20 && status == SW_OK; i++)
        status = sw_sse_feed(sse, "data: 0123456789\n", 17, note, NULL);
    ck_assert_int_eq(status, SW_TOO_LARGE);
    sw_sse_free(sse);
}
END_TEST

static void add(TCase *tests)
{
    ADD(an_event_ends_with_an_empty_line_wherever_it_is_cut);
    ADD(type_and_id_are_told_and_the_id_stays);
    ADD(lines_of_data_are_joined_and_one_blank_behind_the_colon_is_left_out);
    ADD(comments_unknown_fields_and_events_without_data_say_nothing);
    ADD(a_byte_order_mark_is_left_out_at_the_beginning_alone);
    ADD(an_event_over_the_limit_ends_the_reading);
}

int main(void)
{
    return run_tests("outbound sse", add);
}
