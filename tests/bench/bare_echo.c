/* bare_echo --loops 2: bufferevents that send back what comes. Prints its port. */
#include "bench.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

static int listen_on(int port, int *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 4096) != 0)
        fail("listen");
    getsockname(fd, (struct sockaddr *)&at, &len);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)arg;
    evbuffer_add_buffer(bufferevent_get_output(bev), bufferevent_get_input(bev));
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(bev);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
    (void)from;
    (void)len;
    (void)arg;
    struct bufferevent *bev = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(bev, on_read, NULL, on_event, NULL);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void *run(void *arg)
{
    struct event_config *how = event_config_new();
    event_config_set_flag(how, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    event_config_set_flag(how, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(how);
    if (evconnlistener_new(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 0, *(int *)arg) == NULL)
        fail("listener");
    event_base_dispatch(base);
    return NULL;
}

int main(int argc, char **argv)
{
    int loops = (int)option_int(argc, argv, "loops", 1), fds[64], port = 0;
    pthread_t threads[64];
    for (int i = 0; i < loops && i < 64; i++)
        fds[i] = listen_on(port, &port);
    printf("%d\n", port);
    fflush(stdout);
    for (int i = 1; i < loops && i < 64; i++)
        pthread_create(&threads[i], NULL, run, &fds[i]);
    run(&fds[0]);
    return 0;
}
