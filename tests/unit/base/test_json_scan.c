#include "core/base/json_scan.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy of exactly that length, so that ASan sees a read behind the end. */
static bool valid_bytes(const char *text, size_t len)
{
    char *copy = malloc(len == 0 ? 1 : len);
    if (len > 0)
        memcpy(copy, text, len);
    bool valid = json_valid(len == 0 ? copy + 1 : copy, len);
    free(copy);
    return valid;
}

static int scan(const char *text)
{
    json_member members[8];
    return json_scan_object(text, strlen(text), members, 8, NULL);
}

START_TEST(valid_texts_are_valid)
{
    static const char *const TEXTS[] = {
        "0",
        "-0",
        "12",
        "1.5",
        "-1.25e+10",
        "1E5",
        "1e-05",
        "0.0",
        "0e0",
        "10",
        "1e400",
        "123456789012345678901234567890",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        "\" \\\" \\\\ \\/ \\b\\f\\n\\r\\t \"",
        "\"\\u0000\"",
        "\"\\uD83D\\uDE00\"",
        "\"\\ud800\"",
        "\"\\uDC00\\uD800\"",
        "\"é中😀\"",
        "\"\x7f\"",
        "[]",
        "{}",
        " [ ] ",
        "\t{\r\n}",
        "[1,2,[3,[4]],{}]",
        "{\"a\":1,\"b\":{\"c\":[]}}",
        "{ \"a\" : [ 1 , 2 ] , \"b\" : null }",
        "[[],[[]],{\"\":{}}]",
        "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}",
        "\"a string of more than sixteen bytes, \\u4e2d and 中, and on\"",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        ck_assert_msg(valid_bytes(TEXTS[i], strlen(TEXTS[i])), "%s", TEXTS[i]);
}
END_TEST

static const char *const INVALID[] = {
    "",
    " ",
    "01",
    "-",
    "+1",
    "1.",
    ".5",
    "1e",
    "1e+",
    "0x10",
    "1 2",
    "--1",
    "-01",
    "1.e5",
    "NaN",
    "Infinity",
    "True",
    "tru",
    "truee",
    "nul",
    "\"",
    "\"a",
    "\"\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12G4\"",
    "\"\\u\"",
    "'a'",
    "\"a\nb\"",
    "\"\x01\"",
    "\"\t\"",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1}",
    "{",
    "}",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{1:1}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1]",
    "[]]",
    "{}{}",
    "[] x",
    "\xEF\xBB\xBF[]",
    "/**/1",
    "[1]//",
    "\"\xFF\"",
    "\"\xC0\x80\"",
    "\"\xED\xA0\x80\"",
    "\"\xF4\x90\x80\x80\"",
    "\"\xE4\xB8\"",
    "\"\x80\"",
    "\f1",
    "[1,,2]",
    "{\"a\"::1}",
};

START_TEST(invalid_texts_are_not)
{
    for (size_t i = 0; i < sizeof INVALID / sizeof INVALID[0]; i++)
        ck_assert_msg(!valid_bytes(INVALID[i], strlen(INVALID[i])), "%s", INVALID[i]);
    ck_assert(!valid_bytes("1\0", 2));
    ck_assert(!valid_bytes("\"a\0b\"", 5));
    ck_assert(!valid_bytes("\"\\\0\"", 4));
}
END_TEST

START_TEST(every_beginning_of_a_text_is_invalid)
{
    static const char TEXT[] = "{\"key\":[1.5e3,\"a \\u00e9 中\",{\"x\":true,\"y\":null}],\"z\":{}}";
    for (size_t len = 0; len < sizeof TEXT - 1; len++)
        ck_assert_msg(!valid_bytes(TEXT, len), "%zu", len);
    ck_assert(valid_bytes(TEXT, sizeof TEXT - 1));
}
END_TEST

static bool nested(int depth, char open, char close)
{
    char text[400];
    size_t len = 0;
    for (int i = 0; i < depth; i++) {
        text[len++] = open;
        if (open == '{') {
            memcpy(text + len, "\"\":", 3);
            len += 3;
        }
    }
    text[len++] = '1';
    for (int i = 0; i < depth; i++)
        text[len++] = close;
    return valid_bytes(text, len);
}

