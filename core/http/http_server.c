/* One HTTP server: its settings, a part of it on each loop, routes, listening sockets; opened and taken apart. On the
 * main thread, but for drain() and on_error(), which run on each loop. The http_server owns all of it.
 *
 * The listening sockets come from http_listen.c. From then on each is its loop's; evhttp owns the listener and closes
 * the socket. */
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/base/table.h"
#include "core/http/conn.h"
#include "core/http/cors.h"
#include "core/http/exchange.h"
#include "core/http/own_routes.h"
#include "core/http/rate.h"
#include "core/http/reply_stream.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* evhttp's own limits stand above ours, so that a refusal is ours, as JSON. */
enum { ABOVE_OURS = 64 * 1024, LINGER_MS = 10000 };

/* Descriptors that connections leave to the database, the log, plugins and outbound connections. */
enum { DESCRIPTOR_RESERVE = 256, CONNECTIONS_MAX = 1000000 };

enum { RETRY_MS = 200, COMPLAIN_MS = 10000 };

static bool settings_read(http_settings *s, const config *c, char *error, size_t error_size);
static void listener_close(http_loop *l);

/* ---- opening ---- */

static bool open_evhttp(entrance *by)
{
    const http_settings *s = &by->home->server->settings;
    by->evhttp = evhttp_new(by->home->loop->base);
    if (!by->evhttp)
        return false;
    evhttp_set_bevcb(by->evhttp, conn_accept, by);
    evhttp_set_gencb(by->evhttp, http_dispatch, by);
    evhttp_set_default_content_type(by->evhttp, NULL);
    evhttp_set_max_headers_size(by->evhttp, (ev_ssize_t)s->header_bytes + ABOVE_OURS);
    evhttp_set_max_body_size(by->evhttp, (ev_ssize_t)s->large_body + ABOVE_OURS);
    evhttp_set_allowed_methods(by->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH |
                                               EVHTTP_REQ_DELETE | EVHTTP_REQ_HEAD | EVHTTP_REQ_OPTIONS);
    return true;
}

static http_loop *loop_new(http_server *h, loop *on)
{
    http_loop *l = calloc(1, sizeof *l);
    const http_settings *s = &h->settings;
    if (!l)
        return NULL;
    l->server = h;
    l->loop = on;
    const int64_t LIMITS[] = {s->header_timeout, s->body_timeout, s->idle_timeout, s->reply_stall, LINGER_MS};
    for (int i = 0; i < DEADLINES; i++) {
        TAILQ_INIT(&l->deadlines[i].queue);
        l->deadlines[i].limit_ms = LIMITS[i] > 0 ? LIMITS[i] : 1;
    }
    TAILQ_INIT(&l->fresh);
    TAILQ_INIT(&l->dead);
    TAILQ_INIT(&l->busy);
    TAILQ_INIT(&l->spare);
    l->port = (entrance){.home = l, .router = h->router};
    tick(l);
    return l;
}

static bool open_loops(http_server *h)
{
    h->loops = calloc(h->rt->loop_count, sizeof *h->loops);
    if (!h->loops)
        return false;
    for (unsigned i = 0; i < h->rt->loop_count; i++) {
        loop *on = &h->rt->loops[i];
        h->loops[i] = loop_new(h, on);
        if (!h->loops[i])
            return false;
        h->loop_count = i + 1;
        on->http = h->loops[i];
        if (!exchange_names_open(h->loops[i], i) || !conn_loop_open(h->loops[i]) || !open_evhttp(&h->loops[i]->port))
            return false;
    }
    return true;
}

/* Room for the counts of every route there is; before the loops run. */
static bool open_metrics(http_server *h)
{
    for (unsigned i = 0; i < h->loop_count; i++) {
        http_loop *l = h->loops[i];
        route_metrics *made = calloc(router_count(h->router) + 1, sizeof *made);
        if (!made)
            return false;
        free(l->metrics);
        l->metrics = made;
    }
    return true;
}

