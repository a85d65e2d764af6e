/* WebSockets. */
#include "core/plugin/metrics/metrics.h"

void metrics_sockets(buf *out, const hub *h)
{
    metric_single(out, "sockets", "gauge", "Open WebSockets.", hub_open_sockets(h));
}
