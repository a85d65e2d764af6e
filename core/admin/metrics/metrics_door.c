/* GET /metrics without a token, for a collector on this machine: a door of the HTTP server on 127.0.0.1 with that one
 * route. Main thread. */
#include "core/admin/admin.h"
#include "core/admin/metrics/metrics.h"
#include "core/plugin/registry.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SCRAPES_MAX = 4 };

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

bool metrics_door_open(http_server *http, runtime *rt, int port, char *error, size_t error_size)
{
    int fd = bind_local(port);
    if (fd >= 0)
        return http_open_door(http, &DOOR, rt->modules[0], fd, error, error_size);
    snprintf(error, error_size, "server.metrics_port: 127.0.0.1:%d cannot be listened on: is it in use?", port);
    return false;
}
