/* load http --connections 64 --seconds 5 --method GET --path /x [--path /y …] [--body FILE …] [--header "A: b" …]
 *           [--sources 1] [--requests N] [--pause-ms 0]
 * Each connection sends one request, reads its whole answer, sends the next. Paths and bodies are taken in turn. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXTS_MAX = 4096, INPUT = 1 << 20 };

typedef struct {
    char *at;
    size_t len;
} text;

typedef struct {
    int fd;
    char *in; /* INPUT bytes, owned                    */
    size_t in_len;
    size_t body_left; /* of the answer, once the head is read  */
    bool in_body;
    int status;
    int64_t sent_ns;
    int64_t due_ns; /* 0: a request is out                   */
} client;

typedef struct {
    const char *host;
    int port;
    text *requests;
    size_t request_count, next;
    int64_t end_ns, left, pause_ns;
    int epoll;
    client *clients;
    int64_t count;
    samples times;
    uint64_t by_class[6], status_429, status_503, bytes;
    unsigned broken, idle;
} load;

/* ---- requests ---- */

static char *headers_of(int argc, char **argv)
{
    char *all = must_alloc(16384, 1);
    size_t len = 0;
    const char *item;
    for (int i = 0; (item = option_item(argc, argv, "header", i)) != NULL; i++)
        len += (size_t)snprintf(all + len, 16384 - len, "%s\r\n", item);
    return all;
}

static void build_requests(load *l, int argc, char **argv)
{
    const char *method = option_text(argc, argv, "method", "GET"), *path, *file;
    char *headers = headers_of(argc, argv);
    size_t paths = 0, bodies = 0;
    text *body = must_alloc(TEXTS_MAX, sizeof *body);
    while (bodies < TEXTS_MAX && (file = option_item(argc, argv, "body", (int)bodies)) != NULL) {
        body[bodies].at = read_file(file, &body[bodies].len);
        bodies++;
    }
    while (option_item(argc, argv, "path", (int)paths) != NULL)
        paths++;
    if (paths == 0)
        fail("--path is missing");
    l->request_count = paths > bodies ? paths : bodies;
    l->requests = must_alloc(l->request_count, sizeof *l->requests);
    for (size_t i = 0; i < l->request_count; i++) {
        path = option_item(argc, argv, "path", (int)(i % paths));
        text b = bodies > 0 ? body[i % bodies] : (text){NULL, 0};
        size_t room = strlen(path) + strlen(headers) + b.len + 256;
        char *made = must_alloc(room, 1);
        int head = snprintf(made, room, "%s %s HTTP/1.1\r\nHost: bench\r\n%s", method, path, headers);
        if (bodies > 0)
            head += snprintf(made + head, room - (size_t)head,
                             "Content-Type: application/json\r\nContent-Length: %zu\r\n", b.len);
        head += snprintf(made + head, room - (size_t)head, "\r\n");
        if (b.len > 0)
            memcpy(made + head, b.at, b.len);
        l->requests[i] = (text){made, (size_t)head + b.len};
    }
    free(headers);
}

/* ---- one connection ---- */

static void open_client(load *l, client *c, unsigned source)
{
    c->fd = tcp_connect(l->host, l->port, source);
    c->in_len = 0;
    c->in_body = false;
    struct epoll_event ask = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ask) != 0)
        fail("epoll_ctl");
}

/* false: all requests have been sent. */
static bool send_next(load *l, client *c)
{
    if (l->left == 0)
        return false;
    l->left--;
    const text *r = &l->requests[l->next++ % l->request_count];
    c->sent_ns = now_ns();
    c->due_ns = 0;
    write_all(c->fd, r->at, r->len);
    return true;
}

static void note_answer(load *l, client *c)
{
    samples_add(&l->times, now_ns() - c->sent_ns);
    l->count++;
    l->by_class[c->status / 100 < 6 ? c->status / 100 : 0]++;
    l->status_429 += c->status == 429;
    l->status_503 += c->status == 503;
    if (l->pause_ns > 0) {
        c->due_ns = now_ns() + l->pause_ns;
        return;
    }
    if (now_ns() >= l->end_ns || !send_next(l, c))
        l->idle++;
}

