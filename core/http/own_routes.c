/* What http answers itself: the table of it, GET /api/ping, written on the loop without storage or allocation, and GET
 * /api/health, on a worker. What health tells is checked at most once a second, whoever asks: a read and a write of the
 * storage are tried, and the modules are asked. What the others are told is what was found last, and what the watch
 * over the storage knows at that moment. */
#include "core/http/own_routes.h"

#include "core/crash/crash_scope.h"
#include "core/runtime/storage_watch.h"
#include "core/runtime/thread.h"
#include <string.h>

enum { CHECK_EVERY_MS = 1000, SCRATCH_BYTES = 64 * 1024, WRITE_WAIT_MS = 500, ANSWER_MS = 3000 };

static sw_status ping_handle(sw_request *req);
static sw_status health_handle(sw_request *req);
static sw_status socket_handle(sw_request *req);

const own_route OWN_ROUTES[OWN_ROUTES_COUNT] = {
    {.row = {.method = SW_GET,
             .path = "/api/ping",
             .access = SW_PUBLIC,
             .lane = SW_LANE_LOOP,
             .handle = ping_handle,
             .summary = "Says that the process is alive.",
             .response = "{\"message\":\"pong\"}"},
     .kind = ROUTE_PING},
    {.row = {.method = SW_GET,
             .path = "/api/health",
             .access = SW_PUBLIC,
             .lane = SW_LANE_WORKER,
             .handle = health_handle,
             .flags = SW_WORK_URGENT,
             .summary = "Says whether the server is well; an ADMIN sees what was checked.",
             .response = "{\"status\":\"ok\"}"},
     .kind = ROUTE_HEALTH},
    {.row = {.method = SW_GET,
             .path = "/api/ws",
             .access = SW_PUBLIC,
             .lane = SW_LANE_LOOP,
             .handle = socket_handle,
             .flags = SW_WORK_URGENT, /* all that it does is to look a token up */
             .summary = "Opens a WebSocket; the token stands in ?token=, in Authorization or in the subprotocols."},
     .kind = ROUTE_SOCKET},
};

/* Never called: http answers it itself. */
static sw_status socket_handle(sw_request *req)
{
    return sw_fail(req, SW_NOT_FOUND, NULL, "not found");
}

/* ---- ping ---- */

void ping_answer(exchange *x)
{
    static const char PONG[] = "{\"message\":\"pong\"}";
    reply r = {.status = 200, .content_type = "application/json", .body = PONG, .len = sizeof PONG - 1};
    reply_send(x, &r);
}

/* The same as a handler, so that its route is like all others. */
static sw_status ping_handle(sw_request *req)
{
    sw_json *j = sw_reply_json(req, 200);
    sw_json_object_begin(j, NULL);
    sw_json_text(j, "message", "pong");
    sw_json_object_end(j);
    return SW_OK;
}

/* ---- health, while starting or draining ---- */

static void write_status(sw_request *req, int http_status, const char *status)
{
    sw_json *j = sw_reply_json(req, http_status);
    sw_json_object_begin(j, NULL);
    sw_json_text(j, "status", status);
    sw_json_object_end(j);
}

bool health_answer_now(exchange *x)
{
    const runtime *rt = x->home->server->rt;
    bool draining = rt->draining;
    if (!draining && rt->ready)
        return false;
    x->conn->close_after |= draining;
    write_status(&x->req, 503, draining ? "draining" : "starting");
    exchange_answer(x);
    return true;
}

/* ---- health: modules ---- */

static const char *state_name(module_state state)
{
    switch (state) {
    case MODULE_ENABLED:
        return "enabled";
    case MODULE_DRAINING:
        return "draining";
    case MODULE_QUARANTINED:
        return "quarantined";
    default:
        return "disabled";
    }
}

static bool is_core(const exchange *x, const sw_host *m)
{
    return m == &x->home->server->core || strcmp(m->name, "core") == 0;
}

/* Lets a plugin add to `out`; false: it is not well. Its callback runs as its own: with its state. */
static bool ask_module(sw_request *req, sw_host *m, sw_json *out)
{
    if (m->status != MODULE_ENABLED || !m->plugin || !m->plugin->health)
        return m->status != MODULE_QUARANTINED;
    sw_host *mine = req->host;
    req->host = m;
    crash_scope before = crash_enter(m, "health", req->work_kind, req->work_name);
    bool fine = m->plugin->health(req, out);
    crash_leave(before);
    req->host = mine;
    return fine;
}

