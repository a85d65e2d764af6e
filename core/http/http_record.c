/* What is recorded of an exchange: a line of the access log, and counts and times by route. On its loop, which writes
 * both for itself: the lines into a buffer that the sweep of conn.c, or the next line that does not fit, hands to the
 * log, the counts into counters of its own. Who reads those adds the loops up, on any thread. */
#include "core/http/conn.h"
#include "core/http/exchange.h"
#include "core/http/put.h"

#include "core/base/log.h"
#include "core/common/utf8.h"
#include "core/common/visible_text.h"
#include <string.h>

/* ---- the access log: never a query string (tokens stand there), never a body ---- */

enum { PATH_MAX_LOGGED = 512, SHOWN_MAX = 2 * PATH_MAX_LOGGED, LINE_MAX = 2 * (SHOWN_MAX + 512) };

/* Milliseconds with three places. */
static char *put_ms(char *at, int64_t ns)
{
    uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0;
    at = put_number(at, us / 1000);
    *at++ = '.';
    *at++ = (char)('0' + us / 100 % 10);
    *at++ = (char)('0' + us / 10 % 10);
    *at++ = (char)('0' + us % 10);
    return at;
}

/* As much of it as can be seen by a glance at each byte; *ret_done says how much that is. */
static char *put_plain(char *at, const char *text, size_t len, bool json, size_t *ret_done)
{
    size_t i = 0;
    for (; i < len && text[i] >= ' ' && text[i] <= '~' && text[i] != '<'; i++) {
        if (json && (text[i] == '"' || text[i] == '\\'))
            *at++ = '\\';
        *at++ = text[i];
    }
    *ret_done = i;
    return at;
}

static char *put_marked(char *at, const char *text, size_t len, bool json)
{
    buf shown;
    buf_init(&shown, 0);
    visible_text(text, len, VISIBLE_ONE_LINE, &shown);
    len = shown.failed ? 0 : utf8_cut(shown.at, shown.len, SHOWN_MAX);
    for (size_t i = 0; i < len; i++) {
        if (json && (shown.at[i] == '"' || shown.at[i] == '\\'))
            *at++ = '\\';
        *at++ = shown.at[i];
    }
    buf_done(&shown);
    return at;
}

/* What a stranger sends, or an agent is called, can be seen whole, and ends neither its line nor a JSON text. */
static char *put_visible(char *at, sw_str text, bool json)
{
    size_t len = utf8_cut(text.at, text.len, PATH_MAX_LOGGED), done;
    char *end = put_plain(at, text.at, len, json, &done);
    return done == len ? end : put_marked(at, text.at, len, json);
}

static const char *method_of(const exchange *x)
{
    return x->method ? http_method_name(x->method) : "-";
}

typedef struct {
    const exchange *x;
    sw_str path, user;
    const char *address;
    int status;
    size_t bytes;
    int64_t took_ns;
} entry;

static char *write_text(char *at, const loop_clock *clock, const entry *e)
{
    const char *priority = log_priority(SW_LOG_INFO); /* the journal's: it knows the time */
    at = *priority ? PUT(put_text(at, priority), "info access ") : PUT(put(at, clock->stamp, 24), " info access ");
    at = PUT(put_text(at, method_of(e->x)), " ");
    at = PUT(put_visible(at, e->path, false), " ");
    at = PUT(put_number(at, (uint64_t)e->status), " ");
    at = PUT(put_number(at, e->bytes), " ");
    at = PUT(put_ms(at, e->took_ns), " ");
    at = PUT(put_text(at, e->address), " ");
    at = PUT(put(at, e->x->id, e->x->id_len), " ");
    return PUT(put_visible(at, e->user, false), "\n");
}

static char *write_json(char *at, const loop_clock *clock, const entry *e)
{
    at = put_text(at, log_priority(SW_LOG_INFO));
    at = put(PUT(at, "{\"time\":\""), clock->stamp, 24);
    at = put_text(PUT(at, "\",\"level\":\"info\",\"part\":\"access\",\"method\":\""), method_of(e->x));
    at = put_visible(PUT(at, "\",\"path\":\""), e->path, true);
    at = put_number(PUT(at, "\",\"status\":"), (uint64_t)e->status);
    at = put_number(PUT(at, ",\"bytes\":"), e->bytes);
    at = put_ms(PUT(at, ",\"ms\":"), e->took_ns);
    at = put_text(PUT(at, ",\"address\":\""), e->address);
    at = put(PUT(at, "\",\"request_id\":\""), e->x->id, e->x->id_len);
    at = put_visible(PUT(at, "\",\"user\":\""), e->user, true);
    return PUT(at, "\"}\n");
}

