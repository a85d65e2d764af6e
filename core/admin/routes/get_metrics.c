/* GET /metrics: Prometheus text. */
#include "core/admin/admin.h"
#include "core/admin/metrics/metrics.h"
#include "core/plugin/registry.h"

enum { METRICS_MAX = 16 * 1024 * 1024 };

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
