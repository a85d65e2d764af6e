#include "core/admin/metrics/metrics_listener.h"

#include "core/admin/core_module.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX = 8192, TIMEOUT_S = 10, SCRAPES_MAX = 4 };

struct metrics_listener {
    runtime *rt;
    struct evhttp *http;
    unsigned running; /* scrapes in work; loop 0 alone */
};

/* One answer on its way: from the loop to a worker and back. */
typedef struct {
    mail mail; /* first */
    metrics_listener *listener;
    struct evhttp_request *request;
    sw_request *task;
    void (*finish)(sw_request *req, sw_status status);
    struct evbuffer *body;
} scrape;

static void refuse(struct evhttp_request *request, int status, const char *reason)
{
    struct evbuffer *body = evbuffer_new();
    if (body)
        evbuffer_add_printf(body, "%s\n", reason);
    evhttp_send_reply(request, status, reason, body);
    if (body)
        evbuffer_free(body);
}

/* On the loop again. */
static void answer(mail *m, loop *on)
{
    scrape *s = (scrape *)(void *)m;
    (void)on;
    s->listener->running--;
    if (s->body) {
        evhttp_add_header(evhttp_request_get_output_headers(s->request), "Content-Type",
                          "text/plain; version=0.0.4; charset=utf-8");
        evhttp_send_reply(s->request, 200, "OK", s->body);
        evbuffer_free(s->body);
    } else {
        refuse(s->request, 503, "unavailable");
    }
    free(s);
}

/* The task has ended, on its worker. */
static void finished(sw_request *task, sw_status status)
{
    scrape *s = task->owner;
    if (status == SW_OK && (s->body = evbuffer_new()))
        evbuffer_add(s->body, task->reply.out.at, task->reply.out.len);
    loop *home = &s->listener->rt->loops[0];
    s->finish(task, status);
    loop_post(home, &s->mail);
}

static bool submit(metrics_listener *l, struct evhttp_request *request)
{
    scrape *s = calloc(1, sizeof *s);
    sw_request *task = s ? task_new(l->rt, l->rt->modules[0], get_metrics, 0) : NULL;
    if (!task) {
        free(s);
        return false;
    }
    *s = (scrape){.mail = {.run = answer}, .listener = l, .request = request, .task = task, .finish = task->finish};
    task->finish = finished;
    task->owner = s;
    if (request_submit(l->rt, task, SW_LANE_WORKER, get_metrics))
        return true;
    task_free(task);
    free(s);
    return false;
}

static void on_request(struct evhttp_request *request, void *arg)
{
    metrics_listener *l = arg;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    if (!path || strcmp(path, "/metrics") != 0)
        refuse(request, 404, "not found");
    else if (l->running == SCRAPES_MAX || !submit(l, request))
        refuse(request, 503, "unavailable");
    else
        l->running++;
}

metrics_listener *metrics_listener_open(runtime *rt, int port, char *error, size_t error_size)
{
    metrics_listener *l = calloc(1, sizeof *l);
    if (l)
        l->http = evhttp_new(rt->loops[0].base);
    if (!l || !l->http) {
        snprintf(error, error_size, "no memory for the listener of /metrics");
        free(l);
        return NULL;
    }
    l->rt = rt;
    evhttp_set_allowed_methods(l->http, EVHTTP_REQ_GET);
    evhttp_set_max_headers_size(l->http, HEADERS_MAX);
    evhttp_set_max_body_size(l->http, 0);
    evhttp_set_timeout(l->http, TIMEOUT_S);
    evhttp_set_gencb(l->http, on_request, l);
    if (evhttp_bind_socket(l->http, "127.0.0.1", (ev_uint16_t)port) == 0)
        return l;
    snprintf(error, error_size, "server.metrics_port: 127.0.0.1:%d cannot be listened on: is it in use?", port);
    metrics_listener_close(l);
    return NULL;
}

void metrics_listener_close(metrics_listener *l)
{
    if (!l)
        return;
    evhttp_free(l->http);
    free(l);
}
