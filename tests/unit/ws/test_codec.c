/* RFC 6455 conformance, case by case: frames that come, plain and compressed, and the heads of frames that go. */
#include "tests/unit/ws/codec_reader.h"

/* ---- cases of a few frames each: first byte, payload ---- */

typedef struct {
    const char *name;
    struct {
        unsigned first;
        const char *payload;
    } frames[6];
    const char *want;
} simple_case;

static const simple_case SIMPLE[] = {
    {"an empty text", {{0x81, ""}}, "T: "},
    {"a short text", {{0x81, "hello"}}, "T:hello "},
    {"two texts", {{0x81, "a"}, {0x81, "b"}}, "T:a T:b "},
    {"text of two-, three- and four-byte letters",
     {{0x81, "\xC3\xA4\xE4\xB8\xAD\xF0\x9F\x98\x80"}},
     "T:\xC3\xA4\xE4\xB8\xAD\xF0\x9F\x98\x80 "},
    {"a binary frame", {{0x82, "x"}}, "F1003 "},
    {"an empty binary frame", {{0x82, ""}}, "F1003 "},
    {"the first fragment of a binary message", {{0x02, "x"}}, "F1003 "},
    {"an empty ping", {{0x89, ""}}, "P: "},
    {"a ping", {{0x89, "data"}}, "P:data "},
    {"a pong nobody asked for", {{0x8A, "data"}}, "p:data "},
    {"ten pings",
     {{0x89, "1"}, {0x89, "2"}, {0x89, "3"}, {0x89, "4"}, {0x89, "5"}, {0x89, "6"}},
     "P:1 P:2 P:3 P:4 P:5 P:6 "},
    {"a ping in fragments", {{0x09, "a"}}, "F1002 "},
    {"a close in fragments", {{0x08, ""}}, "F1002 "},
    {"RSV1 on text", {{0xC1, "x"}}, "F1002 "},
    {"RSV2 on text", {{0xA1, "x"}}, "F1002 "},
    {"RSV3 on text", {{0x91, "x"}}, "F1002 "},
    {"RSV on ping", {{0xC9, "x"}}, "F1002 "},
    {"RSV on close", {{0xC8, ""}}, "F1002 "},
    {"RSV on binary", {{0xC2, "x"}}, "F1002 "},
    {"opcode 3", {{0x83, "x"}}, "F1002 "},
    {"opcode 4", {{0x84, "x"}}, "F1002 "},
    {"opcode 5", {{0x85, ""}}, "F1002 "},
    {"opcode 6", {{0x86, "x"}}, "F1002 "},
    {"opcode 7", {{0x87, "x"}}, "F1002 "},
    {"opcode 11", {{0x8B, ""}}, "F1002 "},
    {"opcode 12", {{0x8C, "x"}}, "F1002 "},
    {"opcode 13", {{0x8D, "x"}}, "F1002 "},
    {"opcode 14", {{0x8E, "x"}}, "F1002 "},
    {"opcode 15", {{0x8F, "x"}}, "F1002 "},
    {"two fragments", {{0x01, "hel"}, {0x80, "lo"}}, "T:hello "},
    {"three fragments", {{0x01, "a"}, {0x00, "b"}, {0x80, "c"}}, "T:abc "},
    {"empty fragments", {{0x01, ""}, {0x00, ""}, {0x80, ""}}, "T: "},
    {"an empty last fragment", {{0x01, "abc"}, {0x80, ""}}, "T:abc "},
    {"a ping between fragments", {{0x01, "a"}, {0x89, "p"}, {0x80, "b"}}, "P:p T:ab "},
    {"pongs between fragments", {{0x01, "a"}, {0x8A, "1"}, {0x00, "b"}, {0x8A, "2"}, {0x80, "c"}}, "p:1 p:2 T:abc "},
    {"a close between fragments", {{0x01, "a"}, {0x88, "\x03\xE8"}, {0x80, "b"}}, "C1000: "},
    {"a continuation of nothing", {{0x80, "x"}}, "F1002 "},
    {"an open continuation of nothing", {{0x00, "x"}}, "F1002 "},
    {"a continuation after a whole text", {{0x81, "x"}, {0x80, "y"}}, "T:x F1002 "},
    {"a text within a fragmented one", {{0x01, "x"}, {0x81, "y"}}, "F1002 "},
    {"a binary within a fragmented text", {{0x01, "x"}, {0x82, "y"}}, "F1002 "},
    {"RSV1 on a continuation", {{0x01, "x"}, {0xC0, "y"}}, "F1002 "},
    {"two fragmented messages", {{0x01, "a"}, {0x80, "b"}, {0x01, "c"}, {0x80, "d"}}, "T:ab T:cd "},
    {"a text after a fragmented one", {{0x01, "a"}, {0x80, "b"}, {0x81, "c"}}, "T:ab T:c "},
    {"a letter cut by fragments", {{0x01, "\xE4"}, {0x00, "\xB8"}, {0x80, "\xAD"}}, "T:\xE4\xB8\xAD "},
    {"a four-byte letter cut by fragments", {{0x01, "\xF0\x9F"}, {0x80, "\x98\x80"}}, "T:\xF0\x9F\x98\x80 "},
    {"a letter that never ends", {{0x01, "\xE4"}, {0x80, "\xB8"}}, "F1007 "},
    {"a letter broken by the next fragment", {{0x01, "\xE4"}, {0x80, "x"}}, "F1007 "},
    {"broken in the middle of a message", {{0x01, "ok\xC0\x80"}, {0x80, "x"}}, "F1007 "},
    {"a surrogate", {{0x81, "\xED\xA0\x80"}}, "F1007 "},
    {"an overlong slash", {{0x81, "\xC0\xAF"}}, "F1007 "},
    {"over U+10FFFF", {{0x81, "\xF4\x90\x80\x80"}}, "F1007 "},
    {"a lone continuation byte", {{0x81, "\x80"}}, "F1007 "},
    {"FE and FF", {{0x81, "\xFE\xFF"}}, "F1007 "},
    {"a cut letter at the end of a text", {{0x81, "abc\xE4\xB8"}}, "F1007 "},
    {"the last code point", {{0x81, "\xF4\x8F\xBF\xBF"}}, "T:\xF4\x8F\xBF\xBF "},
    {"a close without a code", {{0x88, ""}}, "C1005: "},
    {"a close with half a code", {{0x88, "\x03"}}, "F1002 "},
    {"a close with a reason",
     {{0x88, "\x03\xE8"
             "bye"}},
     "C1000:bye "},
    {"a close with a broken reason", {{0x88, "\x03\xE8\xFF"}}, "F1007 "},
    {"nothing after a close", {{0x88, "\x03\xE8"}, {0x81, "late"}}, "C1000: "},
    {"nothing after a failure", {{0x83, ""}, {0x81, "late"}}, "F1002 "},
    {"ping, text, close", {{0x89, "p"}, {0x81, "t"}, {0x88, "\x0F\xA0"}}, "P:p T:t C4000: "},
};

