/* load echo --connections 8 --depth 8 --bytes 180 --seconds 4
 * As relay, against a server that sends the bytes back on the same connection. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

typedef struct {
    int fd;
    size_t got; /* of the message that is arriving */
    int64_t *sent_ns;
    unsigned oldest, under_way;
} line;

typedef struct {
    line *lines;
    unsigned count, depth;
    char *message;
    size_t bytes;
    int64_t end_ns, messages;
    samples times;
} echo;

static void send_messages(echo *e, line *l)
{
    while (l->under_way < e->depth && now_ns() < e->end_ns) {
        l->sent_ns[(l->oldest + l->under_way) % e->depth] = now_ns();
        write_all(l->fd, e->message, e->bytes);
        l->under_way++;
    }
}

static void on_input(echo *e, line *l)
{
    static char input[256 * 1024];
    ssize_t got = recv(l->fd, input, sizeof input, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        fail("the echo server closed");
    for (l->got += (size_t)got; l->got >= e->bytes && l->under_way > 0; l->got -= e->bytes) {
        samples_add(&e->times, now_ns() - l->sent_ns[l->oldest]);
        l->oldest = (l->oldest + 1) % e->depth;
        l->under_way--;
        e->messages++;
    }
    send_messages(e, l);
}

int load_echo(int argc, char **argv)
{
    echo e = {.count = (unsigned)option_int(argc, argv, "connections", 8),
              .depth = (unsigned)option_int(argc, argv, "depth", 8),
              .bytes = (size_t)option_int(argc, argv, "bytes", 180)};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    e.lines = must_alloc(e.count, sizeof *e.lines);
    e.message = must_alloc(e.bytes, 1);
    for (unsigned i = 0; i < e.count; i++) {
        line *l = &e.lines[i];
        l->sent_ns = must_alloc(e.depth, sizeof *l->sent_ns);
        l->fd = tcp_connect(option_text(argc, argv, "host", "127.0.0.1"), (int)option_int(argc, argv, "port", 8080), 0);
        struct epoll_event ask = {.events = EPOLLIN, .data.ptr = l};
        epoll_ctl(epoll, EPOLL_CTL_ADD, l->fd, &ask);
    }
    int64_t begin = now_ns();
    e.end_ns = begin + option_int(argc, argv, "seconds", 4) * 1000000000;
    for (unsigned i = 0; i < e.count; i++)
        send_messages(&e, &e.lines[i]);
    while (now_ns() < e.end_ns) {
        struct epoll_event ready[256];
        int n = epoll_wait(epoll, ready, 256, 100);
        for (int i = 0; i < n; i++)
            on_input(&e, ready[i].data.ptr);
    }
    double seconds = (double)(now_ns() - begin) / 1e9;
    printf("{\"frames\":%lld,\"seconds\":%.3f,\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
           (long long)e.messages, seconds, (double)e.messages / seconds, samples_percentile(&e.times, 50),
           samples_percentile(&e.times, 99));
    return 0;
}