static bool open_routes(http_server *h, char *error, size_t error_size)
{
    h->router = router_new();
    if (!h->router)
        return false;
    h->core = (sw_host){.rt = h->rt, .name = "core", .status = MODULE_ENABLED};
    for (size_t i = 0; i < OWN_ROUTES_COUNT; i++)
        if (!router_add(h->router, &h->core, &OWN_ROUTES[i].row, OWN_ROUTES[i].kind, error, error_size))
            return false;
    return true;
}

static bool read_settings(http_server *h, char *error, size_t error_size)
{
    if (!settings_read(&h->settings, h->rt->config, error, error_size))
        return false;
    cors_rules *rules = cors_rules_new(h->rt->config, error, error_size);
    h->cors = rules;
    h->rates = rates_new(h->settings.rate, h->settings.bad_tokens);
    h->health.modules_ok = true;
    return rules && h->rates;
}

/* libevent's own warnings. */
static void on_libevent(int severity, const char *message)
{
    if (severity >= EVENT_LOG_WARN)
        log_warn("libevent", "%s", message);
}

http_server *http_open(runtime *rt, http_authenticate authenticate, http_take_over take_over, int *ret_port,
                       char *error, size_t error_size)
{
    http_server *h = calloc(1, sizeof *h);
    snprintf(error, error_size, "out of memory");
    if (!h)
        return NULL;
    event_set_log_callback(on_libevent);
    h->rt = rt;
    rt->streams = streams_new();
    h->authenticate = authenticate;
    h->authenticate_lane = SW_LANE_WORKER;
    h->take_over = take_over;
    h->read = gate_read;
    h->refuse = gate_refuse;
    int port = 0;
    bool fine = rt->streams && read_settings(h, error, error_size) && open_routes(h, error, error_size) &&
                open_loops(h) && open_metrics(h) && listener_open(h, &port, error, error_size);
    if (!fine) {
        http_close(h);
        return NULL;
    }
    *ret_port = port;
    log_info("http", "up to %u connections", h->settings.connections);
    return h;
}

void http_authenticate_on(http_server *h, sw_lane lane)
{
    h->authenticate_lane = lane;
}

void http_ask_with(http_server *h, sw_host *provider, http_ask ask)
{
    h->provider = provider;
    h->ask = ask;
}

bool http_reload(http_server *h, const config *c, char *error, size_t error_size)
{
    cors_rules *rules = cors_rules_new(c, error, error_size);
    if (!rules)
        return false;
    rules->before = h->cors;
    h->cors = rules;
    return true;
}

/* ---- routes ---- */

bool http_add_routes(http_server *h, sw_host *module, char *error, size_t error_size)
{
    sw_table table = module->plugin->routes;
    for (uint32_t i = 0; i < table.count; i++) {
        sw_route row;
        table_row(table, i, &row, sizeof row);
        if (!router_add(h->router, module, &row, ROUTE_PLAIN, error, error_size))
            return false;
    }
    if (!open_metrics(h)) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    return true;
}

void http_each_own_route(void (*each)(void *arg, const sw_route *r), void *arg)
{
    for (size_t i = 0; i < OWN_ROUTES_COUNT; i++)
        each(arg, &OWN_ROUTES[i].row);
}

void http_each_route(http_server *h, void (*each)(void *arg, const sw_host *module, const sw_route *r), void *arg)
{
    for (const route *r = router_first(h->router); r; r = r->next)
        each(arg, r->module, &r->row);
}

/* ---- doors ---- */

/* The one that was opened last. */
static void close_door(http_server *h)
{
    entrance *by = h->doors;
    h->doors = by->next;
    if (by->evhttp)
        evhttp_free(by->evhttp);
    router_free(by->router);
    free(by);
}