/* Text: time info access METHOD path status bytes ms address request_id user. */
static void add_line(const exchange *x, int status, size_t bytes, int64_t took_ns)
{
    http_loop *l = x->home;
    if (!l->server->settings.access_log || !log_wanted(SW_LOG_INFO))
        return;
    const char *user = x->req.who.role ? x->req.who.name : "-";
    entry e = {
        .x = x,
        .path = x->path.at ? x->path : (sw_str){"-", 1},
        .user = {user, strlen(user)},
        .address = x->req.address[0] ? x->req.address : "-",
        .status = status,
        .bytes = bytes,
        .took_ns = took_ns,
    };
    if (sizeof l->log - l->log_len < LINE_MAX)
        conn_flush_log(l);
    char *at = l->log + l->log_len;
    char *end = log_current_format() == LOG_JSON ? write_json(at, &l->clock, &e) : write_text(at, &l->clock, &e);
    l->log_len += (size_t)(end - at);
    conn_timer(l);
}

/* ---- counts and times by route ---- */

const int HTTP_STATUS_LIST[HTTP_STATUSES] = {
    101, 200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 410,
    413, 415, 417, 421, 426, 429, 431, 500, 501, 503, 505, 0,
};

const uint32_t HTTP_BUCKET_US[HTTP_BUCKETS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 500000, 2500000, 0,
};

static void add_counts(const exchange *x, int status, int64_t took_ns)
{
    const http_loop *l = x->home;
    route_metrics *n = &l->metrics[x->route ? x->route->index : router_count(l->server->router)];
    uint64_t us = took_ns > 0 ? (uint64_t)took_ns / 1000 : 0;
    unsigned i = 0, b = 0;
    while (i < HTTP_STATUSES - 1 && HTTP_STATUS_LIST[i] != status)
        i++;
    while (b < HTTP_BUCKETS - 1 && us > HTTP_BUCKET_US[b])
        b++;
    count(&n->by_status[i]);
    count(&n->buckets[b]);
    atomic_store_explicit(&n->microseconds, atomic_load_explicit(&n->microseconds, memory_order_relaxed) + us,
                          memory_order_relaxed);
}

void record_exchange(const exchange *x, int status, size_t bytes, int64_t took_ns)
{
    const http_door *door = x->conn->by->door;
    if (!door)
        add_counts(x, status, took_ns);
    if (!door || !door->quiet)
        add_line(x, status, bytes, took_ns);
}

/* ---- for the metrics ---- */

static void add(uint64_t *sum, const counter *c)
{
    *sum += atomic_load_explicit(c, memory_order_relaxed);
}

static http_metrics sum_of(const http_server *h, unsigned index)
{
    http_metrics sum = {0};
    for (unsigned i = 0; i < h->loop_count; i++) {
        const route_metrics *n = &h->loops[i]->metrics[index];
        for (int s = 0; s < HTTP_STATUSES; s++)
            add(&sum.by_status[s], &n->by_status[s]);
        for (int b = 0; b < HTTP_BUCKETS; b++)
            add(&sum.buckets[b], &n->buckets[b]);
        add(&sum.microseconds, &n->microseconds);
    }
    return sum;
}

void http_each_metrics(const http_server *h, void (*each)(void *arg, const sw_route *route, const http_metrics *n),
                       void *arg)
{
    for (const route *r = router_first(h->router); r; r = r->next) {
        http_metrics sum = sum_of(h, r->index);
        each(arg, &r->row, &sum);
    }
    http_metrics sum = sum_of(h, router_count(h->router));
    each(arg, NULL, &sum);
}

http_totals http_read_totals(const http_server *h)
{
    http_totals t = {.limit = h->settings.connections, .open = atomic_load_explicit(&h->open, memory_order_relaxed)};
    for (unsigned i = 0; i < h->loop_count; i++) {
        const http_loop *l = h->loops[i];
        add(&t.accepted, &l->accepted);
        add(&t.refused, &l->refused);
        add(&t.bad_heads, &l->bad_heads);
        add(&t.timed_out, &l->timed_out);
        add(&t.stalled, &l->stalled);
        add(&t.memory, &l->memory);
    }
    return t;
}
