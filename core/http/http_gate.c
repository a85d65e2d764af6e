/* A request is followed in the input of its connection until it is whole and clean; evhttp parses it then, and calls
 * http_dispatch(). What is wrong is refused here, as evhttp would have accepted it or answered without JSON. On the
 * loop of the connection. */
#include "core/base/str.h"
#include "core/http/conn.h"
#include "core/http/exchange.h"
#include <string.h>

/* A body of up to this size is let in when memory is short: reading it frees more than it takes. */
enum { SMALL_BODY = 4096, ORIGIN_MAX = 256 };

/* ---- refusing what evhttp has not had: the answer, and the end of the connection ---- */

/* What an answer repeats of a request; empty: it is not known. */
typedef struct {
    char origin[ORIGIN_MAX];
    char request_id[REQUEST_ID_MAX + 2]; /* one too long is seen to be so */
} repeated;

/* Copies the value of the first header of that name; "" when there is none, or it does not fit. */
static void copy_header(const char *head, size_t len, const char *name, char *ret, size_t size)
{
    sw_str rest = {head, len}, line;
    ret[0] = '\0';
    while (str_next(&rest, '\n', &line)) {
        size_t name_len = strlen(name);
        if (line.len <= name_len || line.at[name_len] != ':' || !str_starts_nocase(line, name))
            continue;
        sw_str value = str_trim((sw_str){line.at + name_len + 1, line.len - name_len - 1});
        if (value.len < size) {
            memcpy(ret, value.at, value.len);
            ret[value.len] = '\0';
        }
        return;
    }
}

/* A head that was good stands in the input still when its body is what is refused. */
static void read_head(conn *c, repeated *ret)
{
    *ret = (repeated){.origin = ""};
    if (c->state != CONN_BODY || c->fed)
        return;
    struct evbuffer *input = bufferevent_get_input(c->bev);
    struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    const char *at = end.pos < 0 ? NULL : (const char *)evbuffer_pullup(input, end.pos + 2);
    if (!at)
        return;
    copy_header(at, (size_t)end.pos + 2, "Origin", ret->origin, sizeof ret->origin);
    copy_header(at, (size_t)end.pos + 2, "X-Request-Id", ret->request_id, sizeof ret->request_id);
}

void gate_refuse(conn *c, int http_status, const char *code, const char *text)
{
    repeated known;
    read_head(c, &known);
    conn_resume(c);
    c->close_after = true;
    c->linger_after = true; /* what the client still sends must not turn into a reset that eats the answer */
    conn_deadline(c, DEADLINES);
    exchange *x = exchange_new(c, NULL);
    if (!x) {
        conn_free(c);
        return;
    }
    exchange_name(x, known.request_id);
    if (known.origin[0] && !c->by->door)
        exchange_take_origin(x, known.origin);
    if (!text)
        text = http_status == 413 ? "the request body is too large" : "the request is malformed";
    exchange_refuse(x, http_status, code, text);
}

/* ---- bodies ---- */

/* Gives evhttp what is in the input: one whole request (dispatch() is called from inside), or the head of one that
 * waits for 100 Continue. */
static void feed(conn *c)
{
    c->feed(c->bev, c->evcon);
    if (c->state == CONN_BODY)
        conn_wrap(c); /* 100 Continue put evhttp's callbacks back */
}

/* Takes the new bytes of a chunked body from `at` in the input. */
static chunk_answer follow_chunks(conn *c, size_t at, size_t *ret_end)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    struct evbuffer_ptr place;
    struct evbuffer_iovec pieces[16];
    chunk_answer answer = CHUNK_MORE;
    while (answer == CHUNK_MORE && at < evbuffer_get_length(input)) {
        evbuffer_ptr_set(input, &place, at, EVBUFFER_PTR_SET);
        int n = evbuffer_peek(input, -1, &place, pieces, 16);
        for (int i = 0; i < n && i < 16 && answer == CHUNK_MORE; i++) {
            size_t used = pieces[i].iov_len;
            answer = chunk_feed(&c->chunks, pieces[i].iov_base, pieces[i].iov_len, c->body_limit, &used);
            at += used;
        }
    }
    *ret_end = at;
    return answer;
}

