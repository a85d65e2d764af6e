#include "core/base/log.h"
#include "core/base/table.h"
#include "core/ws/socket.h"
#include "core/ws/ws_event.h"

#include <stdlib.h>
#include <string.h>

/* Room in a frame for what is written around a payload. */
enum { FRAME_ROOM = 64 * 1024, MEMORY_SHARES = 4 };

/* ---- one loop ---- */

int64_t hub_now(hub_loop *hl)
{
    return hl->now_ms = sw_monotonic_ms();
}

void hub_arm(hub_loop *hl, int64_t due_ms)
{
    if (!hl->timer || (hl->timer_ms != 0 && hl->timer_ms <= due_ms))
        return;
    int64_t in = due_ms > hl->now_ms ? due_ms - hl->now_ms : 0;
    struct timeval wait = {.tv_sec = (time_t)(in / 1000), .tv_usec = (suseconds_t)(in % 1000 * 1000)};
    hl->timer_ms = due_ms;
    event_add(hl->timer, &wait);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    hub_loop *hl = arg;
    hl->timer_ms = 0;
    hub_now(hl);
    for (wheel_node *n; (n = wheel_expire(&hl->wheel, hl->now_ms));)
        socket_tick((ws_socket *)(void *)((char *)n - offsetof(ws_socket, timer)));
    int64_t next = wheel_next(&hl->wheel);
    if (next >= 0)
        hub_arm(hl, next);
}

static void on_chores(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    hub_now(arg);
    socket_run_chores(arg);
}

static bool loop_init(struct hub *h, hub_loop *hl, loop *l)
{
    hl->hub = h;
    hl->loop = l;
    hl->chores_end = &hl->chores;
    wheel_init(&hl->wheel, hub_now(hl));
    hl->timer = event_new(l->base, -1, 0, on_timer, hl);
    hl->chores_event = event_new(l->base, -1, 0, on_chores, hl);
    hl->spare = calloc(1, sizeof *hl->spare);
    hl->deflate = h->o.compression ? deflater_new() : NULL;
    l->ws = hl;
    return hl->timer && hl->chores_event && hl->spare;
}

static void loop_done(hub_loop *hl)
{
    if (hl->chores_event)
        event_free(hl->chores_event);
    if (hl->timer)
        event_free(hl->timer);
    hl->chores_event = hl->timer = NULL;
    for (ws_socket *s = hl->all, *next; s; s = next) {
        next = s->next;
        socket_ref(s);
        ws_event_drop_waiting(s);
        socket_end(s);
        socket_unref(s);
    }
    socket_run_chores(hl);
    free(hl->buckets);
    free(hl->spare);
    deflater_free(hl->deflate);
    if (hl->loop)
        hl->loop->ws = NULL;
}

/* ---- modules ---- */

bool hub_add_module(struct hub *h, sw_host *module, char *error, size_t error_size)
{
    const sw_plugin *p = module->plugin;
    for (uint32_t i = 0; i < p->frames.count; i++) {
        sw_frame_handler row;
        table_row(p->frames, i, &row, sizeof row);
        if (row.lane == 0)
            row.lane = SW_LANE_WORKER;
        if (!row.type || !row.handle) {
            snprintf(error, error_size, "%s: a frame type without name or handler", module->name);
            return false;
        }
        if (!frame_types_add(&h->types, module, &row, error, error_size))
            return false;
    }
    if (!p->recovery)
        return true;
    if (h->recovery_host) {
        snprintf(error, error_size, "%s and %s both own stored frames", h->recovery_host->name, module->name);
        return false;
    }
    memcpy(&h->recovery, p->recovery, p->recovery->size < sizeof h->recovery ? p->recovery->size : sizeof h->recovery);
    h->recovery_host = module;
    return true;
}

/* ---- the whole ---- */

