/* The framing of chunked bodies. */
#include "core/http/request_check.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>
#include <string.h>

static chunk_answer feed(const char *text, size_t piece, uint64_t limit, size_t *ret_used)
{
    chunk_walk w = {0};
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += piece) {
        size_t used = 0, n = len - at < piece ? len - at : piece;
        chunk_answer a = chunk_feed(&w, text + at, n, limit, &used);
        if (a == CHUNK_END)
            *ret_used = at + used;
        if (a != CHUNK_MORE)
            return a;
    }
    return CHUNK_MORE;
}

static void check(const char *text, chunk_answer wanted, size_t used)
{
    for (size_t piece = 1; piece < 8; piece++) {
        size_t got = 0;
        ck_assert_msg(feed(text, piece, 100, &got) == wanted, "%s by %zu", text, piece);
        ck_assert_msg(got == used, "%s by %zu: %zu", text, piece, got);
    }
}

START_TEST(bodies_end_where_they_end)
{
    check("0\r\n\r\n", CHUNK_END, 5);
    check("5\r\nhello\r\n0\r\n\r\nGET /", CHUNK_END, 15);
    check("5\r\nhello\r\n00A\r\n0123456789\r\n000\r\n\r\n", CHUNK_END, 34);
    check("5\r\nhello\r\n", CHUNK_MORE, 0);
    check("5\r\nhel", CHUNK_MORE, 0);
    check("0\r\n", CHUNK_MORE, 0);
}
END_TEST

START_TEST(what_evhttp_reads_too_freely_is_refused)
{
    check("0x5\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("+5\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("-5\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check(" 5\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("5 \r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("5\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("5\r\nhello0\r\n\r\n", CHUNK_BAD, 0);
    check("5\r\nhello\n0\r\n\r\n", CHUNK_BAD, 0);
    check("\r\n5\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("0\r\nContent-Length : 5\r\n\r\n", CHUNK_BAD, 0);
    check("g\r\n", CHUNK_BAD, 0);
    check("\r\n", CHUNK_BAD, 0);
}
END_TEST

START_TEST(extensions_and_trailers_are_read_over)
{
    check("5;x=y\r\nhello\r\n0\r\n\r\nGET /", CHUNK_END, 19);
    check("5 \t; x = \"a;b\" ;z\r\nhello\r\n0;last\r\n\r\n", CHUNK_END, 36);
    check("0\r\nContent-Length: 5\r\nX:\r\n\r\nGET /", CHUNK_END, 28);
    check("5;x=\xC3\xA4\r\nhello\r\n0\r\nA: \tb\xC3\xA4 c\r\n\r\n", CHUNK_END, 31);
    check("0\r\nA: b\r\n", CHUNK_MORE, 0);
}
END_TEST

START_TEST(no_line_end_hides_in_an_extension_or_a_trailer)
{
    check("5;x\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("5;x\ry\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("5;x=\"\r\n\"\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("5 x\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("5;\x01\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check(";x\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("0\r\nA: b\n\r\n", CHUNK_BAD, 0);
    check("0\r\nA: b\r\r\n", CHUNK_BAD, 0);
    check("0\r\nA: b\r\n c\r\n\r\n", CHUNK_BAD, 0);
    check("0\r\nA\r\n\r\n", CHUNK_BAD, 0);
    check("0\r\n: b\r\n\r\n", CHUNK_BAD, 0);
    check("0\r\nA: \x7f\r\n\r\n", CHUNK_BAD, 0);
    check("0\r\n\n", CHUNK_BAD, 0);
}
END_TEST

START_TEST(the_data_of_all_chunks_is_joined)
{
    static const struct {
        const char *body, *data;
    } EXAMPLES[] = {
        {"0\r\n\r\n", ""},
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"3;a=b\r\nhel\r\n2 ;c\r\nlo\r\n0;d\r\nE: f\r\n\r\n", "hello"},
        {"4\r\n\r\n\r\n\r\n0\r\nA: 5\r\n\r\n", "\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof *EXAMPLES; i++) {
        char body[128];
        snprintf(body, sizeof body, "%s", EXAMPLES[i].body);
        ck_assert_uint_eq(chunk_join(body, strlen(body)), strlen(EXAMPLES[i].data));
        ck_assert_mem_eq(body, EXAMPLES[i].data, strlen(EXAMPLES[i].data));
    }
}
END_TEST

START_TEST(the_limit_counts_all_chunks)
{
    check("64\r\n", CHUNK_MORE, 0);
    check("65\r\n", CHUNK_TOO_LARGE, 0);
    check("5\r\nhello\r\n60\r\n", CHUNK_TOO_LARGE, 0);
    check("ffffffffffffffffffffffff\r\n", CHUNK_TOO_LARGE, 0);
    check("0000000000000000000000001\r\n", CHUNK_TOO_LARGE, 0);
}
END_TEST

static void add(TCase *tests)
{
    ADD(bodies_end_where_they_end);
    ADD(what_evhttp_reads_too_freely_is_refused);
    ADD(extensions_and_trailers_are_read_over);
    ADD(no_line_end_hides_in_an_extension_or_a_trailer);
    ADD(the_data_of_all_chunks_is_joined);
    ADD(the_limit_counts_all_chunks);
}

int main(void)
{
    return run_tests("http chunk_walk", add);
}
