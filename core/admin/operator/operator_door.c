/* DATA/control: the door of the HTTP server by which commands of this machine reach it. Whoever is an operator gets in
 * and may call every route of it, without a token; all others are turned away. Main thread, but for is_operator() and
 * the handlers. */
#include "core/admin/operator/operator.h"

#include <errno.h>
#include <event2/util.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ORDERS_MAX = 4 };

/* A route for each command: /NOUN/VERB, with its words in the body. */
static const sw_route ROUTES[] = {
    {.method = SW_POST, .path = "/user/passwd", .lane = SW_LANE_WORKER, .handle = post_user_passwd},
};

/* This is the one place that decides who is an operator: root, and the user that the server runs as. On loop 0. */
static bool is_operator(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static const http_door DOOR = {
    .routes = ROUTES,
    .route_count = sizeof ROUTES / sizeof *ROUTES,
    .connections = ORDERS_MAX,
    .admits = is_operator,
    .crowded = "the server has too many orders at once: try again",
    .refused = "the server takes orders from root and from its own user alone",
};

/* 0600 from the first moment: the socket's own mode is what bind() gives the file. */
static bool bind_private(int folder, int fd, const struct sockaddr_un *at)
{
    (void)unlinkat(folder, "control", 0);
    return fchmod(fd, 0600) == 0 && bind(fd, (const struct sockaddr *)at, sizeof *at) == 0 &&
           evutil_make_socket_nonblocking(fd) == 0;
}

bool operator_door_open(http_server *http, runtime *rt, char *error, size_t error_size)
{
    struct sockaddr_un at;
    int folder = -1;
    int fd = operator_socket(rt->data_dir, &at, &folder);
    bool bound = fd >= 0 && bind_private(folder, fd, &at);
    int why = errno;
    if (folder >= 0)
        close(folder);
    if (bound)
        return http_open_door(http, &DOOR, rt->modules[0], fd, error, error_size);
    if (fd >= 0)
        close(fd);
    snprintf(error, error_size, "%s/control: %s", rt->data_dir, strerror(why));
    return false;
}

void operator_door_close(const runtime *rt)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/control", rt->data_dir);
    if (len > 0 && (size_t)len < sizeof path)
        (void)unlink(path);
}
