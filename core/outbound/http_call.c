#include "core/outbound/http_call.h"
#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX = 64 * 1024, TIMEOUT_MS = 30000 };
#define ANSWER_MAX ((size_t)4 << 20)

/* ---- made ---- */

static size_t collect(char *bytes, size_t size, size_t count, void *arg)
{
    buf *b = arg;

    buf_add(b, bytes, size * count);
    return b->failed ? 0 : size * count;
}

void http_call_free(http_call *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    buf_done(&c->body);
    buf_done(&c->answer);
    buf_done(&c->answer_headers);
    free(c);
}

static bool set_headers(http_call *c, const char *const *headers)
{
    for (; headers && *headers; headers++) {
        if (strpbrk(*headers, "\r\n"))
            return false;
        struct curl_slist *more = curl_slist_append(c->headers, *headers);
        if (!more)
            return false;
        c->headers = more;
    }
    struct curl_slist *more = curl_slist_append(c->headers, "Expect:");
    if (!more)
        return false;
    c->headers = more;
    return curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK;
}

static bool set_options(http_call *c, const sw_http_call *call, const outbound_url *url, const char *ca_file,
                        const char *proxy)
{
    CURL *e = c->easy;
    const char *method = call->method ? call->method : "GET";

    bool ok = curl_easy_setopt(e, CURLOPT_URL, call->url) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, url->tls ? "https" : "http") == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(call->timeout_ms > 0 ? call->timeout_ms : TIMEOUT_MS)) ==
                  CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, collect) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_WRITEDATA, &c->answer) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, collect) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_HEADERDATA, &c->answer_headers) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_PRIVATE, c) == CURLE_OK;
    if (ok && *ca_file)
        ok = curl_easy_setopt(e, CURLOPT_CAINFO, ca_file) == CURLE_OK;
    if (ok && outbound_is_loopback(url->host))
        ok = curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK;
    else if (ok && *proxy)
        ok = curl_easy_setopt(e, CURLOPT_PROXY, proxy) == CURLE_OK;
    if (ok && (call->body_len > 0 || strcmp(method, "POST") == 0)) {
        buf_add(&c->body, call->body, call->body_len);
        buf_add(&c->body, "", 1);
        ok = !c->body.failed &&
             curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len) == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_POSTFIELDS, c->body.at) == CURLE_OK;
    }
    /* Its answer has the length of a body that does not come. */
    if (ok && strcmp(method, "HEAD") == 0)
        ok = curl_easy_setopt(e, CURLOPT_NOBODY, 1L) == CURLE_OK;
    return ok && curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK && set_headers(c, call->headers);
}

http_call *http_call_new(const sw_http_call *call, const outbound_url *url, const char *ca_file, const char *proxy)
{
    http_call *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    buf_init(&c->body, call->body_len + 1);
    buf_init(&c->answer, (call->max_answer ? call->max_answer : ANSWER_MAX) + 1);
    buf_init(&c->answer_headers, HEADERS_MAX);
    c->easy = curl_easy_init();
    if (c->easy && set_options(c, call, url, ca_file, proxy))
        return c;
    http_call_free(c);
    return NULL;
}

/* ---- ended ---- */

/* It ended before a byte of the request could leave. */
static bool never_left(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return true;
    default:
        return false;
    }
}

static sw_http_outcome outcome_of(const http_call *c, CURLcode code, const char *stopped)
{
    if (stopped)
        return SW_HTTP_STOPPED;
    if (c->answer_headers.failed)
        return SW_HTTP_FAILED;
    if (c->answer.failed)
        return SW_HTTP_TOO_LONG;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return SW_HTTP_TIMED_OUT;
    return code != CURLE_OK ? SW_HTTP_FAILED : SW_HTTP_ANSWERED;
}

static const char *error_of(const http_call *c, CURLcode code)
{
    if (c->answer_headers.failed)
        return "the head of the answer is too long";
    return c->answer.failed ? "the answer is too long" : curl_easy_strerror(code);
}

sw_http_answer http_call_answer(http_call *c, CURLcode code, const char *stopped)
{
    sw_http_answer answer = {.size = sizeof answer, .error = "", .body = "", .headers = ""};
    long status = 0;

    buf_add(&c->answer, "", 1);
    buf_add(&c->answer_headers, "", 1);
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    answer.outcome = outcome_of(c, code, stopped);
    answer.took_ms = c->turn_ms ? sw_monotonic_ms() - c->turn_ms : 0;
    if (answer.outcome == SW_HTTP_ANSWERED || answer.outcome == SW_HTTP_TOO_LONG) {
        answer.head_status = (int)status;
        answer.headers = c->answer_headers.at;
    }
    if (answer.outcome == SW_HTTP_ANSWERED) {
        answer.status = (int)status;
        answer.body = c->answer.at;
        answer.body_len = c->answer.len - 1;
    } else {
        answer.error = stopped ? stopped : error_of(c, code);
        answer.unsent = stopped ? !c->turn_ms : never_left(code);
    }
    return answer;
}