START_TEST(simple)
{
    const simple_case *c = &SIMPLE[_i];
    bytes in = {NULL, 0, 0};
    for (int i = 0; i < 6 && c->frames[i].payload != NULL; i++)
        text(&in, c->frames[i].first, c->frames[i].payload);
    check(&in, c->want);
}
END_TEST

static const struct {
    unsigned code;
    bool valid;
} CLOSE_CODES[] = {
    {0, false},    {999, false},  {1000, true}, {1001, true},  {1002, true},  {1003, true},  {1004, false},
    {1005, false}, {1006, false}, {1007, true}, {1008, true},  {1009, true},  {1010, true},  {1011, true},
    {1012, true},  {1013, true},  {1014, true}, {1015, false}, {1016, false}, {1100, false}, {2000, false},
    {2999, false}, {3000, true},  {3999, true}, {4000, true},  {4999, true},  {5000, false}, {65535, false},
};

START_TEST(close_codes)
{
    bytes in = {NULL, 0, 0};
    unsigned code = CLOSE_CODES[_i].code;
    uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    char want[32];
    frame(&in, 0x88, payload, 2);
    if (CLOSE_CODES[_i].valid)
        snprintf(want, sizeof want, "C%u: ", code);
    else
        snprintf(want, sizeof want, "F1002 ");
    check(&in, want);
}
END_TEST

