#include "core/base/str.h"
#include "core/ws/deflate.h"
#include "tests/unit/run_tests.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

START_TEST(what_is_packed_comes_back)
{
    deflater *d = deflater_new();
    for (size_t len = 64; len <= 200000; len = len * 3 + 1) {
        uint8_t *text = malloc(len), *back = NULL;
        for (size_t i = 0; i < len; i++)
            text[i] = (uint8_t)('a' + i % 23);
        size_t packed_len = 0, back_len = 0;
        uint8_t *packed = deflater_deflate(d, text, len, &packed_len);
        ck_assert_ptr_nonnull(packed);
        ck_assert_uint_lt(packed_len, len);
        ck_assert_int_eq(deflater_inflate(d, packed, packed_len, 512 * 1024, &back, &back_len), INFLATE_OK);
        ck_assert_uint_eq(back_len, len);
        ck_assert_mem_eq(back, text, len);
        free(text);
        free(packed);
        free(back);
    }
    deflater_free(d);
}
END_TEST

START_TEST(an_empty_message_is_one_zero_byte)
{
    deflater *d = deflater_new();
    uint8_t *back = NULL;
    size_t len = 9;
    ck_assert_int_eq(deflater_inflate(d, (const uint8_t *)"\0", 1, 100, &back, &len), INFLATE_OK);
    ck_assert_uint_eq(len, 0);
    free(back);
    deflater_free(d);
}
END_TEST

START_TEST(what_grows_is_sent_plain)
{
    deflater *d = deflater_new();
    uint8_t noise[300];
    size_t len;
    srand(3);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)rand();
    ck_assert_ptr_null(deflater_deflate(d, noise, sizeof noise, &len));
    deflater_free(d);
}
END_TEST

/* 16 MB of zeros in 16 KB. */
static uint8_t *make_bomb(size_t *ret_len)
{
    size_t size = 16 * 1024 * 1024, cap = 64 * 1024;
    uint8_t *zeros = calloc(1, size), *out = malloc(cap);
    z_stream z = {.zalloc = NULL};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = zeros;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    ck_assert_int_eq(deflate(&z, Z_SYNC_FLUSH), Z_OK);
    *ret_len = cap - z.avail_out - 4;
    deflateEnd(&z);
    free(zeros);
    return out;
}

START_TEST(a_bomb_stops_at_the_limit)
{
    deflater *d = deflater_new();
    size_t len = 0, back_len = 0;
    uint8_t *bomb = make_bomb(&len), *back = NULL;
    ck_assert_uint_lt(len, 40000);
    ck_assert_int_eq(deflater_inflate(d, bomb, len, 512 * 1024, &back, &back_len), INFLATE_TOO_LARGE);
    ck_assert_ptr_null(back);
    free(bomb);
    deflater_free(d);
}
END_TEST

START_TEST(the_limit_is_exact)
{
    deflater *d = deflater_new();
    uint8_t text[5000], *back = NULL;
    size_t packed_len = 0, len = 0;
    memset(text, 'x', sizeof text);
    uint8_t *packed = deflater_deflate(d, text, sizeof text, &packed_len);
    ck_assert_int_eq(deflater_inflate(d, packed, packed_len, sizeof text, &back, &len), INFLATE_OK);
    free(back);
    ck_assert_int_eq(deflater_inflate(d, packed, packed_len, sizeof text - 1, &back, &len), INFLATE_TOO_LARGE);
    free(packed);
    deflater_free(d);
}
END_TEST

START_TEST(rubbish_is_refused_and_forgotten)
{
    deflater *d = deflater_new();
    uint8_t text[500], *back = NULL;
    size_t packed_len = 0, len = 0;
    ck_assert_int_eq(deflater_inflate(d, (const uint8_t *)"\xFF\xFF\xFF", 3, 100, &back, &len), INFLATE_BAD);
    memset(text, 'x', sizeof text);
    uint8_t *packed = deflater_deflate(d, text, sizeof text, &packed_len);
    ck_assert_int_eq(deflater_inflate(d, packed, packed_len, 1000, &back, &len), INFLATE_OK);
    ck_assert_uint_eq(len, sizeof text);
    free(back);
    free(packed);
    deflater_free(d);
}
END_TEST

START_TEST(offers)
{
    static const struct {
        const char *header;
        bool fits;
    } CASES[] = {
        {"permessage-deflate", true},
        {"permessage-deflate; client_max_window_bits", true},
        {"permessage-deflate; client_max_window_bits=10; server_no_context_takeover", true},
        {"permessage-deflate; server_max_window_bits=15", true},
        {"permessage-deflate; server_max_window_bits=\"15\"", true},
        {"permessage-deflate; server_max_window_bits=10", false},
        {"permessage-deflate; server_max_window_bits=10, permessage-deflate", true},
        {"permessage-deflate; server_max_window_bits", false},
        {"permessage-deflate; client_max_window_bits=7", false},
        {"permessage-deflate; client_max_window_bits=x", false},
        {"permessage-deflate; server_no_context_takeover=1", false},
        {"permessage-deflate; client_no_context_takeover; client_no_context_takeover", false},
        {"permessage-deflate; unknown", false},
        {"x-webkit-deflate-frame", false},
        {"foo, bar; baz=1, Permessage-Deflate", true},
        {"", false},
        {", ;", false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        ck_assert_msg(deflate_offered(str_of(CASES[i].header)) == CASES[i].fits, "%s", CASES[i].header);
}
END_TEST

static void add_tests(TCase *tests)
{
    ADD(what_is_packed_comes_back);
    ADD(an_empty_message_is_one_zero_byte);
    ADD(what_grows_is_sent_plain);
    ADD(a_bomb_stops_at_the_limit);
    ADD(the_limit_is_exact);
    ADD(rubbish_is_refused_and_forgotten);
    ADD(offers);
}

int main(void)
{
    return run_tests("deflate", add_tests);
}
