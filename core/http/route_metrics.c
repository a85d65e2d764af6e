/* Each loop counts by itself; who reads adds the loops up, on any thread. */
#include "core/http/exchange.h"

#include <stdlib.h>

const int HTTP_STATUS_LIST[HTTP_STATUSES] = {
    101, 200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409,
    410, 413, 415, 417, 426, 429, 431, 500, 501, 503, 505, 0,
};

const uint32_t HTTP_BUCKET_US[HTTP_BUCKETS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 500000, 2500000, 0,
};

bool route_metrics_open(http_server *h)
{
    for (unsigned i = 0; i < h->loop_count; i++) {
        http_loop *l = h->loops[i];
        route_metrics *made = calloc(router_count(h->router) + 1, sizeof *made);
        if (!made)
            return false;
        free(l->metrics);
        l->metrics = made;
    }
    return true;
}

void route_metrics_close(http_server *h)
{
    for (unsigned i = 0; i < h->loop_count; i++)
        free(h->loops[i]->metrics);
}

void route_metrics_add(const exchange *x, int status, int64_t took_ns)
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
