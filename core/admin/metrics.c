/* GET /metrics: Prometheus text of the process, of HTTP, WebSockets, lanes, writer and store, and of each plugin; as a
 * route for admins, and without a token for a collector on this machine: a door of the HTTP server on 127.0.0.1 with
 * that one route. The page is written by any worker, which reads counters without a lock; the main thread opens the
 * door. */
#include "core/admin/admin.h"

#include "core/base/json_scan.h"
#include "core/crash/crash_scope.h"
#include "core/http/request_check.h"
#include "core/plugin/registry.h"
#include "core/runtime/storage_watch.h"
#include "core/runtime/writer.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    METRICS_MAX = 16 * 1024 * 1024,
    SCRAPES_MAX = 4,
    BATCH_BUCKETS = 12,
    HEALTH_BYTES = 64 * 1024,
    HEALTH_MEMBERS = 64
};

static void metrics_process(buf *out, const runtime *rt);
static void metrics_http(buf *out, const runtime *rt);
static void metrics_sockets(buf *out, const hub *h);
static void metrics_runtime(buf *out, runtime *rt);
static void metrics_plugins(buf *out, sw_request *req);
static int bind_local(int port);

sw_status get_metrics(sw_request *req)
{
    runtime *rt = req->host->rt;
    buf out;
    buf_init(&out, METRICS_MAX);
    metrics_process(&out, rt);
    metrics_http(&out, rt);
    metrics_sockets(&out, rt->hub);
    metrics_runtime(&out, rt);
    metrics_plugins(&out, req);
    bool good = !out.failed;
    if (good)
        sw_reply_bytes(req, 200, "text/plain; version=0.0.4; charset=utf-8", out.at, out.len);
    buf_done(&out);
    return good ? SW_OK : SW_NO_MEMORY;
}

static const sw_route ROUTES[] = {
    {.method = SW_GET, .path = "/metrics", .lane = SW_LANE_WORKER, .handle = get_metrics},
};

static const http_door DOOR = {
    .routes = ROUTES,
    .route_count = sizeof ROUTES / sizeof *ROUTES,
    .connections = SCRAPES_MAX,
    .crowded = "too many scrapes at once",
    .quiet = true,
    .while_draining = true,
};

bool metrics_door_open(http_server *http, runtime *rt, int port, char *error, size_t error_size)
{
    int fd = bind_local(port);
    if (fd >= 0)
        return http_open_door(http, &DOOR, rt->modules[0], fd, error, error_size);
    snprintf(error, error_size, "server.metrics_port: 127.0.0.1:%d cannot be listened on: is it in use?", port);
    return false;
}

static int bind_local(int port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    close(fd);
    return -1;
}

/* ---- how it is written ---- */

/* "# HELP" and "# TYPE" of a family; its samples follow at once. */
static void metric_family(buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP steward_%s %s\n# TYPE steward_%s %s\n", name, help, name, type);
}

/* A family of one sample. */
static void metric_single(buf *out, const char *name, const char *type, const char *help, double value)
{
    metric_family(out, name, type, help);
    buf_printf(out, "steward_%s %.17g\n", name, value);
}

/* `text` as the inside of a label's quotes. */
static void metric_label(buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_text(out, "\\n");
        else if (*text == '"' || *text == '\\')
            buf_printf(out, "\\%c", *text);
        else
            buf_add(out, text, 1);
    }
}

/* ---- the process ---- */

static double resident_bytes(void)
{
    char line[128], *resident = NULL;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fgets(line, sizeof line, file))
        resident = strchr(line, ' '); /* the second number */
    fclose(file);
    return resident ? (double)strtol(resident, NULL, 10) * (double)sysconf(_SC_PAGESIZE) : 0;
}

