/* load idle --count 19500 --token T [--sources 8]
 * Opens the sockets, says {"open":N}, keeps them until a line comes on stdin, closes them all, says {"closed":N}, and
 * waits for another line. */
#include "load.h"
#include "websocket.h"

#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { AT_ONCE = 200 };

/* Reads whatever comes for at most `ms`; how many handshakes were completed, and broken connections. */
static void pump(int epoll, int ms, unsigned *opened, unsigned *broken)
{
    struct epoll_event ready[512];
    int n = epoll_wait(epoll, ready, 512, ms);
    for (int i = 0; i < n; i++) {
        websocket *w = ready[i].data.ptr;
        bool was_open = w->matched == 4;
        size_t messages;
        if (ws_read(w, &messages) < 0) {
            (*broken)++;
            epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
            close(w->fd);
            w->fd = -1;
        } else if (!was_open && w->matched == 4) {
            (*opened)++;
        }
    }
}

static bool line_on_stdin(void)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    return poll(&in, 1, 0) > 0 && getchar() != 0;
}

int load_idle(int argc, char **argv)
{
    const char *host = option_text(argc, argv, "host", "127.0.0.1"), *token = option_text(argc, argv, "token", "");
    int port = (int)option_int(argc, argv, "port", 8080), epoll = epoll_create1(EPOLL_CLOEXEC);
    unsigned count = (unsigned)option_int(argc, argv, "count", 1000), opened = 0, broken = 0;
    unsigned sources = (unsigned)option_int(argc, argv, "sources", 8);
    websocket *all = must_alloc(count, sizeof *all);

    setvbuf(stdin, NULL, _IONBF, 0);
    for (unsigned i = 0; i < count; i++) {
        ws_open(&all[i], host, port, 1 + i % sources, token);
        struct epoll_event ask = {.events = EPOLLIN, .data.ptr = &all[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &ask);
        for (int64_t until = now_ns() + 10000000000; i + 1 - opened - broken >= AT_ONCE && now_ns() < until;)
            pump(epoll, 100, &opened, &broken);
    }
    for (int64_t until = now_ns() + 10000000000; opened + broken < count && now_ns() < until;)
        pump(epoll, 100, &opened, &broken);
    printf("{\"open\":%u,\"broken\":%u}\n", opened, broken);
    fflush(stdout);
    while (!line_on_stdin())
        pump(epoll, 100, &opened, &broken);
    for (unsigned i = 0; i < count; i++)
        if (all[i].fd >= 0)
            close(all[i].fd);
    printf("{\"closed\":%u,\"broken\":%u}\n", count, broken);
    fflush(stdout);
    while (!line_on_stdin())
        usleep(50000);
    return 0;
}
