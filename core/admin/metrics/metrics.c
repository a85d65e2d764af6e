/* Prometheus text: how it is written, and what the core has to tell of itself. What is told by route and by plugin is
 * in metrics_http.c and metrics_plugins.c. Any worker; counters are read without a lock. */
#include "core/admin/metrics/metrics.h"

#include "core/runtime/writer.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void metric_family(buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP steward_%s %s\n# TYPE steward_%s %s\n", name, help, name, type);
}

void metric_single(buf *out, const char *name, const char *type, const char *help, double value)
{
    metric_family(out, name, type, help);
    buf_printf(out, "steward_%s %.17g\n", name, value);
}

void metric_label(buf *out, const char *text)
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

void metrics_process(buf *out, const runtime *rt)
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

/* ---- loops, lanes, the writer, the store ---- */

enum { BATCH_BUCKETS = 12 };

static const struct {
    sw_lane lane;
    const char *name;
} LANES[] = {{SW_LANE_WORKER, "worker"}, {SW_LANE_HASH, "hash"}, {SW_LANE_SLOW, "slow"}};

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

void metrics_runtime(buf *out, runtime *rt)
{
    const writer_metrics *w = writer_read_metrics(rt->writer);
    lanes_part(out, rt);
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

/* ---- WebSockets ---- */

typedef struct {
    buf *out;
    const char *name;
    bool in;
} walk;

static void write_type(void *arg, const char *type, uint64_t in, uint64_t out)
{
    const walk *w = arg;
    buf_printf(w->out, "steward_%s{type=\"", w->name);
    metric_label(w->out, type);
    buf_printf(w->out, "\"} %llu\n", (unsigned long long)(w->in ? in : out));
}

void metrics_sockets(buf *out, const hub *h)
{
    hub_metrics n = hub_read_metrics(h);
    metric_single(out, "sockets", "gauge", "Open WebSockets, closing ones too.", n.open);
    metric_family(out, "sockets_by_role", "gauge", "Registered WebSockets.");
    for (sw_role role = SW_ROLE_ADMIN; role <= SW_ROLE_BUTLER; role++)
        buf_printf(out, "steward_sockets_by_role{role=\"%s\"} %u\n", sw_role_name(role), n.by_role[role]);
    metric_family(out, "frames_in_total", "counter", "Frames received.");
    hub_each_type(h, write_type, &(walk){out, "frames_in_total", true});
    metric_family(out, "frames_out_total", "counter", "Frames sent.");
    hub_each_type(h, write_type, &(walk){out, "frames_out_total", false});
    metric_single(out, "slow_consumers_closed_total", "counter", "Sockets closed with 4008.", (double)n.slow_closed);
    metric_single(out, "frames_dropped_total", "counter", "Stream pieces not sent to slow consumers.",
                  (double)n.dropped);
    metric_single(out, "error_frames_total", "counter", "ERROR frames sent.", (double)n.errors);
}
