/* GET /metrics without a token, for a collector on this machine: a listener of its own on 127.0.0.1. */
#ifndef CORE_ADMIN_METRICS_LISTENER_H
#define CORE_ADMIN_METRICS_LISTENER_H

#include "core/plugin/registry.h"

typedef struct metrics_listener metrics_listener;

/* On loop 0; before loops_start(), after registry_start(). NULL: `error`. */
metrics_listener *metrics_listener_open(runtime *rt, int port, char *error, size_t error_size);
/* After loops_stop(), before loops_close(). NULL is fine. */
void metrics_listener_close(metrics_listener *l);

#endif
