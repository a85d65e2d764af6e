/* What may be the head of a request, and what not. */
#include "core/base/str.h"
#include "core/http/request_check.h"
#include "tests/unit/run_tests.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const char *text;
    size_t len; /* 0: strlen */
    int status;
} example;

#define BYTES(literal) (literal), sizeof(literal) - 1

static int check(const char *text, size_t len, request_head *h)
{
    const char *why = NULL;
    int status = head_check(text, len, h, &why);
    ck_assert_msg(!status == !why, "%s", text);
    return status;
}

static void check_all(const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        request_head h;
        const example *e = &examples[i];
        int status = check(e->text, e->len ? e->len : strlen(e->text), &h);
        ck_assert_msg(status == e->status, "%d instead of %d: %s", status, e->status, e->text);
    }
}

#define CHECK_ALL(examples) check_all((examples), sizeof(examples) / sizeof(examples)[0])

START_TEST(a_good_head_is_read)
{
    request_head h;
    static const char TEXT[] = "PATCH /a/b%20c?x=1&y=%E4%BD%A0 HTTP/1.1\r\nhost: example.org:8080\r\n"
                               "CONTENT-LENGTH: 17 \r\nConnection: Upgrade, close\r\nX-Request-ID:abc\r\n"
                               "Origin: http://x\r\nX-Other: \xC3\xA4\tb\r\n\r\n";
    ck_assert_int_eq(check(BYTES(TEXT), &h), 0);
    ck_assert_int_eq(h.method, HEAD_PATCH);
    ck_assert(!h.http10 && h.close && h.upgrade && !h.chunked && !h.expects);
    ck_assert_uint_eq(h.length, 17);
    ck_assert_uint_eq(h.path.len, strlen("/a/b%20c"));
    ck_assert_uint_eq(h.target.len, strlen("/a/b%20c?x=1&y=%E4%BD%A0"));
    ck_assert_uint_eq(h.present, HAS_HOST | HAS_LENGTH | HAS_CONNECTION | HAS_REQUEST_ID | HAS_ORIGIN);
}
END_TEST