static void read_options(struct hub *h)
{
    const config *c = h->rt->config;
    h->o = (hub_options){
        .message = (size_t)config_int(c, "ws.message"),
        .payload = (size_t)config_int(c, "ws.payload"),
        .queue = (size_t)config_int(c, "ws.queue"),
        .in_flight_bytes = (size_t)config_int(c, "ws.in_flight_bytes"),
        .in_flight_frames = (uint32_t)config_int(c, "ws.in_flight_frames"),
        .errors_per_minute = (uint32_t)config_int(c, "ws.errors_per_minute"),
        .sockets = (uint32_t)config_int(c, "ws.sockets"),
        .writer_queue = (uint32_t)(config_int(c, "storage.queue") * 3 / 4),
        .ping_ms = config_int(c, "ws.ping_interval"),
        .dead_ms = config_int(c, "ws.dead_after"),
        .rate_frames = config_int(c, "ws.rate_frames"),
        .rate_bytes = config_int(c, "ws.rate_bytes"),
        .burst_ms = config_int(c, "ws.rate_burst"),
        .rate_close_ms = config_int(c, "ws.rate_close_after"),
        .compression = config_bool(c, "ws.compression"),
    };
    /* A relayed payload may be as long as a message, and an escaped text six times as long as it was. */
    h->o.frame_limit = (h->o.message > 6 * h->o.payload ? h->o.message : 6 * h->o.payload) + FRAME_ROOM;
    h->o.share = (size_t)config_int(c, "limits.memory") / MEMORY_SHARES / h->loop_count;
}

static void close_user(runtime *rt, int64_t user_id, int code, const char *reason)
{
    hub_close_user(rt->hub, user_id, code, reason);
}

static void close_all(runtime *rt, int code, const char *reason)
{
    hub_close_all(rt->hub, code, reason);
}

hub *hub_open(runtime *rt)
{
    struct hub *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->rt = rt;
    h->loop_count = rt->loop_count;
    h->loops = calloc(h->loop_count, sizeof *h->loops);
    h->presence = presence_new(h->loop_count);
    h->self = (sw_host){.rt = rt, .name = "core"};
    atomic_init(&h->self.status, MODULE_ENABLED);
    frame_types_init(&h->types);
    h->ack_type = frame_types_find(&h->types, "ACK", 3);
    bool ok = h->loops && h->presence;
    if (ok)
        read_options(h);
    for (unsigned i = 0; ok && i < h->loop_count; i++)
        ok = loop_init(h, &h->loops[i], &rt->loops[i]);
    if (!ok) {
        hub_close(h);
        return NULL;
    }
    rt->hub = h;
    rt->close_user = close_user;
    rt->close_all = close_all;
    return h;
}

void hub_close(hub *h)
{
    if (!h)
        return;
    h->on_socket = NULL;
    for (unsigned i = 0; h->loops && i < h->loop_count; i++)
        if (h->loops[i].hub)
            loop_done(&h->loops[i]);
    if (h->rt->hub == h) {
        h->rt->hub = NULL;
        h->rt->close_user = NULL;
        h->rt->close_all = NULL;
    }
    presence_free(h->presence);
    free(h->loops);
    free(h);
}

void hub_on_socket(hub *h, hub_socket_event fn)
{
    h->on_socket = fn;
}

unsigned hub_open_sockets(const hub *h)
{
    return atomic_load(&h->open);
}

bool hub_user_online(const hub *h, int64_t user_id)
{
    return presence_loops(h->presence, user_id) != 0;
}

hub_numbers hub_read_numbers(const hub *h)
{
    hub_numbers n = {
        .open = atomic_load(&h->open),
        .slow_closed = atomic_load(&h->slow_closed),
        .dropped = atomic_load(&h->dropped),
        .errors = atomic_load(&h->errors),
    };
    for (unsigned i = 0; i < h->loop_count; i++)
        for (unsigned role = 1; role < ROLE_COUNT; role++)
            n.by_role[role] += atomic_load(&h->loops[i].role_count[role]);
    return n;
}

void hub_each_type(const hub *h, void (*each)(void *arg, const char *type, uint64_t in, uint64_t out), void *arg)
{
    for (unsigned i = 0; i < h->types.count; i++) {
        const frame_type *t = &h->types.all[i];
        each(arg, i == 0 ? "other" : t->row.type, atomic_load(&t->in), atomic_load(&t->out));
    }
}