static bool add_door_routes(router *r, const http_door *door, sw_host *module, char *error, size_t error_size)
{
    for (size_t i = 0; i < door->route_count; i++) {
        sw_route row = door->routes[i];
        row.access = SW_PUBLIC; /* who has come in is not asked for a token */
        if (!router_add(r, module, &row, ROUTE_PLAIN, error, error_size))
            return false;
    }
    return true;
}

bool http_open_door(http_server *h, const http_door *door, sw_host *module, int fd, char *error, size_t error_size)
{
    entrance *by = calloc(1, sizeof *by);
    snprintf(error, error_size, "out of memory");
    if (!by) {
        close(fd);
        return false;
    }
    *by = (entrance){.home = h->loops[0], .door = door, .router = router_new(), .next = h->doors};
    h->doors = by;
    bool fine = by->router && add_door_routes(by->router, door, module, error, error_size) && open_evhttp(by);
    if (!fine)
        close(fd);
    else
        fine = listener_add(by, fd, error, error_size);
    if (!fine)
        close_door(h);
    return fine;
}

/* ---- the end ---- */

static void drain(mail *m, loop *on)
{
    http_loop *l = on->http;
    (void)m;
    l->draining = true;
    listener_close(l);
}

void http_drain(http_server *h)
{
    for (unsigned i = 0; i < h->loop_count; i++) {
        h->loops[i]->drain_mail.run = drain;
        loop_post(h->loops[i]->loop, &h->loops[i]->drain_mail);
    }
}

unsigned http_in_flight(const http_server *h)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < h->loop_count; i++)
        sum += atomic_load_explicit(&h->loops[i]->in_flight, memory_order_relaxed);
    return (unsigned)sum;
}

/* Answers that never came home: their lanes are gone, so nobody works on them. */
static void forget_answers(http_loop *l)
{
    for (exchange *x; (x = TAILQ_FIRST(&l->busy));)
        exchange_free(x);
}

static void loop_free(http_loop *l)
{
    for (exchange *x; (x = TAILQ_FIRST(&l->spare));) {
        TAILQ_REMOVE(&l->spare, x, entry);
        free(x);
    }
    if (l->port.evhttp)
        evhttp_free(l->port.evhttp); /* connections too: they become dead ones */
    conn_loop_close(l);
    free(l->metrics);
    l->loop->http = NULL;
}

void http_close(http_server *h)
{
    if (!h)
        return;
    for (unsigned i = 0; i < h->loop_count; i++)
        forget_answers(h->loops[i]);
    while (h->doors)
        close_door(h);
    for (unsigned i = 0; i < h->loop_count; i++)
        loop_free(h->loops[i]);
    for (unsigned i = 0; i < h->loop_count; i++)
        free(h->loops[i]);
    free(h->loops);
    router_free(h->router);
    rates_free(h->rates);
    cors_rules_free(h->cors);
    streams_free(h->rt->streams);
    h->rt->streams = NULL;
    free(h);
}

/* ---- settings: [server], [limits] and [log] ---- */

static bool read_trusted(http_settings *s, const config *c, char *error, size_t error_size)
{
    size_t count = config_list_count(c, "server.trusted_proxies");
    for (size_t i = 0; i < count; i++) {
        const char *text = config_list_item(c, "server.trusted_proxies", i);
        if (i == TRUSTED_MAX || !address_range_parse(text, &s->trusted[i])) {
            snprintf(error, error_size, "server.trusted_proxies: %s is no address or network, or one too many", text);
            return false;
        }
    }
    s->trusted_count = count;
    return true;
}

static bool read_hosts(http_settings *s, const config *c, char *error, size_t error_size)
{
    s->host_count = config_list_count(c, "server.hosts");
    if (s->host_count > HOSTS_MAX) {
        snprintf(error, error_size, "server.hosts: more than %d", HOSTS_MAX);
        return false;
    }
    for (size_t i = 0; i < s->host_count; i++)
        s->hosts[i] = config_list_item(c, "server.hosts", i);
    return true;
}

