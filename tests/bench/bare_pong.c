/* bare_pong --loops 2 [--body FILE]: evhttp with the server's flags, answering every request with the same bytes
 * ({"message":"pong"}). Prints its port. */
#include "bench.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

static const char *body = "{\"message\":\"pong\"}";
static size_t body_len = 18;

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

static void answer(struct evhttp_request *request, void *arg)
{
    (void)arg;
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "application/json");
    evbuffer_add(evhttp_request_get_output_buffer(request), body, body_len);
    evhttp_send_reply(request, 200, "OK", NULL);
}

static void *run(void *arg)
{
    struct event_config *how = event_config_new();
    event_config_set_flag(how, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    event_config_set_flag(how, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(how);
    struct evhttp *http = evhttp_new(base);
    evhttp_set_gencb(http, answer, NULL);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
    if (evhttp_accept_socket_with_handle(http, *(int *)arg) == NULL)
        fail("evhttp");
    event_base_dispatch(base);
    return NULL;
}

int main(int argc, char **argv)
{
    int loops = (int)option_int(argc, argv, "loops", 1), fds[64], port = 0;
    const char *file = option_item(argc, argv, "body", 0);
    pthread_t threads[64];
    if (file != NULL)
        body = read_file(file, &body_len);
    for (int i = 0; i < loops && i < 64; i++)
        fds[i] = listen_on(port, &port);
    printf("%d\n", port);
    fflush(stdout);
    for (int i = 1; i < loops && i < 64; i++)
        pthread_create(&threads[i], NULL, run, &fds[i]);
    run(&fds[0]);
    return 0;
}