START_TEST(every_method_is_known_and_no_other)
{
    static const char *const NAMES[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
    for (int i = 0; i < 7; i++) {
        char text[64];
        request_head h;
        snprintf(text, sizeof text, "%s / HTTP/1.1\r\nHost: x\r\n\r\n", NAMES[i]);
        ck_assert_int_eq(check(text, strlen(text), &h), 0);
        ck_assert_int_eq(h.method, HEAD_GET + i);
    }
    static const example OTHERS[] = {
        {.text = "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", .status = 501},
        {.text = "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", .status = 501},
        {.text = "get / HTTP/1.1\r\nHost: x\r\n\r\n", .status = 501},
        {.text = "GETS / HTTP/1.1\r\nHost: x\r\n\r\n", .status = 501},
        {.text = "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
    };
    CHECK_ALL(OTHERS);
}
END_TEST

START_TEST(malformed_request_lines_are_refused)
{
    static const example EXAMPLES[] = {
        {.text = "GET /\r\n\r\n", .status = 400},
        {.text = "GET\r\n\r\n", .status = 400},
        {.text = "\r\n\r\n", .status = 400},
        {.text = " GET / HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /  HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/1.1x\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/0.9\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/2.0\r\nHost: x\r\n\r\n", .status = 505},
        {.text = "GET / HTTP/1.2\r\nHost: x\r\n\r\n", .status = 505},
        {.text = "GET / http/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/1.1\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET", .status = 400},
        {BYTES("GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n"), 400},
    };
    CHECK_ALL(EXAMPLES);
}
END_TEST

START_TEST(only_clean_paths_are_targets)
{
    static const example EXAMPLES[] = {
        {.text = "GET //evil/a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /\\evil HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET * HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", .status = 0},
        {.text = "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /% HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /a%0 HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /a?b=%00 HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /a?q=\xE4\xBD\xA0 HTTP/1.1\r\nHost: x\r\n\r\n", .status = 0},
        {.text = "GET /a\"b HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET /a?b={c|d} HTTP/1.1\r\nHost: x\r\n\r\n", .status = 0},
        {.text = "GET /../%2e HTTP/1.1\r\nHost: x\r\n\r\n", .status = 0},
    };
    CHECK_ALL(EXAMPLES);
}
END_TEST

START_TEST(a_target_may_begin_with_scheme_and_host)
{
    static const struct {
        const char *target, *host, *path;
    } GOOD[] = {
        {"/a?b", "", "/a"},
        {"http://x/a", "x", "/a"},
        {"HTTPS://X.example:8443/a/b?c=http://d/", "X.example:8443", "/a/b"},
        {"http://[::1]:80/a", "[::1]:80", "/a"},
        {"http://192.0.2.1/", "192.0.2.1", "/"},
        {"http://x", "x", ""},
        {"http://x:/a", "x:", "/a"},
        {"http://x?a=/b", "x", ""},
    };
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        char text[256];
        request_head h;
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: other\r\n\r\n", GOOD[i].target);
        ck_assert_msg(check(text, strlen(text), &h) == 0, "%s", text);
        bool none = GOOD[i].host[0] == '\0';
        ck_assert_msg(none ? h.host.len == 0 : str_equal(h.host, GOOD[i].host), "%s", text);
        ck_assert_msg(str_equal(h.path, GOOD[i].path), "%s", text);
    }
    static const example BAD[] = {
        {.text = "GET ftp://x/a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http:/x/a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http://u@x/a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http://x:y/a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http://x:80:80/a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http://x:70000/a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http://[::1/a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http://[::1]x/a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http://x#a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http://%zz/a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http://\xC3\xA4/a HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
        {.text = "GET http://x/a HTTP/1.1\r\n\r\n", .status = 400},
        {.text = "GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n", .status = 400},
    };
    CHECK_ALL(BAD);
}
END_TEST

#define LINE "POST / HTTP/1.1\r\nHost: x\r\n"

START_TEST(every_coding_but_identity_is_noted)
{
    request_head h;
    ck_assert_int_eq(check(BYTES(LINE "Content-Encoding: gzip\r\n\r\n"), &h), 0);
    ck_assert(h.coded);
    ck_assert_int_eq(check(BYTES(LINE "Content-Encoding: Identity, \tidentity\r\n\r\n"), &h), 0);
    ck_assert(!h.coded);
    ck_assert_int_eq(check(BYTES(LINE "Content-Encoding: identity\r\nContent-encoding:\tbr\r\n\r\n"), &h), 0);
    ck_assert(h.coded);
    ck_assert_int_eq(check(BYTES(LINE "Content-Encoding:\r\n\r\n"), &h), 0);
    ck_assert(!h.coded);
}
END_TEST

START_TEST(malformed_headers_are_refused)
{
    static const example EXAMPLES[] = {
        {.text = LINE "A : b\r\n\r\n", .status = 400},
        {.text = LINE "Content-Length : 5\r\n\r\n", .status = 400},
        {.text = LINE " A: b\r\n\r\n", .status = 400},
        {.text = LINE "A: b\r\n c\r\n\r\n", .status = 400},
        {.text = LINE "A: b\r\n\tc\r\n\r\n", .status = 400},
        {.text = LINE "A\r\n\r\n", .status = 400},
        {.text = LINE ": b\r\n\r\n", .status = 400},
        {.text = LINE "A: b\nC: d\r\n\r\n", .status = 400},
        {.text = LINE "A: b\rC: d\r\n\r\n", .status = 400},
        {.text = LINE "A(: b\r\n\r\n", .status = 400},
        {BYTES(LINE "A: b\0c\r\n\r\n"), 400},
        {BYTES(LINE "A\0: b\r\n\r\n"), 400},
        {BYTES(LINE "\0A: b\r\n\r\n"), 400},
        {.text = LINE "A: \x01\r\n\r\n", .status = 400},
        {.text = LINE "A: \x7f\r\n\r\n", .status = 400},
        {.text = LINE "A:\r\n\r\n", .status = 0},
    };
    CHECK_ALL(EXAMPLES);
}
END_TEST

START_TEST(the_length_of_a_body_must_be_certain)
{
    static const example EXAMPLES[] = {
        {.text = LINE "Content-Length: 5\r\nContent-Length: 10\r\n\r\n", .status = 400},
        {.text = LINE "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", .status = 400},
        {.text = LINE "Content-Length: 5, 5\r\n\r\n", .status = 400},
        {.text = LINE "Content-Length: +5\r\n\r\n", .status = 400},
        {.text = LINE "Content-Length: -1\r\n\r\n", .status = 400},
        {.text = LINE "Content-Length: 0x5\r\n\r\n", .status = 400},
        {.text = LINE "Content-Length: 5 5\r\n\r\n", .status = 400},
        {.text = LINE "Content-Length:\r\n\r\n", .status = 400},
        {.text = LINE "Content-Length: 99999999999999999999999999\r\n\r\n", .status = 0},
        {.text = LINE "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", .status = 400},
        {.text = LINE "Transfer-Encoding: gzip, chunked\r\n\r\n", .status = 400},
        {.text = LINE "Transfer-Encoding: gzip\r\n\r\n", .status = 400},
        {.text = LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", .status = 400},
        {.text = LINE "Transfer-Encoding: xchunked\r\n\r\n", .status = 400},
        {.text = LINE "Transfer-Encoding:\r\n\r\n", .status = 400},
        {.text = LINE "Transfer-Encoding: Chunked\r\n\r\n", .status = 0},
        {.text = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .status = 400},
    };
    CHECK_ALL(EXAMPLES);
    request_head h;
    ck_assert_int_eq(check(EXAMPLES[8].text, strlen(EXAMPLES[8].text), &h), 0);
    ck_assert_uint_gt(h.length, UINT64_MAX >> 9); /* more than any limit, whatever its digits */
}
END_TEST

START_TEST(host_stands_exactly_once)
{
    static const example EXAMPLES[] = {
        {.text = "GET / HTTP/1.1\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .status = 400},
        {.text = "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", .status = 0},
        {.text = "GET / HTTP/1.0\r\n\r\n", .status = 0},
        {.text = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\nAuthorization: c\r\n\r\n", .status = 400},
    };
    CHECK_ALL(EXAMPLES);
}
END_TEST

START_TEST(only_100_continue_is_expected)
{
    static const example EXAMPLES[] = {
        {.text = LINE "Expect: 100-continue\r\n\r\n", .status = 0},
        {.text = LINE "Expect: something\r\n\r\n", .status = 417},
        {.text = "POST / HTTP/1.0\r\nExpect: something\r\n\r\n", .status = 0},
    };
    CHECK_ALL(EXAMPLES);
}
END_TEST

START_TEST(connections_of_http_1_0_are_kept_only_when_asked)
{
    request_head h;
    ck_assert_int_eq(check(BYTES("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), &h), 0);
    ck_assert(h.http10 && h.keep_alive);
    ck_assert_int_eq(check(BYTES("GET / HTTP/1.0\r\nConnection: x\r\nConnection: keep-alive\r\n\r\n"), &h), 0);
    ck_assert(!h.keep_alive);
    ck_assert_int_eq(check(BYTES("GET / HTTP/1.0\r\n\r\n"), &h), 0);
    ck_assert(!h.keep_alive && !h.close);
}
END_TEST

START_TEST(too_many_headers_are_refused)
{
    char text[8192] = "GET / HTTP/1.1\r\nHost: x\r\n";
    size_t len = strlen(text);
    for (int i = 0; i < HEAD_HEADERS_MAX; i++, len += 6)
        memcpy(text + len, "A: b\r\n", 6);
    memcpy(text + len, "\r\n", 2);
    request_head h;
    ck_assert_int_eq(check(text, len + 2, &h), 431);
    memcpy(text + len - 6, "\r\n", 2);
    ck_assert_int_eq(check(text, len - 4, &h), 0);
}
END_TEST

/* Feeds a text byte by byte; the status and where it came. */
static int drip(const char *text, size_t len, size_t *ret_at)
{
    const char *why = NULL;
    for (size_t n = 1; n <= len; n++) {
        int status = head_check_partial(text, n, n - 1, &why);
        if (status) {
            *ret_at = n;
            return status;
        }
    }
    return 0;
}

START_TEST(what_can_never_become_a_head_is_refused_early)
{
    size_t at = 0;
    ck_assert_int_eq(drip(BYTES("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n"), &at), 0);
    ck_assert_int_eq(drip(BYTES("GET / HTTP/1.1\nHost"), &at), 400);
    ck_assert_uint_eq(at, strlen("GET / HTTP/1.1\n"));
    ck_assert_int_eq(drip(BYTES("GET /\r\nHost"), &at), 400);
    ck_assert_uint_eq(at, strlen("GET /\r\n"));
    ck_assert_int_eq(drip(BYTES("PUSH / HTTP/1.1\r\nHost"), &at), 501);
    ck_assert_int_eq(drip(BYTES("GET / HTTP/1.1\r\nA: b\r\n c"), &at), 400);
    ck_assert_int_eq(drip(BYTES("GET / HTTP/1.1\r\nA: b\rc"), &at), 400);
    ck_assert_int_eq(drip(BYTES("\x16\x03\x01"), &at), 400);
    ck_assert_uint_eq(at, 1);
    ck_assert_int_eq(drip(BYTES("GET / HTTP/1.1\r\nA: \0"), &at), 400);
}
END_TEST

static void add(TCase *tests)
{
    ADD(a_good_head_is_read);
    ADD(every_method_is_known_and_no_other);
    ADD(malformed_request_lines_are_refused);
    ADD(only_clean_paths_are_targets);
    ADD(a_target_may_begin_with_scheme_and_host);
    ADD(every_coding_but_identity_is_noted);
    ADD(malformed_headers_are_refused);
    ADD(the_length_of_a_body_must_be_certain);
    ADD(host_stands_exactly_once);
    ADD(only_100_continue_is_expected);
    ADD(connections_of_http_1_0_are_kept_only_when_asked);
    ADD(too_many_headers_are_refused);
    ADD(what_can_never_become_a_head_is_refused_early);
}

int main(void)
{
    return run_tests("http head_check", add);
}
