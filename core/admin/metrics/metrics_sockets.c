/* WebSockets by role, frames by type. */
#include "core/admin/metrics/metrics.h"

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
