/* One listening socket for each loop, so that the kernel spreads the connections. Opened by the main thread before the
 * loops run; from then on each is its loop's. evhttp owns the listener and closes the socket. */
#include "core/http/http_listener.h"

#include "core/base/log.h"
#include "core/http/conn.h"
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

enum { RETRY_MS = 200, COMPLAIN_MS = 10000, SYSTEMD_FIRST = 3 };

void listener_close(http_loop *l)
{
    if (l->port.bound)
        evhttp_del_accept_socket(l->port.evhttp, l->port.bound);
    l->port.bound = NULL;
    l->port.listener = NULL;
    l->accept_paused = false;
}

/* accept() failed: no descriptors or memory left. It would fail again at once, so it rests. */
static void on_error(struct evconnlistener *listener, void *evhttp_)
{
    int why = errno;
    http_loop *l = loop_current()->http;
    (void)evhttp_;
    tick(l);
    evconnlistener_disable(listener); /* a door's, perhaps */
    accept_pause(l, RETRY_MS);
    if (l->complained_ms && l->clock.mono_ms - l->complained_ms < COMPLAIN_MS)
        return;
    l->complained_ms = l->clock.mono_ms;
    log_warn("http", "accepting connections pauses: %s", strerror(why));
}

/* ---- opening ---- */

bool listener_add(entrance *by, int fd, char *error, size_t error_size)
{
    http_loop *l = by->home;
    if (listen(fd, l->server->settings.backlog) != 0) {
        snprintf(error, error_size, "listen: %s", strerror(errno));
        close(fd);
        return false;
    }
    by->listener = evconnlistener_new(l->loop->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    by->bound = by->listener ? evhttp_bind_listener(by->evhttp, by->listener) : NULL;
    if (!by->bound) {
        snprintf(error, error_size, "out of memory");
        if (by->listener)
            evconnlistener_free(by->listener);
        else
            close(fd);
        by->listener = NULL;
        return false;
    }
    evconnlistener_set_error_cb(by->listener, on_error);
    return true;
}

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

/* -1: errno says why. */
static int bind_one(const struct addrinfo *to, bool share)
{
    int on = 1, off = 0;
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
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

static bool open_shared(http_server *h, struct addrinfo *to, int *ret_port, char *error, size_t error_size)
{
    const http_settings *s = &h->settings;
    int proof = s->port ? bind_one(to, false) : -1;
    if (s->port && proof < 0) {
        snprintf(error, error_size, "cannot listen on %s port %d: %s", s->host, s->port, strerror(errno));
        return false;
    }
    if (proof >= 0)
        close(proof);
    for (unsigned i = 0; i < h->loop_count; i++) {
        int fd = bind_one(to, true);
        if (fd < 0) {
            snprintf(error, error_size, "cannot listen on %s port %d: %s", s->host, s->port, strerror(errno));
            return false;
        }
        /* Port 0: the first socket has chosen, the others follow. */
        *ret_port = port_of(fd);
        set_port(to, *ret_port);
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

bool listener_open(http_server *h, int *ret_port, char *error, size_t error_size)
{
    int passed = h->rt->listen_fd > 0 ? h->rt->listen_fd : systemd_socket();
    h->rt->listen_fd = 0;
    if (passed >= 0)
        return open_passed(h, passed, ret_port, error, error_size);
    char port[16];
    snprintf(port, sizeof port, "%d", h->settings.port);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(h->settings.host[0] ? h->settings.host : NULL, port, &hints, &found);
    if (failed) {
        snprintf(error, error_size, "server.host %s: %s", h->settings.host, gai_strerror(failed));
        return false;
    }
    bool fine = open_shared(h, found, ret_port, error, error_size);
    freeaddrinfo(found);
    return fine;
}
