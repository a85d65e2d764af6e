/* load fanout --sockets 1000 --token T --post FILE --messages 500 --rounds 10
 * Opens the sockets (all of a human), then posts FILE, an array of `messages` messages, and waits until every socket
 * has as many frames; `rounds` times. */
#include "load.h"
#include "websocket.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    websocket *sockets;
    unsigned count, open;
    int epoll;
    uint64_t frames;
} fan;

static void pump(fan *f, int ms)
{
    struct epoll_event ready[512];
    int n = epoll_wait(f->epoll, ready, 512, ms);
    for (int i = 0; i < n; i++) {
        websocket *w = ready[i].data.ptr;
        bool was_open = w->matched == 4;
        size_t messages;
        if (ws_read(w, &messages) < 0 || w->closed)
            fail("a socket was closed or refused");
        f->frames += messages;
        f->open += !was_open && w->matched == 4;
    }
}

/* A request over a connection of its own; the answer is not looked at but for its status. */
static int post(const char *host, int port, const char *token, const char *body, size_t len)
{
    int fd = tcp_connect(host, port, 0);
    char *request = must_alloc(len + 2048, 1);
    int head = snprintf(request, 2048,
                        "POST /api/messages HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                        token, len);
    memcpy(request + head, body, len);
    write_all(fd, request, (size_t)head + len);
    free(request);
    return fd;
}

/* Reads the answer away; false: it has ended. */
static bool drain(int fd)
{
    char input[65536];
    return recv(fd, input, sizeof input, 0) != 0;
}

int load_fanout(int argc, char **argv)
{
    const char *host = option_text(argc, argv, "host", "127.0.0.1"), *token = option_text(argc, argv, "token", "");
    int port = (int)option_int(argc, argv, "port", 8080);
    fan f = {.count = (unsigned)option_int(argc, argv, "sockets", 1000), .epoll = epoll_create1(EPOLL_CLOEXEC)};
    uint64_t messages = (uint64_t)option_int(argc, argv, "messages", 500);
    int64_t rounds = option_int(argc, argv, "rounds", 10);
    size_t len;
    char *body = read_file(option_text(argc, argv, "post", "post"), &len);

    f.sockets = must_alloc(f.count, sizeof *f.sockets);
    for (unsigned i = 0; i < f.count; i++) {
        ws_open(&f.sockets[i], host, port, 1 + i % 8, token);
        struct epoll_event ask = {.events = EPOLLIN, .data.ptr = &f.sockets[i]};
        epoll_ctl(f.epoll, EPOLL_CTL_ADD, f.sockets[i].fd, &ask);
    }
    for (int64_t until = now_ns() + 20000000000; f.open < f.count && now_ns() < until;)
        pump(&f, 100);
    for (int64_t until = now_ns() + 300000000; now_ns() < until;)
        pump(&f, 50);
    printf("{\"ready\":%u}\n", f.open);
    fflush(stdout);
    if (getchar() == EOF)
        return 1;
    int64_t begin = now_ns();
    uint64_t wanted = 0;
    f.frames = 0;
    for (int64_t round = 0; round < rounds; round++) {
        int fd = post(host, port, token, body, len);
        wanted += messages * f.count;
        int64_t until = now_ns() + 30000000000;
        while (f.frames < wanted && now_ns() < until)
            pump(&f, 100);
        while (drain(fd) && now_ns() < until)
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 100);
        close(fd);
        if (f.frames < wanted)
            fail("only %llu of %llu frames came", (unsigned long long)f.frames, (unsigned long long)wanted);
    }
    double seconds = (double)(now_ns() - begin) / 1e9;
    printf("{\"frames\":%llu,\"seconds\":%.3f,\"per_second\":%.1f}\n", (unsigned long long)f.frames, seconds,
           (double)f.frames / seconds);
    return 0;
}
