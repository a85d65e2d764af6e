/* One HTTP request over the host's socket, and its answer. A connection each, as from many clients. */
#include "core/base/files.h"
#include "core/testhost/testhost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { ANSWER_MAX = 256 * 1024 * 1024 };

/* The answer of a call that came to nothing. */
static const sw_test_reply NONE = {.status = 0, .body = "", .headers = ""};

static const sw_test_reply *none(sw_test *t, const char *why)
{
    (void)host_fail(t, "%s", why);
    return &NONE;
}

static bool has_header(const char *const *headers, const char *name)
{
    size_t len = strlen(name);
    for (; headers && *headers; headers++)
        if (strncasecmp(*headers, name, len) == 0 && (*headers)[len] == ':')
            return true;
    return false;
}

static void write_request(buf *out, const char *token, const char *method, const char *path, const char *body,
                          const char *const *headers)
{
    size_t len = body ? strlen(body) : 0;
    buf_printf(out, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, path);
    if (*token)
        buf_printf(out, "Authorization: Bearer %s\r\n", token);
    if (body && !has_header(headers, "Content-Type"))
        buf_add_text(out, "Content-Type: application/json\r\n");
    if (body && !has_header(headers, "Content-Length"))
        buf_printf(out, "Content-Length: %zu\r\n", len);
    for (const char *const *h = headers; h && *h; h++)
        buf_printf(out, "%s\r\n", *h);
    buf_add_text(out, "\r\n");
    buf_add(out, body ? body : "", len);
}

/* The number behind "Content-Length:", -1: there is none. */
static long long content_length(const char *head, const char *end)
{
    static const char NAME[] = "\r\nContent-Length:";
    for (const char *at = head; at + sizeof NAME < end; at++)
        if (strncasecmp(at, NAME, sizeof NAME - 1) == 0)
            return strtoll(at + sizeof NAME - 1, NULL, 10);
    return -1;
}

static bool is_chunked(const char *head, const char *end)
{
    static const char LINE[] = "\r\nTransfer-Encoding: chunked\r\n";
    return memmem(head, (size_t)(end - head), LINE, sizeof LINE - 1) != NULL;
}

/* Puts the chunks of a body together where they lie. Its length, -1 when the last one is missing. */
static long long join_chunks(char *body, size_t there)
{
    size_t at = 0, joined = 0;
    for (;;) {
        char *line_end = memmem(body + at, there - at, "\r\n", 2);
        size_t len = line_end ? strtoul(body + at, NULL, 16) : 0;
        if (!line_end || (at = (size_t)(line_end + 2 - body)) + len > there)
            return -1;
        if (len == 0)
            return (long long)joined;
        memmove(body + joined, body + at, len);
        joined += len;
        at += len + 2;
        if (at > there)
            return -1;
    }
}

/* The whole answer once it is there, NULL before. */
static const sw_test_reply *parse(sw_test *t, buf *in, bool head_only, bool ended)
{
    buf_add(in, "", 1); /* a NUL behind it, for searching; not counted */
    if (in->failed)
        return none(t, "the answer is too long");
    in->len--;
    const char *end = in->len ? strstr(in->at, "\r\n\r\n") : NULL;
    if (!end || in->len < 12)
        return NULL;
    const char *head = strchr(in->at, '\n') + 1, *body = end + 4;
    size_t there = in->len - (size_t)(body - in->at);
    int status = (int)strtol(in->at + 9, NULL, 10);
    long long length = content_length(in->at, body);
    if (head_only || status == 204 || status == 304)
        length = 0;
    else if (is_chunked(in->at, body) && ended)
        length = join_chunks((char *)(uintptr_t)body, there);
    else if (is_chunked(in->at, body))
        return NULL;
    if (length < 0 ? !ended : there < (unsigned long long)length)
        return NULL;
    size_t headers_len = end + 2 > head ? (size_t)(end + 2 - head) : 0;
    const sw_test_reply *r = reply_new(t, status, body, length < 0 ? there : (size_t)length, head, headers_len);
    return r ? r : none(t, "no memory");
}