/* What the limit of open files leaves for them. */
static uint32_t connections_of_limit(void)
{
    uint64_t files = open_files_raise(NULL);
    if (files > CONNECTIONS_MAX + DESCRIPTOR_RESERVE)
        return CONNECTIONS_MAX;
    if (files < 2 * DESCRIPTOR_RESERVE)
        return (uint32_t)(files / 2);
    return (uint32_t)files - DESCRIPTOR_RESERVE;
}

/* false: `error` says what is wrong. */
static bool settings_read(http_settings *s, const config *c, char *error, size_t error_size)
{
    uint32_t possible = connections_of_limit();
    *s = (http_settings){
        .host = config_text(c, "server.host"),
        .port = (int)config_int(c, "server.port"),
        .backlog = (int)config_int(c, "server.backlog"),
        .body = (size_t)config_int(c, "limits.body"),
        .large_body = (size_t)config_int(c, "limits.large_body"),
        .header_bytes = (size_t)config_int(c, "limits.header_bytes"),
        .header_timeout = config_int(c, "limits.header_timeout"),
        .body_timeout = config_int(c, "limits.body_timeout"),
        .idle_timeout = config_int(c, "limits.idle_timeout"),
        .reply_stall = config_int(c, "limits.reply_stall"),
        .connections = (uint32_t)config_int(c, "limits.connections"),
        .connections_per_address = (uint32_t)config_int(c, "limits.connections_per_address"),
        .per_address_loopback = config_bool(c, "limits.per_address_loopback"),
        .memory = (size_t)config_int(c, "limits.memory"),
        .rate = (uint32_t)config_int(c, "limits.requests_per_second_per_address"),
        .bad_tokens = (uint32_t)config_int(c, "limits.bad_tokens_per_address"),
        .access_log = config_bool(c, "log.access"),
        .check_origin = config_bool(c, "ws.check_origin"),
        .health_unavailable = config_bool(c, "server.health_unavailable"),
    };
    if (s->connections == 0 || s->connections > possible)
        s->connections = possible;
    if (s->large_body < s->body)
        s->large_body = s->body;
    return read_trusted(s, c, error, error_size) && read_hosts(s, c, error, error_size);
}

/* ---- listening sockets ---- */

/* The TCP port accepts no more, for good. On the loop. */
static void listener_close(http_loop *l)
{
    if (l->port.bound)
        evhttp_del_accept_socket(l->port.evhttp, l->port.bound);
    l->port.bound = NULL;
    l->port.listener = NULL;
    l->accept_paused = false;
}

/* accept() failed: no descriptors or memory left. It would fail again at once, so it rests. */
static void on_error(struct evconnlistener *listener, void *evhttp_)
{
    int why = errno;
    http_loop *l = loop_current()->http;
    (void)evhttp_;
    tick(l);
    evconnlistener_disable(listener); /* a door's, perhaps */
    accept_pause(l, RETRY_MS);
    if (l->complained_ms && l->clock.mono_ms - l->complained_ms < COMPLAIN_MS)
        return;
    l->complained_ms = l->clock.mono_ms;
    log_warn("http", "accepting connections pauses: %s", strerror(why));
}

bool listener_add(entrance *by, int fd, char *error, size_t error_size)
{
    http_loop *l = by->home;
    if (listen(fd, l->server->settings.backlog) != 0) {
        snprintf(error, error_size, "listen: %s", strerror(errno));
        close(fd);
        return false;
    }
    by->listener = evconnlistener_new(l->loop->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    by->bound = by->listener ? evhttp_bind_listener(by->evhttp, by->listener) : NULL;
    if (!by->bound) {
        snprintf(error, error_size, "out of memory");
        if (by->listener)
            evconnlistener_free(by->listener);
        else
            close(fd);
        by->listener = NULL;
        return false;
    }
    evconnlistener_set_error_cb(by->listener, on_error);
    return true;
}