/* evhttp knows no extensions, and takes trailers for headers: it is given the body as one chunk without them. */
static bool rewrite_chunks(conn *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bev), *before = evbuffer_new();
    size_t begin = (size_t)c->need, len = c->checked - begin;
    bool fine = before && evbuffer_remove_buffer(input, before, begin) == (int)begin;
    char *body = fine ? (char *)evbuffer_pullup(input, (ev_ssize_t)len) : NULL;
    size_t joined = body ? chunk_join(body, len) : 0;
    fine = body && (joined == 0 || evbuffer_add_printf(before, "%zx\r\n", joined) > 0) &&
           evbuffer_remove_buffer(input, before, joined) == (int)joined &&
           evbuffer_add_printf(before, joined ? "\r\n0\r\n\r\n" : "0\r\n\r\n") > 0 &&
           evbuffer_drain(input, len - joined) == 0 && evbuffer_prepend_buffer(input, before) == 0;
    if (before)
        evbuffer_free(before);
    return fine;
}

static bool chunked_body_whole(conn *c)
{
    size_t have = evbuffer_get_length(bufferevent_get_input(c->bev));
    chunk_answer answer = follow_chunks(c, c->checked, &c->checked);
    bool endless = c->chunks.ignored > c->home->server->settings.header_bytes;
    if (answer == CHUNK_BAD)
        gate_refuse(c, 400, "invalid_request", "malformed chunked body");
    else if (endless || answer == CHUNK_TOO_LARGE || (answer == CHUNK_MORE && have > 2 * c->body_limit + 65536))
        gate_refuse(c, 413, "too_large", endless ? "the chunk extensions or trailers are too long" : NULL);
    else if (answer == CHUNK_END && c->chunks.ignored > 0 && !rewrite_chunks(c))
        gate_refuse(c, 503, "unavailable", "the server is out of memory for requests");
    else
        return answer == CHUNK_END;
    return false;
}

/* true: the next request may be looked at. */
static bool gate_body(conn *c)
{
    size_t have = evbuffer_get_length(bufferevent_get_input(c->bev));
    conn_charge(c, have);
    bool whole = c->head.chunked ? chunked_body_whole(c) : have >= c->need;
    if (whole) {
        feed(c);
        if (c->state == CONN_BODY) {
            /* evhttp refused what passed here: it answers itself and closes. The deadline stays. */
            c->head.chunked = false;
            c->need = UINT64_MAX;
            return false;
        }
        return true;
    }
    if (c->state == CONN_BODY && memory_over(c->home->server))
        conn_pause(c);
    return false;
}

/* ---- heads ---- */

/* What the route of this request accepts: large bodies for those that say so, and less for those that say less. */
static uint64_t body_limit_of(const conn *c)
{
    const http_settings *s = &c->home->server->settings;
    if (!c->head.chunked && c->head.length <= s->body && c->head.length <= router_least_body(c->by->router))
        return s->body;
    sw_str values[ROUTE_PARAMS_MAX];
    const route_set *set = router_match(c->by->router, c->head.path, values);
    const route *r = set && c->head.method <= HEAD_DELETE ? set->by_method[c->head.method] : NULL;
    uint64_t limit = r && (r->row.flags & SW_ROUTE_LARGE_BODY) ? s->large_body : s->body;
    return r && r->row.body_limit > 0 && r->row.body_limit < limit ? r->row.body_limit : limit;
}

