/* Requests by route, method and status, and connections. */
#include "core/admin/metrics/metrics.h"
#include "core/http/request_check.h"

#include <string.h>

typedef struct {
    buf *out;
    const sw_plugin *auth; /* who signs people in, or NULL */
    uint64_t login_failures;
} walk;

/* One of the routes where people sign in: the public ones of the plugin that provides auth/1. */
static bool is_login(const sw_plugin *auth, const sw_route *route)
{
    const sw_route *rows = auth ? auth->routes.rows : NULL;
    for (uint32_t i = 0; rows && i < auth->routes.count; i++)
        if (route && rows[i].method == route->method && strcmp(rows[i].path, route->path) == 0)
            return route->access == SW_PUBLIC;
    return false;
}

/* {route="…",method="…" */
static void labels(buf *out, const sw_route *route)
{
    buf_add_text(out, "{route=\"");
    metric_label(out, route ? route->path : "");
    buf_printf(out, "\",method=\"%s\"", route ? http_method_name(route->method) : "");
}

static void write_statuses(void *arg, const sw_route *route, const http_metrics *n)
{
    walk *w = arg;
    for (int i = 0; i < HTTP_STATUSES; i++) {
        int status = HTTP_STATUS_LIST[i];
        if (n->by_status[i] == 0)
            continue;
        buf_add_text(w->out, "steward_http_requests_total");
        labels(w->out, route);
        if (status)
            buf_printf(w->out, ",status=\"%d\"} %llu\n", status, (unsigned long long)n->by_status[i]);
        else
            buf_printf(w->out, ",status=\"other\"} %llu\n", (unsigned long long)n->by_status[i]);
        if ((status == 401 || status == 429) && is_login(w->auth, route))
            w->login_failures += n->by_status[i];
    }
}

static void write_times(void *arg, const sw_route *route, const http_metrics *n)
{
    walk *w = arg;
    uint64_t total = 0;
    for (int i = 0; i < HTTP_BUCKETS; i++)
        total += n->buckets[i];
    if (total == 0)
        return;
    uint64_t sum = 0;
    for (int i = 0; i < HTTP_BUCKETS; i++) {
        sum += n->buckets[i];
        buf_add_text(w->out, "steward_http_request_seconds_bucket");
        labels(w->out, route);
        if (HTTP_BUCKET_US[i])
            buf_printf(w->out, ",le=\"%g\"} %llu\n", HTTP_BUCKET_US[i] / 1e6, (unsigned long long)sum);
        else
            buf_printf(w->out, ",le=\"+Inf\"} %llu\n", (unsigned long long)sum);
    }
    buf_add_text(w->out, "steward_http_request_seconds_sum");
    labels(w->out, route);
    buf_printf(w->out, "} %.6f\n", (double)n->microseconds / 1e6);
    buf_add_text(w->out, "steward_http_request_seconds_count");
    labels(w->out, route);
    buf_printf(w->out, "} %llu\n", (unsigned long long)total);
}

void metrics_http(buf *out, const runtime *rt)
{
    const http_server *http = registry_http(rt->registry);
    const sw_host *auth = registry_service(rt->registry, "auth/1", NULL);
    walk w = {.out = out, .auth = auth ? auth->plugin : NULL};
    http_totals t = http_read_totals(http);
    metric_family(out, "http_requests_total", "counter", "Requests answered.");
    http_each_metrics(http, write_statuses, &w);
    metric_family(out, "http_request_seconds", "histogram", "Time from the whole request to its reply.");
    http_each_metrics(http, write_times, &w);
    metric_single(out, "login_failures_total", "counter", "Logins refused, throttled ones included.",
                  (double)w.login_failures);
    metric_single(out, "http_in_flight", "gauge", "Requests that have not been answered yet.", http_in_flight(http));
    metric_single(out, "connections", "gauge", "Open connections, sockets included.", t.open);
    metric_single(out, "connections_limit", "gauge", "As many may be open.", t.limit);
    metric_single(out, "connections_accepted_total", "counter", "Connections accepted.", (double)t.accepted);
    metric_single(out, "connections_refused_total", "counter", "Connections ended by a cap.", (double)t.refused);
    metric_single(out, "connections_bad_head_total", "counter", "Connections ended for a malformed head.",
                  (double)t.bad_heads);
    metric_single(out, "connections_timed_out_total", "counter", "Connections ended for a slow request.",
                  (double)t.timed_out);
    metric_single(out, "connections_stalled_total", "counter", "Connections ended for a stuck reply.",
                  (double)t.stalled);
    metric_single(out, "http_memory_bytes", "gauge", "Unfinished requests and unsent replies.", (double)t.memory);
}