START_TEST(sixty_four_levels_are_the_end)
{
    ck_assert(nested(64, '[', ']'));
    ck_assert(!nested(65, '[', ']'));
    ck_assert(nested(64, '{', '}'));
    ck_assert(!nested(65, '{', '}'));
    char text[200] = "{\"a\":";
    memset(text + 5, '[', 63);
    memset(text + 68, ']', 63);
    text[131] = '}';
    text[132] = '\0';
    ck_assert_int_eq(scan(text), 1);
    char deeper[200] = "{\"a\":";
    memset(deeper + 5, '[', 64);
    memset(deeper + 69, ']', 64);
    deeper[133] = '}';
    deeper[134] = '\0';
    ck_assert_int_eq(scan(deeper), -1);
    char *many = malloc(1 << 20);
    memset(many, '[', 1 << 20);
    ck_assert(!json_valid(many, 1 << 20));
    free(many);
}
END_TEST

START_TEST(members_come_as_the_bytes_they_were)
{
    static const char TEXT[] =
        " { \"type\" : \"CHAT\" , \"target_id\":7,\"payload\": {\"n\":1.10,\"big\":123456789012345678901234567890} ,"
        "\"t\":true,\"f\":false,\"n\":null,\"a\":[1, 2],\"k\\u0065y\":-1 }\r\n ";
    static const char *const VALUES[] = {"\"CHAT\"", "7",     "{\"n\":1.10,\"big\":123456789012345678901234567890}",
                                         "true",     "false", "null",
                                         "[1, 2]",   "-1"};
    json_member m[8];
    ck_assert_int_eq(json_scan_object(TEXT, sizeof TEXT - 1, m, 8, NULL), 8);
    for (int i = 0; i < 8; i++) {
        ck_assert_uint_eq(m[i].value.len, strlen(VALUES[i]));
        ck_assert_int_eq(memcmp(m[i].value.at, VALUES[i], m[i].value.len), 0);
        ck_assert_int_eq(m[i].kind, "\"0{tfn[0"[i]);
        ck_assert_int_eq(m[i].key_escaped, i == 7);
    }
    ck_assert_int_eq(memcmp(m[0].key.at, "type", m[0].key.len), 0);
}
END_TEST

