/* The framing of chunked bodies. */
#include "core/http/request_check.h"
#include "tests/unit/run_tests.h"

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
    check("5;x=y\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("5\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("5\r\nhello0\r\n\r\n", CHUNK_BAD, 0);
    check("5\r\nhello\n0\r\n\r\n", CHUNK_BAD, 0);
    check("\r\n5\r\nhello\r\n0\r\n\r\n", CHUNK_BAD, 0);
    check("0\r\nContent-Length: 5\r\n\r\n", CHUNK_BAD, 0);
    check("g\r\n", CHUNK_BAD, 0);
    check("\r\n", CHUNK_BAD, 0);
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
    ADD(the_limit_counts_all_chunks);
}

int main(void)
{
    return run_tests("http chunk_walk", add);
}
