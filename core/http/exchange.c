/* The way of a request from its loop to the lanes and home again, and of its answer into the socket. The exchange is
 * the loop's, then the thread's that runs it, then the loop's again; the loop keeps the spare ones. A body that is
 * owned belongs to the reply until the last byte has left. */
#include "core/http/exchange.h"

#include "core/base/log.h"
#include "core/base/table.h"
#include "core/http/conn.h"
#include "core/http/cors.h"
#include "core/http/put.h"
#include "core/http/reply_stream.h"
#include "core/runtime/thread.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* In the access log alone: the client did not wait for its answer. */
enum { CLIENT_LEFT = 499 };

enum { SPARE_KEPT = 64, REQUEST_MEMORY = 64 * 1024 * 1024, ERROR_BYTES = 64 * 1024 };

static void finished(sw_request *req, sw_status status);
static void waiting(sw_request *req);

const char *http_header(struct evhttp_request *request, const char *name)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);
    return value ? value + strspn(value, " \t") : NULL;
}

exchange *exchange_new(conn *c, struct evhttp_request *ev)
{
    http_loop *l = c->home;
    exchange *x = TAILQ_FIRST(&l->spare);
    if (x) {
        TAILQ_REMOVE(&l->spare, x, entry);
        l->spare_count--;
    } else if (!(x = malloc(sizeof *x))) {
        return NULL;
    }
    memset(x, 0, sizeof *x);
    x->home = l;
    x->conn = c;
    x->ev = ev;
    x->method = c->head.method;
    x->present = c->head.present;
    x->started_ns = now_ns();
    c->state = CONN_WORK;
    c->work = x;
    c->request = ev;

    sw_request *req = &x->req;
    req->kind = REQUEST_HTTP;
    req->host = &l->server->core;
    req->who.size = sizeof req->who;
    req->id = x->id;
    req->address = c->peer_text;
    req->finish = finished;
    req->waiting = waiting;
    req->owner = x;
    req->home = l->loop;
    req->started_ns = x->started_ns;
    arena_init(&req->arena, REQUEST_MEMORY);
    return x;
}

void exchange_free(exchange *x)
{
    http_loop *l = x->home;
    request_done(&x->req);
    if (x->busy) {
        TAILQ_REMOVE(&l->busy, x, entry);
        atomic_store_explicit(&l->in_flight, atomic_load_explicit(&l->in_flight, memory_order_relaxed) - 1,
                              memory_order_relaxed);
    }
    if (l->spare_count == SPARE_KEPT) {
        free(x);
        return;
    }
    TAILQ_INSERT_HEAD(&l->spare, x, entry);
    l->spare_count++;
}

exchange *exchange_of(const sw_request *req)
{
    return req->kind == REQUEST_HTTP ? req->owner : NULL;
}

/* ---- its id, and its origin ---- */

bool exchange_names_open(http_loop *l, unsigned index)
{
    uint8_t random[5];
    if (sw_random(random, sizeof random) != SW_OK)
        return false;
    sw_hex(random, sizeof random, l->id_prefix);
    l->id_prefix[10] = (char)('a' + index % 26);
    l->id_prefix[11] = (char)('a' + index / 26 % 26);
    l->id_prefix_len = 12;
    return true;
}

/* Its length when it is 1..64 of [A-Za-z0-9._-], else 0. */
static size_t sane(const char *id)
{
    size_t len = 0;
    for (; id[len]; len++) {
        char c = id[len];
        bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
                    c == '_' || c == '-';
        if (!fine || len == REQUEST_ID_MAX)
            return 0;
    }
    return len;
}

void exchange_name(exchange *x, const char *given)
{
    size_t len = given ? sane(given) : 0;
    if (len > 0) {
        memcpy(x->id, given, len);
    } else {
        http_loop *l = x->home;
        uint64_t n = l->next_id++;
        memcpy(x->id, l->id_prefix, l->id_prefix_len);
        len = l->id_prefix_len;
        do
            x->id[len++] = "0123456789abcdef"[n & 15];
        while ((n >>= 4) > 0);
    }
    x->id[len] = '\0';
    x->id_len = len;
}