static void check_modules(health *h, exchange *x)
{
    const runtime *rt = x->home->server->rt;
    bool fine = true;
    for (unsigned i = 0; i < rt->module_count; i++) {
        sw_json scratch;
        json_init(&scratch, SCRATCH_BYTES);
        sw_json_object_begin(&scratch, NULL);
        if (!is_core(x, rt->modules[i]))
            fine &= ask_module(&x->req, rt->modules[i], &scratch);
        json_done(&scratch);
    }
    h->modules_ok = fine;
}

/* At most once a second, whoever asks. true: this one looked. */
static bool look(health *h, exchange *x)
{
    int64_t now = sw_monotonic_ms(), last = h->checked_ms;
    if (last != 0 && now - last < CHECK_EVERY_MS)
        return false;
    if (!atomic_compare_exchange_strong(&h->checked_ms, &last, now))
        return false;
    int64_t before = now_ns();
    storage_try_read(x->home->server->rt);
    h->latency_us = (now_ns() - before) / 1000;
    check_modules(h, x);
    return true;
}

/* ---- health: the answer ---- */

static void write_plugins(sw_json *j, const exchange *x)
{
    const runtime *rt = x->home->server->rt;
    sw_json_object_begin(j, "plugins");
    for (unsigned i = 0; i < rt->module_count; i++)
        if (!is_core(x, rt->modules[i]))
            sw_json_text(j, rt->modules[i]->name, state_name((module_state)rt->modules[i]->status));
    sw_json_object_end(j);
}

/* What plugins add stands under their names, beside "storage" and "plugins". */
static void write_added(sw_json *j, exchange *x)
{
    const runtime *rt = x->home->server->rt;
    for (unsigned i = 0; i < rt->module_count; i++) {
        sw_host *m = rt->modules[i];
        if (is_core(x, m) || m->status != MODULE_ENABLED || !m->plugin || !m->plugin->health)
            continue;
        sw_json_object_begin(j, m->name);
        (void)ask_module(&x->req, m, j);
        sw_json_object_end(j);
    }
}

static void write_storage(sw_json *j, const health *h, const runtime *rt, const storage_verdict *v)
{
    storage_sizes sizes = storage_measure(rt);
    sw_json_object_begin(j, "storage");
    sw_json_bool(j, "ok", v->level == STORAGE_FINE);
    sw_json_double(j, "latency_ms", (double)h->latency_us / 1000);
    sw_json_int(j, "oldest_write_ms", v->oldest_write_ms);
    if (sizes.free_bytes >= 0)
        sw_json_int(j, "free_bytes", sizes.free_bytes);
    sw_json_object_end(j);
}

static void write_details(sw_json *j, const health *h, exchange *x, const storage_verdict *v)
{
    const runtime *rt = x->home->server->rt;
    sw_json_text(j, "version", rt->version ? rt->version : "");
    if (rt->safe_mode)
        sw_json_bool(j, "safe_mode", true);
    sw_json_int(j, "uptime_seconds", (sw_monotonic_ms() - rt->started_ms) / 1000);
    sw_json_object_begin(j, "checks");
    write_storage(j, h, rt, v);
    write_plugins(j, x);
    write_added(j, x);
    sw_json_object_end(j);
}

/* With what is known by now. */
static sw_status health_write(sw_request *req)
{
    exchange *x = exchange_of(req);
    const http_server *server = x->home->server;
    storage_verdict storage;
    storage_judge(server->rt, &storage);
    bool fails = storage.level == STORAGE_DOWN && server->settings.health_unavailable;
    sw_json *j = sw_reply_json(req, fails ? 503 : 200);
    sw_json_object_begin(j, NULL);
    sw_json_text(j, "status", storage.level == STORAGE_FINE && server->health.modules_ok ? "ok" : "degraded");
    if (storage.level != STORAGE_FINE)
        sw_json_text(j, "reason", storage.why);
    if (req->who.role == SW_ROLE_ADMIN)
        write_details(j, &server->health, x, &storage);
    sw_json_object_end(j);
    return SW_OK;
}

/* `tag`: the answer that has waited long enough. */
static sw_status stop_waiting(sw_request *req)
{
    (void)sw_complete(sw_request_host(req), (uint64_t)sw_request_tag(req));
    return SW_OK;
}

/* Who looks also has a write tried, and waits a moment for what comes of it; no longer, since a disk may hang. */
static sw_status health_handle(sw_request *req)
{
    exchange *x = exchange_of(req);
    http_server *server = x->home->server;
    if (!look(&server->health, x))
        return health_write(req);
    uint64_t answer = sw_defer(req, SW_LANE_WORKER, health_write, ANSWER_MS);
    if (!answer || !storage_try_write(server->rt, &server->core, answer))
        return health_write(req);
    (void)sw_task_after(&server->core, SW_LANE_WORKER, stop_waiting, (int64_t)answer, WRITE_WAIT_MS);
    return sw_deferred(req);
}
