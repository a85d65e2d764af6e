/* What the socket tells, on the outbound thread: opened, a message, ended. Nothing here blocks; work is handed on. */
#include "feishu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool mine(const feishu *f, uint64_t handle)
{
    return handle == f->client.handle;
}

static void on_opened(void *arg, uint64_t handle)
{
    feishu *f = arg;
    client *c = &f->client;

    pthread_mutex_lock(&f->lock);
    if (mine(f, handle) && c->phase == CLIENT_OPENING) {
        c->phase = CLIENT_OPEN;
        c->opened_ms = c->heard_ms = sw_monotonic_ms();
        c->pinged_ms = 0;
        c->failing = false;
        c->error[0] = c->told[0] = '\0';
        c->connects++;
        sw_log(f->host, SW_LOG_INFO, "connected");
        note_later(f, c->target.connector_id, "success", "ws_connected", "Feishu WS client connected");
        (void)client_ping(f); /* a failure shows as an end */
        survey_wanted(f, c->opened_ms);
    }
    pthread_mutex_unlock(&f->lock);
}

/* ---- frames ---- */

/* A pong may bring another configuration. It is a small JSON text; it is read as a task, since reading needs one. */
static sw_status take_config(sw_request *req)
{
    feishu *f = sw_request_state(req);
    char text[512];

    pthread_mutex_lock(&f->lock);
    snprintf(text, sizeof text, "%s", f->client.pong);
    pthread_mutex_unlock(&f->lock);
    const sw_value *v = sw_json_parse(req, text, strlen(text));
    pthread_mutex_lock(&f->lock);
    client *c = &f->client;
    int64_t before = c->config.ping_ms;
    link_config_take(&c->config, v);
    if (c->config.ping_ms != before && c->next_ping_ms > sw_monotonic_ms() + c->config.ping_ms)
        c->next_ping_ms = sw_monotonic_ms() + c->config.ping_ms;
    pthread_mutex_unlock(&f->lock);
    return SW_OK;
}

static void on_control(feishu *f, const frame *in)
{
    client *c = &f->client;

    if (!frame_str_is(frame_header_get(in, "type"), "pong") || in->payload.len == 0 ||
        in->payload.len >= sizeof c->pong)
        return;
    if (strlen(c->pong) == in->payload.len && memcmp(c->pong, in->payload.at, in->payload.len) == 0)
        return; /* as the last one */
    memcpy(c->pong, in->payload.at, in->payload.len);
    c->pong[in->payload.len] = '\0';
    (void)sw_task_run(f->host, SW_LANE_WORKER, take_config, 0);
}

static char *copy(const void *from, size_t len)
{
    char *to = malloc(len + 1);

    if (to) {
        memcpy(to, from, len);
        to[len] = '\0';
    }
    return to;
}

static void on_data(feishu *f, uint64_t handle, const frame *in, const void *bytes, size_t len)
{
    sw_str payload = {"", 0};
    sw_str type = frame_header_get(in, "type");

    if (!frame_str_is(type, "event") && !frame_str_is(type, "card"))
        return;
    fragments_answer answer = fragments_add(f->client.parts, in, sw_monotonic_ms(), &payload);
    if (answer == FRAGMENTS_BAD)
        sw_log(f->host, SW_LOG_WARN, "an event in parts makes no sense: dropped");
    if (answer != FRAGMENTS_WHOLE)
        return;
    arrival *a = calloc(1, sizeof *a);
    if (!a)
        return;
    *a = (arrival){.f = f,
                   .handle = handle,
                   .came_ms = sw_monotonic_ms(),
                   .frame = copy(bytes, len),
                   .frame_len = len,
                   .payload = copy(payload.at, payload.len),
                   .len = payload.len};
    if (a->frame && a->payload)
        inbound_push(f, a);
    else
        arrival_free(a);
}

static void on_message(void *arg, uint64_t handle, bool binary, const void *data, size_t len)
{
    feishu *f = arg;
    client *c = &f->client;
    frame in;

    pthread_mutex_lock(&f->lock);
    int64_t now = sw_monotonic_ms();
    bool open = mine(f, handle) && c->phase == CLIENT_OPEN && !f->paused;
    if (open) {
        c->heard_ms = now;
        c->pinged_ms = 0;
    }
    const char *error = open && binary ? frame_decode(data, len, &in) : NULL;
    if (open && binary && !error && in.method == FRAME_CONTROL)
        on_control(f, &in);
    pthread_mutex_unlock(&f->lock);
    if (!open)
        return; /* not acknowledged: it comes again */
    if (!binary)
        sw_log(f->host, SW_LOG_DEBUG, "a text message was ignored");
    else if (error)
        sw_log(f->host, SW_LOG_WARN, "a frame cannot be read: %s", error);
    else if (in.method == FRAME_DATA)
        on_data(f, handle, &in, data, len);
}

/* ---- the end ---- */

static link_end describe(const sw_ws_end *why, char out[FEISHU_ERROR_MAX])
{
    if (why->opened && why->close_code) {
        snprintf(out, FEISHU_ERROR_MAX, "the service closed the connection (%d)", why->close_code);
        return LINK_DROPPED;
    }
    if (why->opened) {
        snprintf(out, FEISHU_ERROR_MAX, "the connection was lost");
        return LINK_DROPPED;
    }
    int64_t status = *why->handshake_status ? strtoll(why->handshake_status, NULL, 10) : why->http_status;
    int64_t code = strtoll(why->handshake_code, NULL, 10);
    link_end how = link_class_of_handshake(status, code);
    const char *text = how == LINK_CROWDED       ? "too many connections of this app"
                       : how == LINK_REFUSED     ? "forbidden"
                       : *why->handshake_message ? why->handshake_message
                                                 : why->error;
    if (status)
        snprintf(out, FEISHU_ERROR_MAX, "connection refused: %s (status %lld, code %lld)", text, (long long)status,
                 (long long)code);
    else
        snprintf(out, FEISHU_ERROR_MAX, "cannot connect: %s", text);
    return how;
}

static void on_ended(void *arg, uint64_t handle, const sw_ws_end *why)
{
    feishu *f = arg;
    client *c = &f->client;
    char error[FEISHU_ERROR_MAX];

    link_end how = describe(why, error);
    pthread_mutex_lock(&f->lock);
    if (mine(f, handle)) {
        c->handle = 0;
        c->closing_ms = 0;
        if (c->phase == CLIENT_OPENING || c->phase == CLIENT_OPEN)
            client_ended(f, how, error);
        else if (c->phase == CLIENT_WAITING && c->due_ms == 0)
            (void)sw_task_run(f->host, SW_LANE_WORKER, supervise_tick, 0); /* made room for another: at once */
    }
    pthread_mutex_unlock(&f->lock);
}

const sw_ws_call CLIENT_CALLS = {
    .size = sizeof CLIENT_CALLS,
    .opened = on_opened,
    .message = on_message,
    .ended = on_ended,
};
