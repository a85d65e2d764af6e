#include "core/admin/operator/operator_listener.h"

#include "core/base/files.h"
#include "core/base/json_read.h"
#include "core/base/json_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ORDER_MAX = 8192, ANSWER_MAX = 1024, DEPTH_MAX = 4, SEND_S = 5, TIMEOUT_S = 60 };

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

static bool send_order(int fd, const char *name, const char *password)
{
    sw_json out;
    json_init(&out, ORDER_MAX);
    sw_json_object_begin(&out, NULL);
    sw_json_text(&out, "do", "user passwd");
    sw_json_text(&out, "name", name);
    sw_json_text(&out, "password", password);
    sw_json_object_end(&out);
    bool good = !json_failed(&out) && send_whole(fd, out.out.at, out.out.len) && send_whole(fd, "\n", 1);
    if (out.out.at)
        crypto_wipe(out.out.at, out.out.len);
    json_done(&out);
    return good;
}

/* Up to the end of the line, or of the connection. */
static size_t receive(int fd, char *out, size_t size)
{
    size_t len = 0;
    while (len < size && !memchr(out, '\n', len)) {
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
    char line[ANSWER_MAX];
    size_t len = receive(fd, line, sizeof line);
    if (len == 0)
        return fail(text, size, SW_UNAVAILABLE,
                    sent ? "the server has not answered: whether the password was changed is not known"
                         : "the server has not taken the order");
    const sw_value *answer = json_read(line, len, DEPTH_MAX);
    const char *error = sw_value_text(sw_value_get(answer, "error"), NULL);
    sw_status status = SW_OK;
    if (sw_value_bool(sw_value_get(answer, "ok"), 0) != 1)
        status = fail(text, size, SW_INVALID, error ? error : "the server's answer is of another version");
    json_read_free(answer);
    return status;
}

sw_status operator_ask_password(const char *data_dir, const char *name, const char *password, char *text, size_t size)
{
    int fd = connect_to(data_dir);
    if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED))
        return SW_NOT_FOUND;
    if (fd < 0)
        return fail(text, size, SW_UNAVAILABLE, errno == EAGAIN ? "the server does not answer" : strerror(errno));
    bool sent = send_order(fd, name, password);
    sw_status status = read_answer(fd, sent, text, size);
    close(fd);
    return status;
}