/* ---- compression ---- */

START_TEST(a_compressed_message_is_given_as_it_came)
{
    bytes in = {NULL, 0, 0};
    text(&in, 0x41, "\xFF");
    text(&in, 0x80, "\xFE");
    text(&in, 0xC1, "\xFD");
    expect(&in, "Z:\xFF\xFE Z:\xFD ", true);
    free(in.at);
}
END_TEST

START_TEST(compression_marks_only_the_first_fragment)
{
    bytes in = {NULL, 0, 0};
    text(&in, 0x41, "a");
    text(&in, 0xC0, "b");
    expect(&in, "F1002 ", true);
    free(in.at);
}
END_TEST

START_TEST(a_compressed_control_frame_is_refused)
{
    bytes in = {NULL, 0, 0};
    text(&in, 0xC9, "a");
    expect(&in, "F1002 ", true);
    free(in.at);
}
END_TEST

START_TEST(plain_messages_pass_beside_compressed_ones)
{
    bytes in = {NULL, 0, 0};
    text(&in, 0xC1, "z");
    text(&in, 0x81, "plain");
    text(&in, 0x81, "\xFF");
    expect(&in, "Z:z T:plain F1007 ", true);
    free(in.at);
}
END_TEST

/* ---- writing ---- */

START_TEST(headers_are_minimal)
{
    uint8_t head[CODEC_HEADER_MAX];
    ck_assert_uint_eq(codec_header(head, OP_TEXT, false, 125), 2);
    ck_assert_uint_eq(head[0], 0x81);
    ck_assert_uint_eq(head[1], 125);
    ck_assert_uint_eq(codec_header(head, OP_TEXT, false, 126), 4);
    ck_assert_uint_eq(head[1], 126);
    ck_assert_uint_eq(codec_header(head, OP_TEXT, true, 65535), 4);
    ck_assert_uint_eq(head[0], 0xC1);
    ck_assert_uint_eq(codec_header(head, OP_TEXT, false, 65536), 10);
    ck_assert_uint_eq(head[1], 127);
    ck_assert_uint_eq(head[7], 1);
}
END_TEST

START_TEST(close_frames)
{
    uint8_t out[2 + CODEC_CONTROL_MAX];
    char longest[300];
    memset(longest, 'r', sizeof longest);
    longest[299] = '\0';
    ck_assert_uint_eq(codec_close_frame(out, 1005, NULL), 2);
    ck_assert_uint_eq(codec_close_frame(out, 4008, "slow consumer"), 2 + 2 + 13);
    ck_assert_mem_eq(out, "\x88\x0F\x0F\xA8slow", 8);
    ck_assert_uint_eq(codec_close_frame(out, 1000, longest), 2 + 125);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, simple, 0, sizeof SIMPLE / sizeof *SIMPLE);
    tcase_add_loop_test(tests, close_codes, 0, sizeof CLOSE_CODES / sizeof *CLOSE_CODES);
    ADD(a_compressed_message_is_given_as_it_came);
    ADD(compression_marks_only_the_first_fragment);
    ADD(a_compressed_control_frame_is_refused);
    ADD(plain_messages_pass_beside_compressed_ones);
    ADD(headers_are_minimal);
    ADD(close_frames);
}

int main(void)
{
    return run_tests("codec", add_tests);
}