static const sw_test_reply *receive(sw_test *t, int fd, bool head_only)
{
    buf in;
    buf_init(&in, ANSWER_MAX);
    int64_t until = sw_monotonic_ms() + CALL_TIMEOUT_MS;
    const sw_test_reply *r = NULL;
    bool more = true;
    while (!r && more) {
        more = fd_receive(fd, &in, until);
        r = parse(t, &in, head_only, !more && sw_monotonic_ms() < until);
    }
    if (!r && sw_monotonic_ms() >= until)
        r = none(t, "no answer came within ten seconds");
    buf_done(&in);
    return r ? r : none(t, "the connection ended before the answer was whole");
}

/* ---- in two halves ---- */

/* In the host's memory. */
struct sw_test_asked {
    sw_test_asked *next;
    sw_test *t;
    int fd; /* -1: it came to nothing, or is finished */
    bool head_only;
    const sw_test_reply *reply; /* NULL until it is finished */
};

/* Connects and sends; -1 after none(). */
static int ask(sw_test *t, const sw_test_user *who, const char *method, const char *path, const char *body,
               const char *const *headers)
{
    static const char OTHERS[] =
        "another plugin provides auth/1: log in there, and give the token in a header Authorization";
    char token[TOKEN_TEXT] = "";
    const char *wrong = !t->running ? "the host does not run" : who && !t->own_users ? OTHERS : NULL;
    if (!wrong && who && !user_token(who, token))
        wrong = "a user has an id above 0, one role, and a name of at most 64 bytes";
    int fd = wrong ? -1 : folder_connect(t);
    if (fd < 0) {
        none(t, wrong ? wrong : strerror(errno));
        return -1;
    }
    buf out;
    buf_init(&out, 0);
    write_request(&out, token, method, path, body, headers);
    /* A refusal may come before all of the body has left. */
    if (!out.failed)
        (void)send_whole(fd, out.at, out.len);
    buf_done(&out);
    return fd;
}

sw_test_asked *sw_test_begin(sw_test *t, const sw_test_user *who, const char *method, const char *path,
                             const char *body, const char *const *headers)
{
    sw_test_asked *a = arena_alloc(&t->memory, sizeof *a);
    if (!a) {
        none(t, "no memory");
        return NULL;
    }
    *a = (sw_test_asked){.next = t->asked, .t = t, .head_only = strcmp(method, "HEAD") == 0};
    a->fd = ask(t, who, method, path, body, headers);
    if (a->fd < 0)
        a->reply = &NONE;
    t->asked = a;
    return a;
}

const sw_test_reply *sw_test_finish(sw_test_asked *a)
{
    if (!a)
        return &NONE;
    if (!a->reply) {
        a->reply = receive(a->t, a->fd, a->head_only);
        close(a->fd);
        a->fd = -1;
    }
    return a->reply;
}

void asked_close(sw_test *t)
{
    for (sw_test_asked *a = t->asked; a; a = a->next)
        if (a->fd >= 0)
            close(a->fd);
    t->asked = NULL;
}

/* ---- in one ---- */

const sw_test_reply *sw_test_call(sw_test *t, const sw_test_user *who, const char *method, const char *path,
                                  const char *body, const char *const *headers)
{
    return sw_test_finish(sw_test_begin(t, who, method, path, body, headers));
}

const sw_test_reply *sw_test_get(sw_test *t, const sw_test_user *who, const char *path)
{
    return sw_test_call(t, who, "GET", path, NULL, NULL);
}

const sw_test_reply *sw_test_post(sw_test *t, const sw_test_user *who, const char *path, const char *body)
{
    return sw_test_call(t, who, "POST", path, body, NULL);
}

const sw_test_reply *sw_test_delete(sw_test *t, const sw_test_user *who, const char *path)
{
    return sw_test_call(t, who, "DELETE", path, NULL, NULL);
}
