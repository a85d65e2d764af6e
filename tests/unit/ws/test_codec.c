/* RFC 6455 conformance, case by case: each input whole, byte by byte, and cut at every place. */
#include "core/ws/codec.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 512 * 1024 };

/* What a client sends, and everything that the codec said. */
typedef struct {
    uint8_t *at;
    size_t len, cap;
} bytes;

static void put(bytes *b, const void *at, size_t len)
{
    if (len == 0)
        return;
    if (b->len + len > b->cap) {
        b->cap = (b->len + len) * 2;
        b->at = realloc(b->at, b->cap);
        ck_assert_ptr_nonnull(b->at);
    }
    memcpy(b->at + b->len, at, len);
    b->len += len;
}

/* A masked frame, its first byte and the form of its length free to choose. */
static void frame_form(bytes *b, unsigned first, const void *payload, size_t len, int form)
{
    static const uint8_t MASK[4] = {0x37, 0xFA, 0x21, 0x3D};
    uint8_t head[14] = {(uint8_t)first};
    size_t n = 2;
    if (form == 0) {
        head[1] = (uint8_t)(0x80u | len);
    } else {
        head[1] = form == 2 ? 0xFE : 0xFF;
        for (int i = 0; i < form; i++)
            head[n++] = (uint8_t)((uint64_t)len >> (8 * (form - 1 - i)));
    }
    memcpy(head + n, MASK, 4);
    put(b, head, n + 4);
    size_t from = b->len;
    put(b, payload, len);
    for (size_t i = 0; i < len; i++)
        b->at[from + i] ^= MASK[i & 3];
}

static void frame(bytes *b, unsigned first, const void *payload, size_t len)
{
    frame_form(b, first, payload, len, len < 126 ? 0 : len < 65536 ? 2 : 8);
}

static void text(bytes *b, unsigned first, const char *payload)
{
    frame(b, first, payload, strlen(payload));
}

/* Feeds pieces as input.c does, and writes down what happens: "T:hello P: C1000:bye F1002". */
typedef struct {
    codec c;
    codec_rules rules;
    bytes waiting;
    char said[4096];
    bool over;
} reader;

/* `code` 0: none. Long payloads are left out. */
static void say(reader *r, char what, unsigned code, const void *at, size_t len)
{
    size_t n = strlen(r->said), room = sizeof r->said - n;
    char number[8] = "";
    if (code != 0)
        snprintf(number, sizeof number, "%u", code);
    int more = snprintf(r->said + n, room, "%c%s%s%.*s ", what, number, what == 'F' ? "" : ":",
                        len > 300 ? 0 : (int)len, at == NULL ? "" : (const char *)at);
    ck_assert_int_gt(more, 0);
}

static void take(reader *r, const codec_event *e)
{
    static const char LETTERS[] = {
        [CODEC_TEXT] = 'T', [CODEC_PING] = 'P', [CODEC_PONG] = 'p', [CODEC_CLOSE] = 'C', [CODEC_FAIL] = 'F'};
    if (e->kind == CODEC_MORE)
        return;
    say(r, e->compressed ? 'Z' : LETTERS[e->kind], e->code, e->at, e->kind == CODEC_FAIL ? 0 : e->len);
    if (e->kind == CODEC_TEXT && r->c.message == e->at)
        codec_message_done(&r->c);
    r->over = e->kind == CODEC_CLOSE || e->kind == CODEC_FAIL;
}

static void feed(reader *r, const uint8_t *at, size_t len)
{
    put(&r->waiting, at, len);
    /* Memory of exactly the size, so that reading over its end is seen. */
    uint8_t *copy = malloc(r->waiting.len == 0 ? 1 : r->waiting.len);
    size_t have = r->waiting.len, used = 0;
    if (have > 0)
        memcpy(copy, r->waiting.at, have);
    while (used < have && !r->over) {
        codec_event e;
        size_t want, n = codec_feed(&r->c, &r->rules, copy + used, have - used, &e, &want);
        ck_assert_uint_le(n, have - used);
        used += n;
        if (e.kind == CODEC_MORE && n == 0) {
            ck_assert_uint_gt(want, have - used);
            break;
        }
        take(r, &e);
    }
    r->waiting.len = 0;
    put(&r->waiting, copy + used, have - used);
    free(copy);
}

static void done(reader *r)
{
    codec_done(&r->c);
    free(r->waiting.at);
}

static void expect(const bytes *in, const char *want, bool deflate)
{
    for (size_t cut = 0; cut <= in->len && cut < 2000; cut++) {
        reader r = {.rules = {LIMIT, deflate}};
        feed(&r, in->at, cut);
        feed(&r, in->at + cut, in->len - cut);
        ck_assert_msg(strcmp(r.said, want) == 0, "cut at %zu: got \"%s\", want \"%s\"", cut, r.said, want);
        done(&r);
    }
    for (size_t step = 1; step <= 7; step += 2) {
        reader r = {.rules = {LIMIT, deflate}};
        for (size_t i = 0; i < in->len; i += step)
            feed(&r, in->at + i, in->len - i < step ? in->len - i : step);
        ck_assert_msg(strcmp(r.said, want) == 0, "by %zu: got \"%s\", want \"%s\"", step, r.said, want);
        done(&r);
    }
}

static void check(bytes *in, const char *want)
{
    expect(in, want, false);
    free(in->at);
}

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

/* ---- lengths ---- */

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
