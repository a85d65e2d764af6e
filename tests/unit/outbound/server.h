/* A server of a test's own: a thread that takes one connection after the other and does what the test's script says. */
#ifndef TESTS_UNIT_OUTBOUND_SERVER_H
#define TESTS_UNIT_OUTBOUND_SERVER_H

#include "tests/unit/run_tests.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

typedef struct test_server {
    int fd, port;
    pthread_t thread;
    void (*script)(struct test_server *s, int fd);
    char request[8192]; /* the head of the latest one  */
    char seen[8192];    /* what a script noted         */
    _Atomic bool stopping;
} test_server;

static inline void *test_server_run(void *arg)
{
    test_server *s = arg;

    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0 || s->stopping)
            return NULL;
        s->script(s, fd);
        close(fd);
    }
}

static inline void test_server_start(test_server *s, void (*script)(test_server *s, int fd))
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    *s = (test_server){.script = script, .fd = socket(AF_INET, SOCK_STREAM, 0)};
    ck_assert(bind(s->fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(s->fd, 16) == 0);
    getsockname(s->fd, (struct sockaddr *)&a, &len);
    s->port = ntohs(a.sin_port);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, test_server_run, s), 0);
}

/* Waits for the script that runs. */
static inline void test_server_stop(test_server *s)
{
    s->stopping = true;
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

/* Until `len` bytes or the end; false: it ended, or nothing came for five seconds. */
static inline bool test_read(int fd, void *out, size_t len)
{
    char *at = out;

    while (len > 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 5000) != 1)
            return false;
        ssize_t n = read(fd, at, len);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static inline void test_write(int fd, const void *bytes, size_t len)
{
    (void)!send(fd, bytes, len, MSG_NOSIGNAL);
}

static inline void test_write_text(int fd, const char *text)
{
    test_write(fd, text, strlen(text));
}

/* Reads up to the empty line. */
static inline bool test_read_head(test_server *s, int fd)
{
    size_t len = 0;

    while (len + 1 < sizeof s->request && test_read(fd, s->request + len, 1)) {
        s->request[++len] = '\0';
        if (len >= 4 && strcmp(s->request + len - 4, "\r\n\r\n") == 0)
            return true;
    }
    return false;
}

static inline void test_wait_for(const _Atomic int *count, int wanted)
{
    for (int i = 0; i < 1000 && *count < wanted; i++)
        poll(NULL, 0, 10);
    ck_assert_int_ge(*count, wanted);
}

/* ---- WebSocket ---- */

/* Answers the opening handshake. */
static inline bool test_ws_accept(test_server *s, int fd)
{
    static const char NAME[] = "Sec-WebSocket-Key: ", MAGIC[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char both[128], head[512];
    unsigned char digest[EVP_MAX_MD_SIZE], text[64];

    if (!test_read_head(s, fd))
        return false;
    const char *key = strcasestr(s->request, NAME);
    if (key == NULL)
        return false;
    snprintf(both, sizeof both, "%.24s%s", key + sizeof NAME - 1, MAGIC);
    EVP_Digest(both, strlen(both), digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock(text, digest, 20);
    snprintf(head, sizeof head,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n\r\n",
             (char *)text);
    test_write_text(fd, head);
    return true;
}

static inline void test_ws_send(int fd, int first_byte, const void *bytes, size_t len)
{
    unsigned char head[10] = {(unsigned char)first_byte, 127};
    size_t n = 10;

    for (int i = 0; i < 8; i++)
        head[2 + i] = (unsigned char)(len >> (56 - 8 * i));
    if (len < 126) {
        head[1] = (unsigned char)len;
        n = 2;
    } else if (len < 65536) {
        head[1] = 126;
        head[2] = (unsigned char)(len >> 8);
        head[3] = (unsigned char)len;
        n = 4;
    }
    test_write(fd, head, n);
    test_write(fd, bytes, len);
}

/* A masked frame of up to 64 KiB; gives its first byte, -1: the end. */
static inline int test_ws_read(int fd, char *out, size_t *ret_len)
{
    unsigned char head[4], mask[4];

    if (!test_read(fd, head, 2) || !(head[1] & 0x80))
        return -1;
    size_t len = head[1] & 0x7f;
    if (len == 126) {
        if (!test_read(fd, head + 2, 2))
            return -1;
        len = (size_t)head[2] << 8 | head[3];
    }
    if (!test_read(fd, mask, 4) || !test_read(fd, out, len))
        return -1;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)((unsigned char)out[i] ^ mask[i % 4]);
    out[len] = '\0';
    *ret_len = len;
    return head[0];
}

#endif
