/* The frame codec against the vectors: made by the official SDK's codec, checked by an independent one. */
#include "plugins/integrations/feishu/link/feishu_frame.h"
#include "plugins/integrations/feishu/words.h"
#include "tests/unit/run_tests.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *vectors;

static void setup(void)
{
    json_error_t error;

    vectors = json_load_file(VECTORS, 0, &error);
    ck_assert_ptr_nonnull(vectors);
}

static void teardown(void)
{
    json_decref(vectors);
}

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;

    for (size_t i = 0; i < len; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return len;
}

static void check_text(sw_str got, const json_t *fields, const char *name)
{
    const json_t *want = json_object_get(fields, name);

    if (!want) {
        ck_assert_ptr_null(got.at);
        return;
    }
    ck_assert_uint_eq(got.len, json_string_length(want));
    ck_assert_int_eq(memcmp(got.at, json_string_value(want), got.len), 0);
}

static void check_fields(const frame *f, const json_t *fields)
{
    const json_t *headers = json_object_get(fields, "headers");

    ck_assert_int_eq(f->service, json_integer_value(json_object_get(fields, "service")));
    ck_assert_int_eq(f->method, json_integer_value(json_object_get(fields, "method")));
    ck_assert_uint_eq(f->header_count, json_array_size(headers));
    for (size_t i = 0; i < f->header_count; i++) {
        const json_t *pair = json_array_get(headers, i);
        ck_assert(text_is(f->headers[i].key, json_string_value(json_array_get(pair, 0))));
        ck_assert(text_is(f->headers[i].value, json_string_value(json_array_get(pair, 1))));
    }
    check_text(f->payload_encoding, fields, "payload_encoding");
    check_text(f->payload_type, fields, "payload_type");
    check_text(f->log_id_new, fields, "LogIDNew");
    if (!json_object_get(fields, "payload_hex"))
        check_text(f->payload, fields, "payload");
}

START_TEST(every_vector_decodes_and_encodes_to_the_same_bytes)
{
    size_t i;
    json_t *vector;
    unsigned checked = 0;

    json_array_foreach(json_object_get(vectors, "frames"), i, vector)
    {
        const json_t *fields = json_object_get(vector, "fields");
        uint8_t bytes[4096], again[8192];
        frame f;
        if (!fields)
            continue;
        size_t len = unhex(json_string_value(json_object_get(vector, "hex")), bytes);
        ck_assert_ptr_null(frame_decode(bytes, len, &f));
        check_fields(&f, fields);
        ck_assert_uint_ge(frame_encoded_max(&f), len);
        ck_assert_uint_eq(frame_encode(&f, again), len);
        ck_assert_int_eq(memcmp(again, bytes, len), 0);
        checked++;
    }
    ck_assert_uint_ge(checked, 11);
}
END_TEST

START_TEST(the_robustness_set_is_accepted_and_refused_as_it_says)
{
    size_t i;
    json_t *vector;
    unsigned checked = 0;

    json_array_foreach(json_object_get(vectors, "frames"), i, vector)
    {
        const char *expect = json_string_value(json_object_get(vector, "expect"));
        uint8_t bytes[4096];
        frame f;
        if (!expect)
            continue;
        size_t len = unhex(json_string_value(json_object_get(vector, "hex")), bytes);
        const char *error = frame_decode(bytes, len, &f);
        ck_assert_msg((error == NULL) == (strcmp(expect, "accept") == 0), "%s: %s",
                      json_string_value(json_object_get(vector, "name")), error ? error : "accepted");
        checked++;
    }
    ck_assert_uint_eq(checked, 7);
}
END_TEST

START_TEST(a_log_id_of_two_to_the_64_minus_1_comes_back_unchanged)
{
    static const uint8_t BYTES[] = {0x08, 1,    0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 1,    0x18, 3,    0x20, 1};
    uint8_t again[128];
    frame f;

    ck_assert_ptr_null(frame_decode(BYTES, sizeof BYTES, &f));
    ck_assert_uint_eq(f.log_id, UINT64_MAX);
    ck_assert_uint_eq(frame_encode(&f, again), sizeof BYTES);
    ck_assert_int_eq(memcmp(again, BYTES, sizeof BYTES), 0);
}
END_TEST

