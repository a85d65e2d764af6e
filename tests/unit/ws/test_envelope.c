#include "core/ws/envelope.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAYLOAD_MAX = 64 };

static envelope e;
static const char *error;

static const char *read_text(const char *text)
{
    /* Memory of exactly the size, so that reading over its end is seen. */
    size_t len = strlen(text);
    static char *copy;
    free(copy);
    copy = malloc(len == 0 ? 1 : len);
    memcpy(copy, text, len);
    return envelope_read(&e, copy, len, PAYLOAD_MAX, &error);
}

#define GOOD(text)       ck_assert_ptr_null(read_text(text))
#define BAD(text, code)  ck_assert_str_eq(read_text(text), code)
#define IS(str, literal) ck_assert((str).len == strlen(literal) && memcmp((str).at, literal, (str).len) == 0)

START_TEST(all_members)
{
    GOOD("{\"type\":\"CHAT\",\"local_id\":\"abc\",\"target_id\":7,\"conversation_id\":3,\"payload\":{\"a\":1.10},"
         "\"stream_id\":\"s1\",\"ack\":true}");
    IS(((sw_str){e.type, e.type_len}), "CHAT");
    IS(((sw_str){e.local, e.local_len}), "abc");
    IS(e.local_raw, "\"abc\"");
    IS(e.payload, "{\"a\":1.10}");
    IS(e.stream, "\"s1\"");
    ck_assert_int_eq(e.target, 7);
    ck_assert_int_eq(e.conversation, 3);
    ck_assert(e.ack && e.has_local);
}
END_TEST

START_TEST(half_a_character_goes_on_as_u_fffd_but_not_in_a_local_id)
{
    GOOD("{\"type\":\"CHAT\",\"payload\":\"ok \\ud83c\",\"stream_id\":\"\\uDE00s\"}");
    IS(e.payload, "\"ok \\ufffd\"");
    IS(e.stream, "\"\\ufffds\"");
    GOOD("{\"type\":\"CHAT\",\"payload\":{\"k\\ud800\":[\"\\ud83d\\ude00\",\"\\ude00\"],\"n\":1.10}}");
    IS(e.payload, "{\"k\\ufffd\":[\"\\ud83d\\ude00\",\"\\ufffd\"],\"n\":1.10}");
    BAD("{\"type\":\"CHAT\",\"local_id\":\"\\ud83c\",\"payload\":\"\"}", "invalid_frame");
}
END_TEST

START_TEST(a_member_that_stands_twice_in_a_payload_is_refused_by_its_reason)
{
    BAD("{\"type\":\"AUTH_RESPONSE\",\"payload\":{\"approved\":false,\"approved\":true}}", "bad_json");
    ck_assert_str_eq(error, "a member stands twice in one object");
    BAD("{\"type\":\"CHAT\",\"payload\":[{\"a\":[{\"b\":1,\"b\":1}]}]}", "bad_json");
    BAD("{\"type\":\"CHAT\",\"payload\":1,\"of nobody\":{\"b\":1,\"b\":1}}", "bad_json");
    GOOD("{\"type\":\"CHAT\",\"payload\":{\"a\":{\"a\":1},\"b\":{\"a\":1}},\"of nobody\":{\"a\":1}}");
    BAD("[]", "bad_json");
    ck_assert_str_eq(error, "not a JSON object");
}
END_TEST

START_TEST(absent_members)
{
    GOOD(" {\"type\" : \"X\"} ");
    ck_assert(!e.has_local && !e.ack);
    ck_assert_ptr_null(e.payload.at);
    ck_assert_ptr_null(e.stream.at);
    ck_assert_int_eq(e.target, 0);
}
END_TEST

START_TEST(null_counts_as_absent)
{
    GOOD("{\"type\":\"X\",\"target_id\":null,\"conversation_id\":null,\"stream_id\":null,\"ack\":null,\"local_id\":"
         "null}");
    ck_assert(!e.has_local && !e.ack && e.target == 0 && e.stream.at == NULL);
}
END_TEST

START_TEST(what_the_server_sets_is_not_looked_at)
{
    GOOD("{\"type\":\"X\",\"sender_id\":\"no number\",\"id\":{},\"timestamp\":[],\"source\":9,\"sender_role\":1}");
}
END_TEST

START_TEST(escaped_names_and_values_are_the_same)
{
    GOOD("{\"\\u0074ype\":\"C\\u0048AT\",\"local_id\":\"\\u00e4\\n\"}");
    IS(((sw_str){e.type, e.type_len}), "CHAT");
    IS(((sw_str){e.local, e.local_len}), "\xC3\xA4\n");
}
END_TEST

START_TEST(not_json)
{
    BAD("", "bad_json");
    BAD("[]", "bad_json");
    BAD("\"x\"", "bad_json");
    BAD("{\"type\":\"X\"", "bad_json");
    BAD("{\"type\":\"X\"}}", "bad_json");
    BAD("{\"type\":\"X\",\"type\":\"Y\"}", "bad_json");
    BAD("{\"type\":\"X\",\"\\u0074ype\":\"Y\"}", "bad_json");
    BAD("{'type':'X'}", "bad_json");
}
END_TEST

