/* Prometheus text, part by part. Any worker; counters are read without a lock. */
#ifndef CORE_ADMIN_METRICS_H
#define CORE_ADMIN_METRICS_H

#include "core/common/buf.h"
#include "core/plugin/registry.h"

/* "# HELP" and "# TYPE" of a family; its samples follow at once. */
void metric_family(buf *out, const char *name, const char *type, const char *help);
/* A family of one sample. */
void metric_single(buf *out, const char *name, const char *type, const char *help, double value);
/* `text` as the inside of a label's quotes. */
void metric_label(buf *out, const char *text);

void metrics_http(buf *out, const runtime *rt);
void metrics_sockets(buf *out, const hub *h);
void metrics_runtime(buf *out, runtime *rt);
/* Asks the plugins' health(); `req` lends its connection. */
void metrics_plugins(buf *out, sw_request *req);
void metrics_process(buf *out, const runtime *rt);

/* metrics_door.c: serves GET /metrics on 127.0.0.1:`port` without a token. Before loops_start(), after
 * registry_start(). false: `error`. */
bool metrics_door_open(http_server *http, runtime *rt, int port, char *error, size_t error_size);

#endif