START_TEST(a_ping_is_the_vector_s_25_bytes)
{
    const json_t *vector = json_array_get(json_object_get(vectors, "frames"), 0);
    uint8_t want[64], got[256];
    frame f;

    frame_ping(&f, 33554678);
    size_t len = unhex(json_string_value(json_object_get(vector, "hex")), want);
    ck_assert_uint_eq(frame_encode(&f, got), len);
    ck_assert_int_eq(memcmp(got, want, len), 0);
}
END_TEST

START_TEST(every_cut_of_a_frame_is_refused_or_a_whole_frame)
{
    const json_t *vector = json_array_get(json_object_get(vectors, "frames"), 7);
    uint8_t bytes[4096];
    size_t len = unhex(json_string_value(json_object_get(vector, "hex")), bytes);
    frame f;

    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = malloc(cut ? cut : 1);
        memcpy(part, bytes, cut);
        if (!frame_decode(part, cut, &f))
            ck_assert_uint_le(f.payload.len, cut);
        free(part);
    }
}
END_TEST

START_TEST(wire_types_that_do_not_exist_and_65_headers_are_refused)
{
    static const uint8_t GROUP[] = {0x08, 0, 0x10, 0, 0x18, 0, 0x20, 0, 0x53};
    static const uint8_t FIELD_0[] = {0x08, 0, 0x10, 0, 0x18, 0, 0x20, 0, 0x02, 0};
    uint8_t many[1024] = {0x08, 0, 0x10, 0, 0x18, 0, 0x20, 0};
    size_t len = 8;
    frame f;

    ck_assert_ptr_nonnull(frame_decode(GROUP, sizeof GROUP, &f));
    ck_assert_ptr_nonnull(frame_decode(FIELD_0, sizeof FIELD_0, &f));
    for (int i = 0; i < FRAME_HEADERS_MAX + 1; i++) {
        static const uint8_t HEADER[] = {0x2a, 4, 0x0a, 0, 0x12, 0};
        memcpy(many + len, HEADER, sizeof HEADER);
        len += sizeof HEADER;
    }
    ck_assert_ptr_null(frame_decode(many, len - 6, &f));
    ck_assert_ptr_nonnull(frame_decode(many, len, &f));
}
END_TEST

START_TEST(sum_and_seq_are_plain_decimals_within_bounds)
{
    frame f;

    memset(&f, 0, sizeof f);
    ck_assert(frame_header_add(&f, "sum", "12"));
    ck_assert(frame_header_add(&f, "seq", "+1"));
    ck_assert(frame_header_add(&f, "big", "99999999999"));
    ck_assert_int_eq(frame_header_number(&f, "sum", 1024), 12);
    ck_assert_int_eq(frame_header_number(&f, "sum", 11), -1);
    ck_assert_int_eq(frame_header_number(&f, "seq", 1024), -1);
    ck_assert_int_eq(frame_header_number(&f, "big", 1024), -1);
    ck_assert_int_eq(frame_header_number(&f, "none", 1024), -1);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(every_vector_decodes_and_encodes_to_the_same_bytes);
    ADD(the_robustness_set_is_accepted_and_refused_as_it_says);
    ADD(a_log_id_of_two_to_the_64_minus_1_comes_back_unchanged);
    ADD(a_ping_is_the_vector_s_25_bytes);
    ADD(every_cut_of_a_frame_is_refused_or_a_whole_frame);
    ADD(wire_types_that_do_not_exist_and_65_headers_are_refused);
    ADD(sum_and_seq_are_plain_decimals_within_bounds);
}

int main(void)
{
    return run_tests("feishu frame", add);
}
