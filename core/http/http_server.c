/* Puts the parts together: settings, a part for each loop, routes, listeners; and takes them apart. On the main thread,
 * but for drain(), which runs on each loop. The http_server owns all of it. */
#include "core/http/conn.h"
#include "core/http/cors.h"
#include "core/http/guard.h"
#include "core/http/http_gate.h"
#include "core/http/http_listener.h"
#include "core/http/own_routes.h"
#include "core/http/rate.h"

#include "core/base/log.h"
#include "core/base/table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* evhttp's own limits stand above ours, so that a refusal is ours, as JSON. */
enum { ABOVE_OURS = 64 * 1024, LINGER_MS = 10000 };

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

static bool open_events(http_loop *l)
{
    l->newborn = event_new(l->loop->base, -1, 0, conn_newborn, l);
    l->timer = evtimer_new(l->loop->base, sweep_fired, l);
    return l->newborn && l->timer && open_evhttp(&l->port);
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
        if (!exchange_names_open(h->loops[i], i) || !open_events(h->loops[i]))
            return false;
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
    h->rates = rates_new(h->settings.rate);
    h->health = health_new();
    return rules && h->rates && h->health;
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
    h->authenticate = authenticate;
    h->authenticate_lane = SW_LANE_WORKER;
    h->take_over = take_over;
    h->read = gate_read;
    int port = 0;
    bool fine = read_settings(h, error, error_size) && open_routes(h, error, error_size) && open_loops(h) &&
                route_metrics_open(h) && listener_open(h, &port, error, error_size);
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
    if (!route_metrics_open(h)) {
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
    access_log_flush(l);
    conn_bury(l, 0);
    if (l->newborn)
        event_free(l->newborn);
    if (l->timer)
        event_free(l->timer);
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
    route_metrics_close(h);
    for (unsigned i = 0; i < h->loop_count; i++)
        free(h->loops[i]);
    free(h->loops);
    router_free(h->router);
    rates_free(h->rates);
    health_free(h->health);
    cors_rules_free(h->cors);
    free(h);
}
