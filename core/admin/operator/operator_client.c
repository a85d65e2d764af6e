/* The side of the command: one HTTP request by the socket DATA/control. On the thread of the command, which it blocks.
 */
#include "core/admin/operator/operator.h"

#include "core/base/files.h"
#include "core/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_MAX = 4096, DEPTH_MAX = 4, SEND_S = 5, TIMEOUT_S = 60 };

static sw_status fail(char *text, size_t size, sw_status status, const char *why)
{
    snprintf(text, size, "%s", why);
    return status;
}

static int connect_to(const char *data_dir)
{
    struct sockaddr_un at;
    int folder;
    int fd = operator_socket(data_dir, &at, &folder);
    if (fd < 0)
        return -1;
    /* Before connect(), which waits as long as nobody takes the callers that came before. */
    const struct timeval send_limit = {.tv_sec = SEND_S}, limit = {.tv_sec = TIMEOUT_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_limit, sizeof send_limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    int rc = connect(fd, (const struct sockaddr *)&at, sizeof at);
    int why = errno;
    close(folder);
    if (rc == 0)
        return fd;
    close(fd);
    errno = why;
    return -1;
}

static bool send_order(int fd, const char *path, const sw_json *body)
{
    char head[512];
    int len = snprintf(head, sizeof head,
                       "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                       path, body->out.len);
    return len > 0 && (size_t)len < sizeof head && send_whole(fd, head, (size_t)len) &&
           send_whole(fd, body->out.at, body->out.len);
}

/* Up to the end of the connection. */
static size_t receive(int fd, char *out, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = recv(fd, out + len, size - len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    return len;
}

/* `sent`: the whole order. A server that wants none of it has answered before. */
static sw_status read_answer(int fd, bool sent, char *text, size_t size)
{
    char answer[ANSWER_MAX];
    size_t len = receive(fd, answer, sizeof answer);
    if (len == 0)
        return fail(text, size, SW_UNAVAILABLE,
                    sent ? "the server has not answered: whether the order was carried out is not known"
                         : "the server has not taken the order");
    if (len > 10 && memcmp(answer, "HTTP/1.1 2", 10) == 0)
        return SW_OK;
    const char *body = memmem(answer, len, "\r\n\r\n", 4);
    const sw_value *reply = body ? json_read(body + 4, len - (size_t)(body + 4 - answer), DEPTH_MAX) : NULL;
    const char *error = sw_value_text(sw_value_get(reply, "error"), NULL);
    if (error && strcmp(error, "not found") == 0)
        error = "the server does not know this order: it is of another version";
    sw_status status = fail(text, size, SW_INVALID, error ? error : "the server's answer is of another version");
    json_read_free(reply);
    return status;
}

sw_status operator_ask(const char *data_dir, const char *path, sw_json *body, char *text, size_t size)
{
    int fd = connect_to(data_dir);
    sw_status status = SW_NOT_FOUND;
    if (fd < 0 && errno != ENOENT && errno != ECONNREFUSED)
        status = fail(text, size, SW_UNAVAILABLE, errno == EAGAIN ? "the server does not answer" : strerror(errno));
    if (fd >= 0 && json_failed(body))
        status = fail(text, size, SW_INVALID, "the order is too large");
    else if (fd >= 0)
        status = read_answer(fd, send_order(fd, path, body), text, size);
    if (fd >= 0)
        close(fd);
    if (body->out.at)
        crypto_wipe(body->out.at, body->out.len);
    return status;
}
