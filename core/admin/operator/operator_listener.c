#include "core/admin/operator/operator_listener.h"

#include "core/admin/operator/operator_password.h"
#include "core/base/json_read.h"
#include "core/base/json_write.h"
#include "core/base/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNS_MAX = 4, LINE_MAX_BYTES = 8192, ANSWER_MAX = 1024, DEPTH_MAX = 4, TIMEOUT_S = 10 };

typedef struct conn {
    mail mail; /* first */
    struct conn *next;
    operator_listener *owner;
    struct bufferevent *bev;
    bool working; /* its order is on the lanes: it stays, whatever its client does */
    sw_status status;
    char text[OPERATOR_TEXT_MAX];
} conn;

/* All of it on loop 0, but for what a working conn's order writes into it. */
struct operator_listener {
    runtime *rt;
    struct evconnlistener *accepting;
    conn *conns;
    unsigned count;
    int folder; /* of the socket */
};

static void conn_free(conn *c)
{
    operator_listener *l = c->owner;
    for (conn **at = &l->conns; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    l->count--;
    bufferevent_free(c->bev);
    free(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    conn *c = arg;
    (void)bev, (void)what;
    if (!c->working)
        conn_free(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    (void)bev;
    conn_free(arg);
}

static void answer(conn *c, sw_status status, const char *text)
{
    const struct timeval limit = {.tv_sec = TIMEOUT_S};
    sw_json out;
    json_init(&out, ANSWER_MAX);
    sw_json_object_begin(&out, NULL);
    sw_json_bool(&out, "ok", status == SW_OK);
    if (status != SW_OK)
        sw_json_text(&out, "error", *text ? text : "it failed, see the server's log");
    sw_json_object_end(&out);
    c->working = false;
    bufferevent_setcb(c->bev, NULL, on_written, on_event, c);
    bufferevent_set_timeouts(c->bev, NULL, &limit);
    bufferevent_write(c->bev, out.out.at, out.out.len);
    bufferevent_write(c->bev, "\n", 1);
    json_done(&out);
}

/* ---- an order ---- */

static void on_done_here(mail *m, loop *on)
{
    conn *c = (conn *)(void *)m;
    (void)on;
    answer(c, c->status, c->text);
}

/* Any thread. */
static void on_done(void *arg, sw_status status, const char *text)
{
    conn *c = arg;
    c->status = status;
    snprintf(c->text, sizeof c->text, "%s", text);
    loop_post(&c->owner->rt->loops[0], &c->mail);
}

static const char *member(const sw_value *order, const char *key)
{
    const char *text = sw_value_text(sw_value_get(order, key), NULL);
    return text ? text : "";
}

static void obey(conn *c, const sw_value *order)
{
    runtime *rt = c->owner->rt;
    if (strcmp(member(order, "do"), "user passwd") != 0) {
        answer(c, SW_INVALID, "the server does not know this order: it is of another version");
        return;
    }
    c->working = true;
    bufferevent_disable(c->bev, EV_READ);
    if (rt->draining || !operator_set_password(rt, member(order, "name"), member(order, "password"), on_done, c))
        answer(c, SW_BUSY, "the server takes no orders now: it is stopping, or has too much to do");
}

static void on_read(struct bufferevent *bev, void *arg)
{
    conn *c = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t len = evbuffer_get_length(in);
    char *line = (char *)evbuffer_pullup(in, -1);
    const char *end = line ? memchr(line, '\n', len) : NULL;
    if (!end && len < LINE_MAX_BYTES)
        return;
    const sw_value *order = end ? json_read(line, (size_t)(end - line), DEPTH_MAX) : NULL;
    if (line)
        crypto_wipe(line, len);
    evbuffer_drain(in, len);
    obey(c, order);
    json_read_free(order);
}

/* ---- who may ask ---- */

/* The one place that says who is an operator: root, and the user that the server runs as. */
static bool is_operator(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static void refuse(int fd, const char *answer)
{
    (void)send(fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

static void on_accept(struct evconnlistener *accepting, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
    operator_listener *l = arg;
    const struct timeval limit = {.tv_sec = TIMEOUT_S};
    (void)from, (void)len;
    if (!is_operator(fd)) {
        refuse(fd, "{\"ok\":false,\"error\":\"the server takes orders from root and from its own user alone\"}\n");
        return;
    }
    conn *c = l->count < CONNS_MAX ? calloc(1, sizeof *c) : NULL;
    if (c)
        c->bev = bufferevent_socket_new(evconnlistener_get_base(accepting), fd, BEV_OPT_CLOSE_ON_FREE);
    if (!c || !c->bev) {
        free(c);
        refuse(fd, "{\"ok\":false,\"error\":\"the server has too many orders at once: try again\"}\n");
        return;
    }
    c->mail.run = on_done_here;
    c->owner = l;
    c->next = l->conns;
    l->conns = c;
    l->count++;
    bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
    bufferevent_set_timeouts(c->bev, &limit, &limit);
    bufferevent_enable(c->bev, EV_READ);
}

/* ---- open and close ---- */

/* 0600 from the first moment: the socket's own mode is what bind() gives the file. */
static bool bind_private(operator_listener *l, int fd, const struct sockaddr_un *at)
{
    (void)unlinkat(l->folder, "control", 0);
    return fchmod(fd, 0600) == 0 && bind(fd, (const struct sockaddr *)at, sizeof *at) == 0 &&
           evutil_make_socket_nonblocking(fd) == 0;
}

operator_listener *operator_listener_open(runtime *rt, char *error, size_t error_size)
{
    struct sockaddr_un at;
    operator_listener *l = calloc(1, sizeof *l);
    if (!l) {
        snprintf(error, error_size, "no memory for the socket of operators");
        return NULL;
    }
    l->rt = rt;
    l->folder = -1;
    int fd = operator_socket(rt->data_dir, &at, &l->folder);
    if (fd >= 0 && bind_private(l, fd, &at))
        l->accepting = evconnlistener_new(rt->loops[0].base, on_accept, l, LEV_OPT_CLOSE_ON_FREE, CONNS_MAX, fd);
    if (l->accepting)
        return l;
    snprintf(error, error_size, "%s/control: %s", rt->data_dir, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (l->folder >= 0)
        close(l->folder);
    free(l);
    return NULL;
}

void operator_listener_close(operator_listener *l)
{
    if (!l)
        return;
    while (l->conns)
        conn_free(l->conns);
    evconnlistener_free(l->accepting);
    (void)unlinkat(l->folder, "control", 0);
    close(l->folder);
    free(l);
}