/* Without the one that counting takes. */
static double open_files(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 3;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void metrics_process(buf *out, const runtime *rt)
{
    struct rusage used;
    struct rlimit files;
    metric_family(out, "info", "gauge", "The version that runs.");
    buf_printf(out, "steward_info{version=\"%s\"} 1\n", rt->version);
    metric_single(out, "uptime_seconds", "gauge", "Since the start.",
                  (double)(sw_monotonic_ms() - rt->started_ms) / 1000);
    metric_single(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    if (getrusage(RUSAGE_SELF, &used) == 0)
        metric_single(out, "process_cpu_seconds_total", "counter", "Processor time.",
                      seconds(used.ru_utime) + seconds(used.ru_stime));
    metric_single(out, "process_open_fds", "gauge", "Open files.", open_files());
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        metric_single(out, "process_max_fds", "gauge", "As many may be open.", (double)files.rlim_cur);
}

/* ---- HTTP: requests by route, method and status, and connections ---- */

typedef struct {
    buf *out;
    const sw_plugin *auth; /* who signs people in, or NULL */
    uint64_t login_failures;
} http_walk;

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
    http_walk *w = arg;
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
    http_walk *w = arg;
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

static void metrics_http(buf *out, const runtime *rt)
{
    const http_server *http = registry_http(rt->registry);
    const sw_host *auth = registry_service(rt->registry, "auth/1", NULL);
    http_walk w = {.out = out, .auth = auth ? auth->plugin : NULL};
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

/* ---- WebSockets ---- */

typedef struct {
    buf *out;
    const char *name;
    bool in;
} frame_walk;

static void write_type(void *arg, const char *type, uint64_t in, uint64_t out)
{
    const frame_walk *w = arg;
    buf_printf(w->out, "steward_%s{type=\"", w->name);
    metric_label(w->out, type);
    buf_printf(w->out, "\"} %llu\n", (unsigned long long)(w->in ? in : out));
}

static void metrics_sockets(buf *out, const hub *h)
{
    hub_metrics n = hub_read_metrics(h);
    metric_single(out, "sockets", "gauge", "Open WebSockets, closing ones too.", n.open);
    metric_family(out, "sockets_by_role", "gauge", "Registered WebSockets.");
    for (sw_role role = SW_ROLE_ADMIN; role <= SW_ROLE_BUTLER; role++)
        buf_printf(out, "steward_sockets_by_role{role=\"%s\"} %u\n", sw_role_name(role), n.by_role[role]);
    metric_family(out, "frames_in_total", "counter", "Frames received.");
    hub_each_type(h, write_type, &(frame_walk){out, "frames_in_total", true});
    metric_family(out, "frames_out_total", "counter", "Frames sent.");
    hub_each_type(h, write_type, &(frame_walk){out, "frames_out_total", false});
    metric_single(out, "slow_consumers_closed_total", "counter", "Sockets closed with 4008.", (double)n.slow_closed);
    metric_single(out, "frames_dropped_total", "counter", "Stream pieces not sent to slow consumers.",
                  (double)n.dropped);
    metric_single(out, "error_frames_total", "counter", "ERROR frames sent.", (double)n.errors);
}

/* ---- loops, lanes, the writer, the store ---- */

static const struct {
    sw_lane lane;
    const char *name;
} LANES[] = {
    {SW_LANE_WORKER, "worker"}, {(sw_lane)LANE_URGENT, "urgent"}, {SW_LANE_HASH, "hash"}, {SW_LANE_SLOW, "slow"}};

static void lanes_part(buf *out, runtime *rt)
{
    lane_metrics n[sizeof LANES / sizeof LANES[0]];
    for (size_t i = 0; i < sizeof LANES / sizeof LANES[0]; i++)
        n[i] = lanes_read_metrics(rt->lanes, LANES[i].lane);
    metric_family(out, "lane_queued", "gauge", "Work that waits for a thread of its lane.");
    for (size_t i = 0; i < sizeof LANES / sizeof LANES[0]; i++)
        buf_printf(out, "steward_lane_queued{lane=\"%s\"} %u\n", LANES[i].name, n[i].queued);
    metric_family(out, "lane_running", "gauge", "Threads of a lane that run something.");
    for (size_t i = 0; i < sizeof LANES / sizeof LANES[0]; i++)
        buf_printf(out, "steward_lane_running{lane=\"%s\"} %u\n", LANES[i].name, n[i].running);
    metric_family(out, "lane_threads", "gauge", "Threads of a lane.");
    for (size_t i = 0; i < sizeof LANES / sizeof LANES[0]; i++)
        buf_printf(out, "steward_lane_threads{lane=\"%s\"} %u\n", LANES[i].name, n[i].threads);
}

/* Powers of two times `first`; the last bucket is unbounded. */
static void histogram(buf *out, const char *name, const char *help, const _Atomic uint64_t *buckets, double first,
                      double total)
{
    uint64_t count = 0;
    double bound = first;
    metric_family(out, name, "histogram", help);
    for (int i = 0; i < BATCH_BUCKETS; i++) {
        count += buckets[i];
        if (i + 1 < BATCH_BUCKETS)
            buf_printf(out, "steward_%s_bucket{le=\"%g\"} %llu\n", name, bound, (unsigned long long)count);
        bound *= 2;
    }
    buf_printf(out, "steward_%s_bucket{le=\"+Inf\"} %llu\nsteward_%s_sum %.6f\nsteward_%s_count %llu\n", name,
               (unsigned long long)count, name, total, name, (unsigned long long)count);
}

static void size_gauge(buf *out, const char *name, const char *help, int64_t bytes)
{
    if (bytes >= 0)
        metric_single(out, name, "gauge", help, (double)bytes);
}

/* What the watch over the storage knows; nothing is tried for it. */
static void storage_part(buf *out, const runtime *rt)
{
    storage_sizes n = storage_measure(rt);
    storage_verdict v;
    storage_judge(rt, &v);
    metric_single(out, "storage_ok", "gauge", "1: what is known of the storage is good.", v.level == STORAGE_FINE);
    metric_single(out, "oldest_write_seconds", "gauge", "How long the oldest write has waited for its commit.",
                  (double)v.oldest_write_ms / 1000);
    size_gauge(out, "store_bytes", "Size of the database file.", n.store_bytes);
    size_gauge(out, "wal_bytes", "Size of the file of its write-ahead log.", n.wal_bytes);
    size_gauge(out, "disk_free_bytes", "What the disk of the database has left for the server.", n.free_bytes);
}

static void metrics_runtime(buf *out, runtime *rt)
{
    const writer_metrics *w = writer_read_metrics(rt->writer);
    lanes_part(out, rt);
    storage_part(out, rt);
    metric_single(out, "writer_queued", "gauge", "Write steps that wait for the writer.", w->queued);
    histogram(out, "write_batch_steps", "Steps of a batch.", w->size_buckets, 1, (double)w->steps);
    histogram(out, "write_batch_seconds", "Time of a batch from begin to commit.", w->time_buckets, 0.00025,
              (double)w->microseconds / 1e6);
    metric_single(out, "write_batches_failed_total", "counter", "Batches that were undone.", (double)w->failed_batches);
    metric_single(out, "write_steps_interrupted_total", "counter", "Steps over limits.write_step.",
                  (double)w->interrupted);
    metric_single(out, "housekeeping_steps_total", "counter", "Steps of housekeeping.", (double)w->housekeeping);
    metric_single(out, "checkpoints_total", "counter", "Checkpoints of the write-ahead log.", (double)w->checkpoints);
    metric_single(out, "wal_truncations_total", "counter", "Times the write-ahead log reached storage.wal_limit.",
                  (double)w->truncations);
    metric_single(out, "event_queue", "gauge", "Events that wait for subscribers.", registry_pending(rt->registry));
}

/* ---- plugins: callback time, and what their health says ---- */

static void per_plugin(buf *out, const runtime *rt, const char *name, const char *type, const char *help,
                       double (*value)(const sw_host *m))
{
    metric_family(out, name, type, help);
    for (unsigned i = 0; i < rt->module_count; i++)
        buf_printf(out, "steward_%s{plugin=\"%s\"} %.9g\n", name, rt->modules[i]->name, value(rt->modules[i]));
}

static double calls_of(const sw_host *m)
{
    return (double)m->calls;
}

static double seconds_of(const sw_host *m)
{
    return (double)m->nanoseconds / 1e9;
}

static double interrupted_of(const sw_host *m)
{
    return (double)m->interrupted;
}

static double in_flight_of(const sw_host *m)
{
    return (double)m->in_flight;
}

static double crashes_of(const sw_host *m)
{
    return registry_crashes(m).count;
}

static double enabled_of(const sw_host *m)
{
    return m->status == MODULE_ENABLED;
}

static bool plain(sw_str text)
{
    return text.len > 0 && text.len < 64 && !memchr(text.at, '\\', text.len);
}

/* A number or boolean as the value, a short text as a label of 1. */
static void write_member(buf *out, const char *plugin, const json_member *m)
{
    if (!plain(m->key) || !plain(m->value))
        return;
    buf_printf(out, "steward_plugin_health{plugin=\"%s\",name=\"%.*s\"", plugin, (int)m->key.len, m->key.at);
    if (m->kind == '"')
        buf_printf(out, ",value=%.*s} 1\n", (int)m->value.len, m->value.at);
    else if (m->kind == 't' || m->kind == 'f')
        buf_printf(out, "} %d\n", m->kind == 't');
    else
        buf_printf(out, "} %.*s\n", (int)m->value.len, m->value.at);
}

static void write_health(buf *out, sw_request *req, sw_host *m)
{
    sw_json said;
    json_member members[HEALTH_MEMBERS];
    sw_host *mine = req->host;
    json_init(&said, HEALTH_BYTES);
    sw_json_object_begin(&said, NULL);
    req->host = m;
    crash_scope before = crash_enter(m, "health", req->work_kind, req->work_name);
    bool fine = m->plugin->health(req, &said);
    crash_leave(before);
    req->host = mine;
    sw_json_object_end(&said);
    buf_printf(out, "steward_plugin_health{plugin=\"%s\",name=\"\"} %d\n", m->name, fine);
    int count = json_failed(&said) ? 0 : json_scan_object(said.out.at, said.out.len, members, HEALTH_MEMBERS, NULL);
    for (int i = 0; i < count; i++)
        if (strchr("\"0tf", members[i].kind))
            write_member(out, m->name, &members[i]);
    json_done(&said);
}

/* Asks the plugins' health(); `req` lends its connection. */
static void metrics_plugins(buf *out, sw_request *req)
{
    const runtime *rt = req->host->rt;
    per_plugin(out, rt, "plugin_calls_total", "counter", "Handlers, steps and subscribers called.", calls_of);
    per_plugin(out, rt, "plugin_seconds_total", "counter", "Time spent in them.", seconds_of);
    per_plugin(out, rt, "plugin_interrupted_total", "counter", "Handlers and steps cut off by a time limit.",
               interrupted_of);
    per_plugin(out, rt, "plugin_in_flight", "gauge", "Requests in work.", in_flight_of);
    per_plugin(out, rt, "plugin_enabled", "gauge", "1: it runs.", enabled_of);
    per_plugin(out, rt, "plugin_crashes", "gauge", "Crashes of the server that counted against it at the start.",
               crashes_of);
    metric_family(out, "plugin_health", "gauge",
                  "What a plugin says of itself; with an empty name whether it is well.");
    for (unsigned i = 0; i < rt->module_count; i++) {
        sw_host *m = rt->modules[i];
        if (m->status == MODULE_ENABLED && m->plugin && m->plugin->health)
            write_health(out, req, m);
    }
}