START_TEST(type_is_required)
{
    BAD("{}", "invalid_frame");
    BAD("{\"type\":\"\"}", "invalid_frame");
    BAD("{\"type\":null}", "invalid_frame");
    BAD("{\"type\":5,\"local_id\":\"x\"}", "invalid_frame");
    ck_assert(e.has_local);
}
END_TEST

START_TEST(a_type_that_no_module_can_have_is_unknown)
{
    char text[200];
    snprintf(text, sizeof text, "{\"type\":\"%0100d\"}", 1);
    BAD(text, "unknown_type");
    BAD("{\"type\":\"a\\u0000b\"}", "unknown_type");
}
END_TEST

START_TEST(local_id_is_text_of_1_to_128_bytes)
{
    char text[400], id[140];
    BAD("{\"type\":\"X\",\"local_id\":\"\"}", "invalid_frame");
    BAD("{\"type\":\"X\",\"local_id\":5}", "invalid_frame");
    BAD("{\"type\":\"X\",\"local_id\":{}}", "invalid_frame");
    BAD("{\"type\":\"X\",\"local_id\":\"\\u0000\"}", "invalid_frame");
    BAD("{\"type\":\"X\",\"local_id\":\"\\ud800\"}", "invalid_frame");
    memset(id, 'i', sizeof id);
    snprintf(text, sizeof text, "{\"type\":\"X\",\"local_id\":\"%.128s\"}", id);
    GOOD(text);
    snprintf(text, sizeof text, "{\"type\":\"X\",\"local_id\":\"%.129s\"}", id);
    BAD(text, "invalid_frame");
    snprintf(text, sizeof text, "{\"type\":\"X\",\"local_id\":\"%.128s\\u0041\"}", id);
    BAD(text, "invalid_frame");
}
END_TEST

START_TEST(wrong_types)
{
    BAD("{\"type\":\"X\",\"target_id\":\"7\"}", "invalid_frame");
    BAD("{\"type\":\"X\",\"target_id\":7.5}", "invalid_frame");
    BAD("{\"type\":\"X\",\"target_id\":99999999999999999999}", "invalid_frame");
    BAD("{\"type\":\"X\",\"conversation_id\":true}", "invalid_frame");
    BAD("{\"type\":\"X\",\"stream_id\":1}", "invalid_frame");
    BAD("{\"type\":\"X\",\"stream_id\":\"\"}", "invalid_frame");
    BAD("{\"type\":\"X\",\"ack\":\"true\",\"local_id\":\"k\"}", "invalid_frame");
    IS(e.local_raw, "\"k\"");
}
END_TEST

/* A string counts as what it says, anything else as what it is. */
START_TEST(payload_sizes)
{
    char text[600], filler[130];
    memset(filler, 'x', sizeof filler);
    snprintf(text, sizeof text, "{\"type\":\"X\",\"payload\":\"%.64s\"}", filler);
    GOOD(text);
    snprintf(text, sizeof text, "{\"type\":\"X\",\"payload\":\"%.65s\",\"local_id\":\"l\"}", filler);
    BAD(text, "payload_too_large");
    ck_assert(e.has_local);
    GOOD("{\"type\":\"X\",\"payload\":"
         "\"\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\"}");
    snprintf(text, sizeof text, "{\"type\":\"X\",\"payload\":[\"%.62s\"]}", filler);
    BAD(text, "payload_too_large");
    snprintf(text, sizeof text, "{\"type\":\"X\",\"payload\":[\"%.60s\"]}", filler);
    GOOD(text);
}
END_TEST

START_TEST(spans_follow_a_copy)
{
    char text[] = "{\"type\":\"X\",\"payload\":1e400,\"stream_id\":\"s\",\"local_id\":\"l\"}";
    char copy[100];
    ck_assert_ptr_null(envelope_read(&e, text, strlen(text), PAYLOAD_MAX, &error));
    memcpy(copy, text, strlen(text));
    envelope_rebase(&e, text, copy);
    ck_assert(e.payload.at >= copy && e.payload.at < copy + sizeof copy);
    IS(e.payload, "1e400");
    IS(e.stream, "\"s\"");
    IS(e.local_raw, "\"l\"");
}
END_TEST

static void add_tests(TCase *tests)
{
    ADD(all_members);
    ADD(half_a_character_goes_on_as_u_fffd_but_not_in_a_local_id);
    ADD(a_member_that_stands_twice_in_a_payload_is_refused_by_its_reason);
    ADD(absent_members);
    ADD(null_counts_as_absent);
    ADD(what_the_server_sets_is_not_looked_at);
    ADD(escaped_names_and_values_are_the_same);
    ADD(not_json);
    ADD(type_is_required);
    ADD(a_type_that_no_module_can_have_is_unknown);
    ADD(local_id_is_text_of_1_to_128_bytes);
    ADD(wrong_types);
    ADD(payload_sizes);
    ADD(spans_follow_a_copy);
}

int main(void)
{
    return run_tests("envelope", add_tests);
}
