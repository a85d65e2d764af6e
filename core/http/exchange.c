/* The way of a request from its loop to the lanes and home again. The exchange is the loop's, then the thread's that
 * runs it, then the loop's again; the loop keeps the spare ones. The way of the answer is in http_reply.c. */
#include "core/http/exchange.h"

#include "core/base/log.h"
#include "core/http/conn.h"
#include "core/runtime/thread.h"
#include <stdlib.h>
#include <string.h>

enum { SPARE_KEPT = 64, REQUEST_MEMORY = 64 * 1024 * 1024, ERROR_BYTES = 64 * 1024 };

static void finished(sw_request *req, sw_status status);

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

/* ---- its id ---- */

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
    if (loop_here(x->home->loop)) {
        come_home(&req->mail, x->home->loop);
        return;
    }
    req->mail.run = come_home;
    loop_post(x->home->loop, &req->mail);
}

void exchange_fail(exchange *x, sw_status status, const char *code, const char *text)
{
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
    };
    r.body = r.owned = buf_take(&req->reply.out, &r.len);
    if (!r.body)
        r.len = 0;
    reply_send(x, &r);
}