void exchange_take_origin(exchange *x, const char *origin)
{
    const cors_rules *rules = x->home->server->cors;
    if (origin && cors_origin_listed(rules, origin))
        x->origin = origin;
    else if (rules->any_origin)
        x->origin = "*";
}

/* ---- going to work ---- */

/* What a handler may read is made ready while the request is still the loop's. */
static bool prepare(exchange *x)
{
    http_loop *l = x->home;
    struct evbuffer *in = evhttp_request_get_input_buffer(x->ev);
    size_t len = evbuffer_get_length(in);
    const char *whole = len ? (const char *)evbuffer_pullup(in, -1) : NULL;
    x->body = (sw_str){whole, whole ? len : 0};
    x->busy = true;
    TAILQ_INSERT_TAIL(&l->busy, x, entry);
    count(&l->in_flight);
    conn_deadline(x->conn, DEADLINES);
    return len == 0 || whole;
}

void exchange_submit(exchange *x, sw_lane lane, sw_handler handler)
{
    if (!prepare(x))
        exchange_fail(x, SW_NO_MEMORY, NULL, NULL);
    else if (!request_submit(x->home->server->rt, &x->req, lane, handler))
        exchange_fail(x, SW_BUSY, NULL, "the server is busy, try again soon");
}

void exchange_run(exchange *x, sw_handler handler)
{
    if (!prepare(x)) {
        exchange_fail(x, SW_NO_MEMORY, NULL, NULL);
        return;
    }
    x->req.handler = handler;
    x->req.lane = SW_LANE_LOOP;
    request_run(&x->req, NULL);
}

/* ---- coming home ---- */

/* {"error","code","request_id","detail"?} in the place of whatever reply there was. */
static void write_failure(exchange *x)
{
    sw_request *req = &x->req;
    json_done(&req->reply);
    json_init(&req->reply, ERROR_BYTES);
    sw_json_object_begin(&req->reply, NULL);
    sw_json_text(&req->reply, "error", req->failure.text);
    sw_json_text(&req->reply, "code", req->failure.code);
    sw_json_text(&req->reply, "request_id", x->id);
    sw_json_text_opt(&req->reply, "detail", req->failure.detail);
    sw_json_object_end(&req->reply);
    req->http_status = x->status ? x->status : failure_http_status(req->failure.status);
    req->content_type = NULL;
    req->headers = NULL;
    x->stream = NULL; /* it ends with the request */
}

static void come_home(mail *m, loop *l)
{
    exchange *x = (exchange *)((char *)m - offsetof(exchange, req.mail));
    (void)l;
    tick(x->home);
    void (*next)(exchange * x) = x->resume ? x->resume : exchange_answer;
    next(x);
}

/* sw_request.finish: on any thread. */
static void finished(sw_request *req, sw_status status)
{
    exchange *x = req->owner;
    x->outcome = status;
    if (status != SW_OK)
        write_failure(x);
    if (loop_here(x->home->loop) && !x->waits_mailed) {
        come_home(&req->mail, x->home->loop);
        return;
    }
    req->mail.run = come_home;
    loop_post(x->home->loop, &req->mail);
}

/* ---- while the answer is to come later, the client may leave ---- */

/* Whom it was for is gone: the answer that is waited for need not come any more. */
static void left(conn *c)
{
    exchange *x = c->work;
    if (!defer_take(x->home->server->rt, atomic_load(&x->waits_for)))
        return; /* it is just being made */
    x->status = CLIENT_LEFT;
    request_finish(&x->req, SW_TIMED_OUT);
}

static void watch(mail *m, loop *l)
{
    exchange *x = (exchange *)((char *)m - offsetof(exchange, waits));
    (void)l;
    x->waits_mailed = false;
    if (x->conn->left)
        left(x->conn);
    else if (!x->conn->watched)
        conn_watch_end(x->conn, NULL, left);
}

/* sw_request.waiting: on the thread that has it, before anybody else can have it. */
static void waiting(sw_request *req)
{
    exchange *x = req->owner;
    atomic_store(&x->waits_for, req->defer_handle);
    x->waits_mailed = true;
    x->waits.run = watch;
    loop_post(x->home->loop, &x->waits);
}