START_TEST(only_objects_are_scanned)
{
    static const char *const WRONG[] = {"",
                                        " ",
                                        "[]",
                                        "1",
                                        "\"{}\"",
                                        "{",
                                        "{}x",
                                        "{} {}",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{\"a\":1",
                                        "{:1}",
                                        "{\"a\":1;}",
                                        "{\"a\":01}",
                                        "{\"\xFF\":1}",
                                        "{\"a\":\"\xFF\"}",
                                        "{,\"a\":1}"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++)
        ck_assert_msg(scan(WRONG[i]) == -1, "%s", WRONG[i]);
    ck_assert_int_eq(scan("{}"), 0);
    ck_assert_int_eq(scan(" {\n} "), 0);
}
END_TEST

START_TEST(duplicate_members_are_refused_however_they_are_written)
{
    ck_assert_int_eq(scan("{\"a\":1,\"a\":2}"), -1);
    ck_assert_int_eq(scan("{\"a\":1,\"b\":0,\"\\u0061\":2}"), -1);
    ck_assert_int_eq(scan("{\"\\u0061\":1,\"\\u0061\":2}"), -1);
    ck_assert_int_eq(scan("{\"\xF0\x9F\x98\x80\":1,\"\\uD83D\\uDE00\":2}"), -1);
    ck_assert_int_eq(scan("{\"/\":1,\"\\/\":2}"), -1);
    ck_assert_int_eq(scan("{\"中\":1,\"\\u4E2d\":2}"), -1);
    ck_assert_int_eq(scan("{\"\\n\":1,\"\\u000A\":2}"), -1);
    ck_assert_int_eq(scan("{\"\\ud800\":1,\"\\uD800\":2}"), -1);
    ck_assert_int_eq(scan("{\"a\":1,\"A\":2}"), 2);
    ck_assert_int_eq(scan("{\"a\":1,\"\\u0061\\u0062\":2,\"\":3}"), 3);
    ck_assert_int_eq(scan("{\"\\ud800\":1,\"\\ufffd\":2}"), -1); /* as they go on, they are the same */
    ck_assert_int_eq(scan("{\"\\ud800\":1,\"�\":2}"), -1);
}
END_TEST

START_TEST(a_member_that_stands_twice_is_found_at_every_depth)
{
    static const char *const TWICE[] = {
        "{\"p\":{\"approved\":false,\"approved\":true}}",
        "{\"p\":{\"x\":{\"a\":1},\"x\":{\"a\":1}}}",
        "{\"p\":[1,[{\"a\":1,\"b\":[{\"a\":1}],\"a\":2}]]}",
        "{\"p\":{\"a\":{\"b\":{\"c\":1,\"d\":{},\"c\":2}}}}",
        "{\"p\":{\"a\":{},\"b\":{\"a\":1},\"\\u0061\":[]}}",
        "{\"p\":{\"\":1,\"\":2}}",
        "{\"p\":{\"\\uD83D\\uDE00\":1,\"😀\":2}}",
        "{\"p\":{\"\\udc00\":1,\"\\ud83d\":2}}",
    };
    static const char *const ONCE[] = {
        "{\"p\":{\"p\":{\"p\":{\"p\":1}}}}",
        "{\"p\":[{\"a\":1},{\"a\":1},{\"a\":{\"a\":1},\"b\":{\"a\":1}}]}",
        "{\"p\":{\"a\":{\"x\":1},\"b\":{\"x\":1},\"x\":[{\"x\":1},{\"x\":2}]}}",
        "{\"p\":{\"a\":1,\"A\":2,\"\":3,\"aa\":4,\"\\u0000\":5}}",
    };
    for (size_t i = 0; i < sizeof TWICE / sizeof TWICE[0]; i++)
        ck_assert_msg(json_check(TWICE[i], strlen(TWICE[i])) == JSON_TWICE, "%s", TWICE[i]);
    for (size_t i = 0; i < sizeof ONCE / sizeof ONCE[0]; i++)
        ck_assert_msg(scan(ONCE[i]) == 1 && json_valid(ONCE[i], strlen(ONCE[i])), "%s", ONCE[i]);
}
END_TEST

/* {"p":{"n0":0,…,"n199":0,"nLAST":0}}, each member holding an object of the same names. */
static bool many_members(int last)
{
    static char text[1 << 16];
    size_t len = (size_t)sprintf(text, "{\"p\":{");
    for (int i = 0; i < 200; i++)
        len += (size_t)sprintf(text + len, "\"n%d\":[{\"n1\":0,\"n2\":{\"n1\":1}}],", i);
    len += (size_t)sprintf(text + len, "\"n%d\":0}}", last);
    return json_valid(text, len);
}

START_TEST(among_many_members_the_one_that_stands_twice_is_found)
{
    ck_assert(many_members(200));
    for (int i = 0; i < 200; i++)
        ck_assert_msg(!many_members(i), "%d", i);
}
END_TEST

START_TEST(half_characters_become_u_fffd_and_nothing_else_changes)
{
    static const struct {
        const char *before, *after;
    } TEXTS[] = {
        {"\"a\"", "\"a\""},
        {"\"ok \\ud83c\"", "\"ok \\ufffd\""},
        {"\"\\uDC00\\uD800\"", "\"\\ufffd\\ufffd\""},
        {"\"\\ud83d\\ude00\\ud83d\"", "\"\\ud83d\\ude00\\ufffd\""},
        {"\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\""},
        {"\"\\\\ud83c \\\\\\udbff\"", "\"\\\\ud83c \\\\\\ufffd\""},
        {"{\"k\\ud800\":[1.10,\"\\uDFFF\\n\"]}", "{\"k\\ufffd\":[1.10,\"\\ufffd\\n\"]}"},
        {"\"\\ufffd\\ud7ff\\ue000\"", "\"\\ufffd\\ud7ff\\ue000\""},
        {"\"\\ud83d\\u0041\"", "\"\\ufffd\\u0041\""},
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        size_t len = strlen(TEXTS[i].before);
        char *copy = malloc(len);
        memcpy(copy, TEXTS[i].before, len);
        json_mend(copy, len);
        ck_assert_msg(memcmp(copy, TEXTS[i].after, len) == 0, "%s", TEXTS[i].before);
        free(copy);
    }
}
END_TEST

START_TEST(the_scan_tells_of_half_characters)
{
    static const char HALF[] = "{\"a\":[\"\\uD83D\"]}", WHOLE[] = "{\"a\":\"\\uD83D\\uDE00\\ufffd\"}";
    json_member m[8];
    json_scanned scanned;
    ck_assert_int_eq(json_scan_object(HALF, sizeof HALF - 1, m, 8, &scanned), 1);
    ck_assert(scanned.half);
    ck_assert_int_eq(json_scan_object(WHOLE, sizeof WHOLE - 1, m, 8, &scanned), 1);
    ck_assert(!scanned.half);
}
END_TEST

START_TEST(more_members_than_there_is_room_for_are_refused)
{
    ck_assert_int_eq(scan("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1}"), 8);
    ck_assert_int_eq(scan("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1}"), -1);
}
END_TEST

static void expect_decoded(const char *raw, const char *text, size_t len, json_text what)
{
    char out[100];
    size_t got;
    sw_str s = {raw, strlen(raw)};
    ck_assert_int_eq(json_string_decode(s, out, &got), what);
    ck_assert_uint_eq(got, len);
    ck_assert_int_eq(memcmp(out, text, len), 0);
    ck_assert_uint_eq(json_string_decoded_len(s), len);
}

START_TEST(strings_are_decoded)
{
    expect_decoded("\"\"", "", 0, JSON_TEXT_WHOLE);
    expect_decoded("\"a中b\"", "a中b", 5, JSON_TEXT_WHOLE);
    expect_decoded("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8, JSON_TEXT_WHOLE);
    expect_decoded("\"\\u0041\\u00e9\\u4E2D\\uD83D\\uDE00.\"", "Aé中😀.", 11, JSON_TEXT_WHOLE);
    expect_decoded("\"\\u0000\"", "\0", 1, JSON_TEXT_NUL);
    expect_decoded("\"x\\uD800y\"", "x\xEF\xBF\xBDy", 5, JSON_TEXT_BROKEN);
    expect_decoded("\"\\uDE00\\uD83D\"", "\xEF\xBF\xBD\xEF\xBF\xBD", 6, JSON_TEXT_BROKEN);
    expect_decoded("\"\\uD83D\\u0041\"",
                   "\xEF\xBF\xBD"
                   "A",
                   4, JSON_TEXT_BROKEN);
    expect_decoded("\"\\u0000\\uD83D\"", "\0\xEF\xBF\xBD", 4, JSON_TEXT_BROKEN);
    expect_decoded("\"\\uD83D\\u0000\"", "\xEF\xBF\xBD\0", 4, JSON_TEXT_BROKEN);
}
END_TEST

static void expect_int(const char *raw, bool is_int, int64_t value)
{
    int64_t got = 77;
    ck_assert_msg(json_number_int((sw_str){raw, strlen(raw)}, &got) == is_int, "%s", raw);
    ck_assert_int_eq(got, is_int ? value : 77);
}

START_TEST(integers_are_exact)
{
    expect_int("0", true, 0);
    expect_int("-0", true, 0);
    expect_int("42", true, 42);
    expect_int("9223372036854775807", true, INT64_MAX);
    expect_int("-9223372036854775808", true, INT64_MIN);
    expect_int("9223372036854775808", false, 0);
    expect_int("-9223372036854775809", false, 0);
    expect_int("123456789012345678901", false, 0);
    expect_int("1.0", false, 0);
    expect_int("1e2", false, 0);
    expect_int("", false, 0);
    expect_int("-", false, 0);
}
END_TEST

static void add(TCase *tests)
{
    ADD(valid_texts_are_valid);
    ADD(invalid_texts_are_not);
    ADD(every_beginning_of_a_text_is_invalid);
    ADD(sixty_four_levels_are_the_end);
    ADD(members_come_as_the_bytes_they_were);
    ADD(only_objects_are_scanned);
    ADD(duplicate_members_are_refused_however_they_are_written);
    ADD(a_member_that_stands_twice_is_found_at_every_depth);
    ADD(among_many_members_the_one_that_stands_twice_is_found);
    ADD(half_characters_become_u_fffd_and_nothing_else_changes);
    ADD(the_scan_tells_of_half_characters);
    ADD(more_members_than_there_is_room_for_are_refused);
    ADD(strings_are_decoded);
    ADD(integers_are_exact);
}

int main(void)
{
    return run_tests("json_scan", add);
}
