/* Lanes, writer, batches, checkpoints. */
#include "core/admin/metrics/metrics.h"
#include "core/runtime/writer.h"

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
