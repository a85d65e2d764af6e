/* The sockets that the server accepts from: one for each loop on the same port (SO_REUSEPORT), so that the kernel
 * spreads the connections, or one shared that systemd has passed on. Main thread. */
#include "core/base/sandbox.h"
#include "core/http/http_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SYSTEMD_FIRST = 3 };

static int systemd_socket(void);

static int port_of(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &len) != 0)
        return 0;
    if (name.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
    return name.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&name)->sin_port) : 0;
}

/* Never one of the first three, whoever has closed those. -1: errno says why. */
static int new_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || fd >= SYSTEMD_FIRST)
        return fd;
    int above = fcntl(fd, F_DUPFD_CLOEXEC, SYSTEMD_FIRST);
    close(fd);
    return above;
}

/* -1: errno says why. */
static int bind_one(const struct addrinfo *to, bool share)
{
    int on = 1, off = 0;
    int fd = new_socket(to->ai_family);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Inherited by what is accepted: replies go out at once. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (to->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    bool fine = !share || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
    if (fine && bind(fd, to->ai_addr, to->ai_addrlen) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static void set_port(struct addrinfo *to, int port)
{
    if (to->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)to->ai_addr)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)to->ai_addr)->sin_port = htons((uint16_t)port);
}

/* For messages: what was wanted, why it failed, and what the unit of the packages asks for. */
static void complain_bind(const config *c, int why, char *error, size_t error_size)
{
    int64_t port = config_int(c, "server.port");
    bool low = why == EACCES && port < IPPORT_RESERVED;
    snprintf(error, error_size, "cannot listen on %s port %lld: %s%s", config_text(c, "server.host"), (long long)port,
             strerror(why), low ? sandbox_hint_port() : "");
}

/* A bind without SO_REUSEPORT first proves that nobody else has the port. -1: `error`. */
static int bind_first(const config *c, struct addrinfo *to, char *error, size_t error_size)
{
    int proof = config_int(c, "server.port") ? bind_one(to, false) : -1;
    int fd = -1;
    if (proof >= 0)
        close(proof);
    if (proof >= 0 || config_int(c, "server.port") == 0)
        fd = bind_one(to, true);
    if (fd < 0)
        complain_bind(c, errno, error, error_size);
    return fd;
}

/* The addresses of server.host. NULL: `error`. */
static struct addrinfo *resolve(const config *c, char *error, size_t error_size)
{
    const char *host = config_text(c, "server.host");
    char port[16];
    snprintf(port, sizeof port, "%lld", (long long)config_int(c, "server.port"));
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(host[0] ? host : NULL, port, &hints, &found);
    if (failed)
        snprintf(error, error_size, "server.host %s: %s", host, gai_strerror(failed));
    return failed ? NULL : found;
}

bool http_resolves(const config *c, char *error, size_t error_size)
{
    struct addrinfo *found = resolve(c, error, error_size);
    if (found)
        freeaddrinfo(found);
    return found != NULL;
}

bool http_bind(runtime *rt, char *error, size_t error_size)
{
    if (rt->bound_fd > 0 || rt->listen_fd > 0 || systemd_socket() >= 0)
        return true;
    struct addrinfo *found = resolve(rt->config, error, error_size);
    if (!found)
        return false;
    rt->bound_fd = bind_first(rt->config, found, error, error_size);
    freeaddrinfo(found);
    return rt->bound_fd > 0;
}

/* Port 0: the first socket has chosen, the others follow. */
static bool open_shared(http_server *h, struct addrinfo *to, int *ret_port, char *error, size_t error_size)
{
    int fd = h->rt->bound_fd;
    h->rt->bound_fd = 0;
    *ret_port = port_of(fd);
    set_port(to, *ret_port);
    if (!listener_add(&h->loops[0]->port, fd, error, error_size))
        return false;
    for (unsigned i = 1; i < h->loop_count; i++) {
        fd = bind_one(to, true);
        if (fd < 0) {
            complain_bind(h->rt->config, errno, error, error_size);
            return false;
        }
        if (!listener_add(&h->loops[i]->port, fd, error, error_size))
            return false;
    }
    return true;
}

/* The socket that systemd listens on for us (LISTEN_FDS), -1: none. */
static int systemd_socket(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || strtol(pid, NULL, 10) != (long)getpid() || strtol(count, NULL, 10) < 1)
        return -1;
    return SYSTEMD_FIRST;
}

/* Every loop accepts from the one socket, which is closed here. */
static bool open_passed(http_server *h, int passed, int *ret_port, char *error, size_t error_size)
{
    int on = 1;
    (void)setsockopt(passed, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)fcntl(passed, F_SETFL, fcntl(passed, F_GETFL) | O_NONBLOCK);
    *ret_port = port_of(passed);
    for (unsigned i = 0; i < h->loop_count; i++) {
        int fd = fcntl(passed, F_DUPFD_CLOEXEC, SYSTEMD_FIRST);
        if (fd < 0) {
            snprintf(error, error_size, "the socket that was passed: %s", strerror(errno));
            return false;
        }
        if (!listener_add(&h->loops[i]->port, fd, error, error_size))
            return false;
    }
    close(passed);
    return true;
}

/* false: `error` says why. */
bool listener_open(http_server *h, int *ret_port, char *error, size_t error_size)
{
    int passed = h->rt->listen_fd > 0 ? h->rt->listen_fd : systemd_socket();
    h->rt->listen_fd = 0;
    if (passed >= 0)
        return open_passed(h, passed, ret_port, error, error_size);
    if (!http_bind(h->rt, error, error_size))
        return false;
    struct addrinfo *found = resolve(h->rt->config, error, error_size);
    if (!found)
        return false;
    bool fine = open_shared(h, found, ret_port, error, error_size);
    freeaddrinfo(found);
    return fine;
}
