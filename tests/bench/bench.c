#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void fail(const char *format, ...)
{
    int error = errno;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, error != 0 ? ": %s\n" : "\n", strerror(error));
    exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void *must_alloc(size_t count, size_t size)
{
    void *made = calloc(count, size);
    if (made == NULL)
        fail("no memory");
    return made;
}

void *must_grow(void *old, size_t size)
{
    void *grown = realloc(old, size);
    if (grown == NULL)
        fail("no memory");
    return grown;
}

char *read_file(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail("%s", path);
    size_t len = 0, room = 65536;
    char *text = must_alloc(room, 1);
    for (size_t got; (got = fread(text + len, 1, room - len - 1, file)) > 0;) {
        len += got;
        if (room - len < 2)
            text = must_grow(text, room *= 2);
    }
    fclose(file);
    text[len] = '\0';
    *ret_len = len;
    return text;
}

/* ---- command line ---- */

const char *option_item(int argc, char **argv, const char *name, int index)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, name) == 0 && index-- == 0)
            return argv[i + 1];
    return NULL;
}

const char *option_text(int argc, char **argv, const char *name, const char *fallback)
{
    const char *value = option_item(argc, argv, name, 0);
    return value != NULL ? value : fallback;
}

int64_t option_int(int argc, char **argv, const char *name, int64_t fallback)
{
    const char *value = option_item(argc, argv, name, 0);
    return value != NULL ? strtoll(value, NULL, 10) : fallback;
}

/* ---- sockets ---- */

int tcp_connect(const char *host, int port, unsigned source)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
        fail("not an address: %s", host);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        fail("socket");
    if (source > 0) {
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0)
            fail("bind");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        fail("connect");
    return fd;
}

void write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            len -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EINPROGRESS || errno == ENOTCONN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, 1000);
        } else if (errno != EINTR) {
            fail("send");
        }
    }
}

/* ---- samples ---- */

void samples_add(samples *s, int64_t ns)
{
    if (s->count == s->room) {
        s->room = s->room > 0 ? s->room * 2 : 4096;
        s->at = must_grow(s->at, s->room * sizeof *s->at);
    }
    int64_t units = ns / 100;
    s->at[s->count++] = units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

double samples_percentile(samples *s, double percent)
{
    if (s->count == 0)
        return 0;
    qsort(s->at, s->count, sizeof *s->at, compare);
    size_t index = (size_t)((double)(s->count - 1) * percent / 100);
    return (double)s->at[index] / 10;
}