void exchange_fail(exchange *x, sw_status status, const char *code, const char *text)
{
    sw_status sound = request_sound(&x->req, status);
    if (sound != status && failure_http_status(status) < 500) {
        status = sound; /* what could not be read for want of memory is not the client's mistake */
        code = text = NULL;
        x->status = 0;
    }
    x->req.failure.status = status;
    x->req.failure.code = code;
    x->req.failure.text = text;
    x->outcome = status;
    request_fill_failure(&x->req, status);
    write_failure(x);
    exchange_answer(x);
}

void exchange_refuse(exchange *x, int http_status, const char *code, const char *text)
{
    x->status = http_status;
    exchange_fail(x, SW_INVALID, code, text);
}

void exchange_answer(exchange *x)
{
    sw_request *req = &x->req;
    reply r = {
        .status = req->http_status,
        .content_type = req->content_type ? req->content_type : "application/json",
        .headers = req->headers,
        .lines = x->lines,
        .retry_after = req->failure.retry_after,
        .stream = x->stream,
    };
    r.body = r.owned = buf_take(&req->reply.out, &r.len);
    if (!r.body)
        r.len = 0;
    if (!r.body && r.status >= 400) {
        static const char NO_MEMORY[] = "{\"error\":\"internal error\",\"code\":\"internal\"}";
        r = (reply){.status = 500, .content_type = "application/json", .lines = x->lines, .body = NO_MEMORY};
        r.len = sizeof NO_MEMORY - 1;
    }
    reply_send(x, &r);
}

/* ---- an answer in pieces ---- */

enum { STREAM_FIRST = STRUCT_THROUGH(sw_stream, arg) };

uint64_t sw_reply_stream(sw_request *req, const sw_stream *given)
{
    exchange *x = exchange_of(req);
    sw_stream how;
    uint64_t handle = 0;
    if (!x || !struct_read(&how, sizeof how, given, STREAM_FIRST)) {
        log_error(req->host->name, "a reply in pieces is for an HTTP request, and its sw_stream has a size");
        return 0;
    }
    const char *type = how.content_type ? how.content_type : "text/event-stream";
    stream *s = x->stream ? NULL : stream_new(&how, req->host, x->home, !x->conn->head.http10, &handle);
    if (!s)
        return 0;
    sw_reply_empty(req, how.http_status ? how.http_status : 200);
    req->content_type = arena_strndup(&req->arena, type, strlen(type));
    if (!req->content_type || !arena_defer(&req->arena, stream_request_ended, s)) {
        stream_undo(s);
        return 0;
    }
    x->stream = s;
    return handle;
}

/* ---- the answer: its head ---- */