/* The head is whole: its status and length. */
static void read_head(client *c, size_t head_len)
{
    char *line = c->in;
    c->in[head_len - 1] = '\0';
    c->status = atoi(strchr(line, ' ') != NULL ? strchr(line, ' ') + 1 : "0");
    c->body_left = 0;
    while ((line = strchr(line, '\n')) != NULL) {
        line++;
        if (strncasecmp(line, "content-length:", 15) == 0)
            c->body_left = strtoul(line + 15, NULL, 10);
    }
    c->in_body = true;
}

/* Takes what has arrived apart. */
static void digest(load *l, client *c)
{
    if (!c->in_body) {
        char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
        if (end == NULL)
            return;
        size_t head = (size_t)(end - c->in) + 4;
        read_head(c, head);
        c->in_len -= head;
    } else if (c->in_len == 0) {
        return;
    }
    if (c->in_len < c->body_left) {
        c->body_left -= c->in_len;
        c->in_len = 0;
        return;
    }
    c->in_len = 0;
    c->in_body = false;
    note_answer(l, c);
}

static void on_input(load *l, client *c)
{
    ssize_t got = recv(c->fd, c->in + c->in_len, INPUT - c->in_len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) { /* closed: once more, from the start */
        l->broken++;
        close(c->fd);
        open_client(l, c, 0);
        if (now_ns() >= l->end_ns || !send_next(l, c))
            l->idle++;
        return;
    }
    l->bytes += (uint64_t)got;
    c->in_len += (size_t)got;
    digest(l, c);
}

/* ---- the run ---- */

/* Milliseconds until the next paused client is due; sends what is due now. */
static int send_due(load *l, unsigned count)
{
    int64_t now = now_ns(), next = now + 100000000;
    for (unsigned i = 0; l->pause_ns > 0 && i < count; i++) {
        client *c = &l->clients[i];
        if (c->due_ns == 0)
            continue;
        if (now >= l->end_ns) {
            c->due_ns = 0;
            l->idle++;
        } else if (c->due_ns <= now) {
            send_next(l, c);
        } else if (c->due_ns < next) {
            next = c->due_ns;
        }
    }
    return (int)((next - now) / 1000000) + 1;
}

static void print(load *l, double seconds)
{
    printf(
        "{\"requests\":%lld,\"seconds\":%.3f,\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,"
        "\"ok\":%llu,\"client_errors\":%llu,\"server_errors\":%llu,\"429\":%llu,\"503\":%llu,\"broken\":%u,\"bytes\":%llu}\n",
        (long long)l->count, seconds, (double)l->count / seconds, samples_percentile(&l->times, 50),
        samples_percentile(&l->times, 99), samples_percentile(&l->times, 100), (unsigned long long)l->by_class[2],
        (unsigned long long)l->by_class[4], (unsigned long long)l->by_class[5], (unsigned long long)l->status_429,
        (unsigned long long)l->status_503, l->broken, (unsigned long long)l->bytes);
}

int load_http(int argc, char **argv)
{
    load l = {.host = option_text(argc, argv, "host", "127.0.0.1"), .port = (int)option_int(argc, argv, "port", 8080)};
    unsigned count = (unsigned)option_int(argc, argv, "connections", 64);
    unsigned sources = (unsigned)option_int(argc, argv, "sources", 0);
    int64_t begin;

    build_requests(&l, argc, argv);
    l.left = option_int(argc, argv, "requests", INT64_MAX);
    l.pause_ns = option_int(argc, argv, "pause-ms", 0) * 1000000;
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    l.clients = must_alloc(count, sizeof *l.clients);
    for (unsigned i = 0; i < count; i++) {
        l.clients[i].in = must_alloc(INPUT, 1);
        open_client(&l, &l.clients[i], sources > 0 ? 1 + i % sources : 0);
    }
    begin = now_ns();
    l.end_ns = begin + option_int(argc, argv, "seconds", 5) * 1000000000;
    for (unsigned i = 0; i < count; i++)
        if (!send_next(&l, &l.clients[i]))
            l.idle++;
    int64_t give_up = l.end_ns + 20000000000;
    while (l.idle < count && now_ns() < give_up) {
        struct epoll_event ready[256];
        int n = epoll_wait(l.epoll, ready, 256, send_due(&l, count));
        for (int i = 0; i < n; i++)
            on_input(&l, ready[i].data.ptr);
    }
    print(&l, (double)(now_ns() - begin) / 1e9);
    return 0;
}