/* The head is good. Decides about its body before any of that is read. */
static void begin_body(conn *c, size_t head_len)
{
    const request_head *h = &c->head;
    bool skip_body = h->method == HEAD_HEAD; /* evhttp does not read it: the connection ends after the reply */
    c->path_at = (size_t)(h->path.at - h->target.at);
    c->path_len = h->path.len;
    c->host_at = h->host.len ? (size_t)(h->host.at - h->target.at) : 0;
    c->host_len = h->host.len;
    c->body_limit = body_limit_of(c);
    c->linger_after = h->chunked || (skip_body && h->length > 0);
    c->close_after = c->linger_after || h->close || (h->http10 && !h->keep_alive);
    c->chunks = (chunk_walk){0};
    c->need = head_len + (skip_body ? 0 : h->length);
    c->checked = head_len;
    c->state = CONN_BODY;
    if (h->length > c->body_limit) {
        gate_refuse(c, 413, "too_large", NULL);
        return;
    }
    if ((h->chunked || h->length > SMALL_BODY) && memory_over(c->home->server)) {
        gate_refuse(c, 503, "unavailable", "the server is out of memory for requests");
        return;
    }
    if (skip_body)
        c->head.chunked = false;
    size_t have = evbuffer_get_length(bufferevent_get_input(c->bev));
    if (h->expects && !h->http10 && have == head_len && (h->chunked || c->need > head_len)) {
        conn_deadline(c, DEADLINE_BODY);
        feed(c); /* evhttp sends 100 Continue */
        c->need -= head_len;
        c->checked = 0;
        c->fed = true;
    } else if (h->chunked || have < c->need) {
        conn_deadline(c, DEADLINE_BODY);
    }
}

/* The head has not ended in the `len` bytes that are here. */
static void unfinished_head(conn *c, const char *at, size_t len)
{
    const char *why = NULL;
    int status = len == 0 ? 0 : head_check_partial(at, len, c->checked, &why);
    if (!status && len >= c->home->server->settings.header_bytes) {
        bool line = memchr(at, '\n', len) != NULL;
        status = line ? 431 : 414;
        why = line ? "the headers are too large" : "the request target is too long";
    }
    if (status) {
        count(&c->home->bad_heads);
        gate_refuse(c, status, status == 414 || status == 431 ? "too_large" : "invalid_request", why);
        return;
    }
    c->checked = len;
    if (c->state == CONN_IDLE) {
        bool first = c->queued == DEADLINE_HEAD + 1; /* its time runs since the connection came */
        c->state = CONN_HEAD;
        if (!first)
            conn_deadline(c, DEADLINE_HEAD);
    }
}

static const char *find_end(const char *at, size_t len, size_t checked)
{
    size_t from = checked > 3 ? checked - 3 : 0;
    return memmem(at + from, len - from, "\r\n\r\n", 4);
}

/* true: gate_body() goes on. */
static bool gate_head(conn *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    size_t limit = c->home->server->settings.header_bytes;
    size_t len = evbuffer_get_length(input);
    if (len > limit + 4)
        len = limit + 4;
    const char *at = len ? (const char *)evbuffer_pullup(input, (ev_ssize_t)len) : NULL;
    if (!at)
        return false;
    if (c->checked == 0 && len >= 2 && at[0] == '\r' && at[1] == '\n' && !c->fed) {
        /* One empty line before a request is to be ignored (RFC 9112, 2.2). `fed` remembers it. */
        evbuffer_drain(input, 2);
        c->fed = true;
        return true;
    }
    const char *end = find_end(at, len, c->checked);
    if (!end) {
        unfinished_head(c, at, len);
        return false;
    }
    c->fed = false;
    const char *why = NULL;
    size_t head_len = (size_t)(end - at) + 4;
    int status = head_len > limit ? 431 : head_check(at, head_len, &c->head, &why);
    if (status) {
        count(&c->home->bad_heads);
        gate_refuse(c, status, status == 431 ? "too_large" : "invalid_request",
                    why ? why : "the headers are too large");
        return false;
    }
    begin_body(c, head_len);
    return c->state == CONN_BODY;
}

void gate_read(conn *c)
{
    if (c->in_gate)
        return;
    c->in_gate = true;
    bool more = true;
    while (more) {
        switch (c->state) {
        case CONN_IDLE:
        case CONN_HEAD:
            more = gate_head(c);
            break;
        case CONN_BODY:
            more = gate_body(c);
            break;
        default:
            more = false;
        }
    }
    c->in_gate = false;
}