static const struct {
    int status;
    const char *line;
} STATUS_LINES[] = {
    {200, "HTTP/1.1 200 OK\r\n"},
    {201, "HTTP/1.1 201 Created\r\n"},
    {202, "HTTP/1.1 202 Accepted\r\n"},
    {204, "HTTP/1.1 204 No Content\r\n"},
    {304, "HTTP/1.1 304 Not Modified\r\n"},
    {400, "HTTP/1.1 400 Bad Request\r\n"},
    {401, "HTTP/1.1 401 Unauthorized\r\n"},
    {403, "HTTP/1.1 403 Forbidden\r\n"},
    {404, "HTTP/1.1 404 Not Found\r\n"},
    {405, "HTTP/1.1 405 Method Not Allowed\r\n"},
    {408, "HTTP/1.1 408 Request Timeout\r\n"},
    {409, "HTTP/1.1 409 Conflict\r\n"},
    {410, "HTTP/1.1 410 Gone\r\n"},
    {413, "HTTP/1.1 413 Content Too Large\r\n"},
    {414, "HTTP/1.1 414 URI Too Long\r\n"},
    {415, "HTTP/1.1 415 Unsupported Media Type\r\n"},
    {417, "HTTP/1.1 417 Expectation Failed\r\n"},
    {421, "HTTP/1.1 421 Misdirected Request\r\n"},
    {426, "HTTP/1.1 426 Upgrade Required\r\n"},
    {429, "HTTP/1.1 429 Too Many Requests\r\n"},
    {431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
    {500, "HTTP/1.1 500 Internal Server Error\r\n"},
    {501, "HTTP/1.1 501 Not Implemented\r\n"},
    {503, "HTTP/1.1 503 Service Unavailable\r\n"},
    {505, "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
};

static char *put_status(char *at, int status)
{
    for (size_t i = 0; i < sizeof STATUS_LINES / sizeof *STATUS_LINES; i++)
        if (STATUS_LINES[i].status == status)
            return put_text(at, STATUS_LINES[i].line);
    at = put_number(PUT(at, "HTTP/1.1 "), (uint64_t)(status >= 100 && status <= 999 ? status : 500));
    return PUT(at, " -\r\n");
}

static char *put_header(char *at, const char *name, const char *value)
{
    at = PUT(put_text(at, name), ": ");
    return PUT(put_text(at, value), "\r\n");
}

/* What an Origin of the list, or any with *, is told. */
static char *put_cors(char *at, const exchange *x, bool preflight)
{
    const cors_rules *rules = x->home->server->cors;
    if (!x->origin)
        return at;
    at = put_header(at, "Access-Control-Allow-Origin", x->origin);
    /* "*" never goes with credentials: only origins that are named may have them. */
    if (rules->credentials && x->origin[0] != '*')
        at = PUT(at, "Access-Control-Allow-Credentials: true\r\n");
    if (preflight)
        return at;
    return PUT(at, "Access-Control-Expose-Headers: X-Total-Count, X-Request-Id, X-Truncated, X-Next-Page, "
                   "Idempotency-Replayed\r\n");
}

/* More than write_head() will need. */
static size_t head_bound(const exchange *x, const reply *r)
{
    size_t sum = 1024 + (r->lines ? strlen(r->lines) : 0) + (x->origin ? strlen(x->origin) : 0) +
                 (x->allow ? strlen(x->allow) : 0) + (r->content_type ? strlen(r->content_type) : 0);
    for (const reply_header *h = r->headers; h; h = h->next)
        sum += strlen(h->name) + strlen(h->value) + 4;
    return sum;
}

/* What a status demands. */
static char *put_demanded(char *at, const exchange *x, const reply *r)
{
    if (r->status == 401)
        at = PUT(at, "WWW-Authenticate: Bearer\r\n");
    if (x->allow)
        at = put_header(at, "Allow", x->allow);
    if (r->retry_after > 0 || r->status == 503 || r->status == 429) {
        at = put_number(PUT(at, "Retry-After: "), r->retry_after > 0 ? (uint64_t)r->retry_after : 1);
        at = PUT(at, "\r\n");
    }
    return at;
}

/* Gives its length. `keep_alive`: say so (HTTP/1.0). */
static size_t write_head(const exchange *x, const reply *r, bool close, bool keep_alive, char *out)
{
    const loop_clock *clock = &x->home->clock;
    bool no_body = r->status == 204 || r->status == 304;
    char *at = put_status(out, r->status);
    if (!no_body && (r->len > 0 || r->stream))
        at = put_header(at, "Content-Type", r->content_type);
    if (r->stream && !x->conn->head.http10)
        at = PUT(at, "Transfer-Encoding: chunked\r\n");
    else if (!no_body && !r->stream)
        at = PUT(put_number(PUT(at, "Content-Length: "), r->len), "\r\n");
    at = put(at, clock->date, clock->date_len);
    at = put(PUT(at, "X-Request-Id: "), x->id, x->id_len);
    at = PUT(at, "\r\n");
    if (!x->home->server->cors->any_origin)
        at = PUT(at, "Vary: Origin\r\n");
    at = put_cors(at, x, r->preflight);
    at = put_demanded(at, x, r);
    for (const reply_header *h = r->headers; h; h = h->next)
        at = put_header(at, h->name, h->value);
    if (r->lines)
        at = put_text(at, r->lines);
    if (close)
        at = PUT(at, "Connection: close\r\n");
    else if (keep_alive)
        at = PUT(at, "Connection: keep-alive\r\n");
    at = PUT(at, "\r\n");
    return (size_t)(at - out);
}

/* ---- the answer: into the socket ---- */

/* Everything has left: the connection ends, or waits for its next request. */
static void sent(conn *c)
{
    struct evhttp_request *ev = c->request;
    c->request = NULL;
    conn_charge(c, 0);
    if (c->close_after || !ev) {
        conn_finish(c);
        return;
    }
    /* The output is empty, so evhttp ends the request here and now and gets ready for the next one. The request was
     * not chunked (those close), so this writes nothing. */
    evhttp_send_reply_end(ev);
    if (c->state == CONN_DEAD)
        return; /* out of memory */
    conn_next(c);
}

static void on_drained(struct bufferevent *bev, void *arg)
{
    conn *c = conn_of(bev);
    (void)arg;
    if (!c || c->state != CONN_REPLY)
        return;
    tick(c->home);
    sent(c);
}

static void release(const void *data, size_t len, void *owned)
{
    (void)data, (void)len;
    free(owned);
}

/* What the socket did not take at once waits in the bufferevent. */
static void queue_rest(conn *c, const char *head, size_t head_len, const reply *r, size_t body_len, size_t gone)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    int failed = 0;
    if (gone < head_len) {
        failed = evbuffer_add(out, head + gone, head_len - gone);
        gone = head_len;
    }
    size_t left = body_len - (gone - head_len);
    if (left == 0)
        free(r->owned);
    else if (r->owned && !failed)
        failed = evbuffer_add_reference(out, r->body + (body_len - left), left, release, r->owned);
    else
        failed |= evbuffer_add(out, r->body + (body_len - left), left);
    if (failed) {
        if (left > 0)
            free(r->owned);
        conn_free(c);
        return;
    }
    conn_charge(c, evbuffer_get_length(out));
    conn_mark_unsent(c);
    conn_watch(c, NULL, on_drained);
    bufferevent_disable(c->bev, EV_READ);
    bufferevent_enable(c->bev, EV_WRITE);
}

/* Directly to the socket, when nothing waits before it. Gives what it took; -1: the client is gone. */
static ssize_t send_now(conn *c, const char *head, size_t head_len, const char *body, size_t body_len)
{
    if (evbuffer_get_length(bufferevent_get_output(c->bev)) > 0)
        return 0;
    struct iovec pieces[2] = {{(void *)(uintptr_t)head, head_len}, {(void *)(uintptr_t)body, body_len}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = body_len ? 2 : 1};
    ssize_t n = sendmsg(bufferevent_getfd(c->bev), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

static void transmit(conn *c, const char *head, size_t head_len, const reply *r, size_t body_len)
{
    ssize_t n = send_now(c, head, head_len, r->body, body_len);
    if (n < 0) {
        free(r->owned);
        conn_free(c);
    } else if ((size_t)n == head_len + body_len) {
        free(r->owned);
        sent(c);
    } else {
        queue_rest(c, head, head_len, r, body_len, (size_t)n);
    }
}

/* The head of a reply whose body comes in pieces. */
static void begin_stream(conn *c, const char *head, size_t head_len, stream *s, bool without_body)
{
    ssize_t n = send_now(c, head, head_len, NULL, 0);
    size_t left = n < 0 ? 0 : head_len - (size_t)n;
    if (n < 0 || (left && evbuffer_add(bufferevent_get_output(c->bev), head + n, left) != 0)) {
        conn_free(c);
        stream_lost(s);
        return;
    }
    stream_begin(s, c, without_body, sent);
}

void reply_send(exchange *x, reply *r)
{
    conn *c = x->conn;
    http_loop *l = x->home;
    conn_unwatch(c);
    if (r->stream) {
        stream_claim(r->stream);
        c->close_after |= c->head.http10;
    }
    size_t body_len = x->method == HEAD_HEAD || r->status == 204 || r->status == 304 ? 0 : r->len;
    int64_t took = now_ns() - x->started_ns;
    record_exchange(x, r->status, body_len, took);
    size_t bound = head_bound(x, r);
    char *head = bound <= sizeof l->scratch ? l->scratch : malloc(bound);
    c->close_after |= l->draining;
    size_t head_len = head ? write_head(x, r, c->close_after, c->head.http10, head) : 0;
    bool without_body = x->method == HEAD_HEAD;
    exchange_free(x);
    c->work = NULL;
    c->state = CONN_REPLY;
    if (!head) {
        free(r->owned);
        conn_free(c);
        if (r->stream)
            stream_lost(r->stream);
    } else if (r->stream) {
        free(r->owned);
        begin_stream(c, head, head_len, r->stream, without_body);
    } else {
        transmit(c, head, head_len, r, body_len);
    }
    if (head != l->scratch)
        free(head);
}
