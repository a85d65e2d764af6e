/* The connection's life: wanted, asked for, opened, pinged, lost, tried again. What it is stands under the lock: the
 * tick changes it on a worker, discovery, which asks for an address before each attempt, on the slow lane, and the
 * socket's callbacks on the outbound thread, which blocks nowhere and hands work on. There is one socket at a time:
 * nobody dials before `ended` of the last one has come. */
#include "feishu.h"
#include "link/feishu_frame.h"
#include "words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STABLE_MS = 60 * 1000,   /* a connection that lasted so long was a good one          */
    KILL_AFTER_MS = 4000,    /* a close handshake that takes longer                      */
    FORGET_AFTER_MS = 10000, /* a socket whose end was not told, which should not happen */
    AGAIN_MS = 500,          /* the slow lane was full                                   */
    STEP_MS = 1000,          /* the first wait after a failure                           */
    ASLEEP_MS = 10000,       /* so much further went the wall clock: the machine slept   */
    CLOSE_NORMAL = 1000
};
enum { ASK_TIMEOUT_MS = 15000, ASK_ANSWER_MAX = 64 * 1024 };

static const char ENDPOINT[] = "/callback/ws/endpoint";

/* ---- its log: one line, and one row, for each change ---- */

static void tell_stopped(feishu *f)
{
    sw_log(f->host, SW_LOG_INFO, "connection stopped");
    note_later(f, f->client.target.connector_id, "info", "ws_disconnected", "Feishu WS SDK client stopped");
}

static void tell_starting(feishu *f)
{
    sw_log(f->host, SW_LOG_INFO, "connecting %s by %s", f->client.target.app_id, f->client.target.base);
    note_later(f, f->client.target.connector_id, "info", "ws_connecting", "Feishu WS SDK client starting");
}

/* The same failure again is not told. */
static void tell_ended(feishu *f, link_end how, const char *error, int64_t wait_ms)
{
    client *c = &f->client;

    if (how == LINK_DROPPED && !c->failing) {
        sw_log(f->host, SW_LOG_INFO, "%s; connecting again in %.1f s", error, (double)wait_ms / 1000);
        note_later(f, c->target.connector_id, "info", "ws_disconnected", "%s", error);
    } else if (strcmp(c->told, error) != 0) {
        sw_log(f->host, SW_LOG_WARN, "%s; trying again in %.1f s and later", error, (double)wait_ms / 1000);
        note_later(f, c->target.connector_id, "error", "ws_client_error", "%s", error);
        snprintf(c->told, sizeof c->told, "%s", error);
    }
}

/* ---- ends ---- */

/* Ends the socket; `ended` follows. */
static void hang_up(feishu *f, int code)
{
    client *c = &f->client;

    if (!c->handle)
        return;
    if (!c->closing_ms)
        c->closing_ms = sw_monotonic_ms();
    sw_ws_close(f->host, c->handle, code);
}

static uint32_t chance(void)
{
    uint32_t number = 0;

    if (sw_random(&number, sizeof number) != SW_OK)
        return (uint32_t)sw_now_ms();
    return number;
}

/* Tests look more often, and get a shorter first wait with it. */
static int64_t first_step(const feishu *f)
{
    int64_t every = sw_option_int(f->host, "ws_reconnect_interval");

    return every > 0 && every < STEP_MS ? every : STEP_MS;
}

/* The attempt or the connection has ended; the next one follows after its wait. `error` is one line without secrets. */
static void client_ended(feishu *f, link_end how, const char *error)
{
    client *c = &f->client;
    int64_t now = sw_monotonic_ms();

    if (c->opened_ms && now - c->opened_ms >= STABLE_MS)
        c->failures = 0;
    c->failing = how != LINK_DROPPED || c->failures > 0;
    int64_t wait = link_wait(&c->config, how, c->failures, first_step(f), chance());
    tell_ended(f, how, error, wait);
    c->failures++;
    c->opened_ms = c->pinged_ms = 0;
    c->phase = CLIENT_WAITING;
    c->due_ms = now + wait;
    snprintf(c->error, sizeof c->error, "%s", error);
}

/* ---- what is wanted ---- */

static bool same(const client_target *a, const client_target *b)
{
    return a->wanted == b->wanted && (!a->wanted || memcmp(a->key, b->key, sizeof a->key) == 0);
}

void client_want(feishu *f, const client_target *target)
{
    client *c = &f->client;

    if (f->paused && target->wanted)
        return;
    if (same(&c->target, target)) {
        c->target.connector_id = target->connector_id;
        return;
    }
    if (c->target.wanted)
        tell_stopped(f);
    hang_up(f, CLOSE_NORMAL);
    c->attempt++; /* an answer that is under way comes too late */
    c->target = *target;
    c->phase = target->wanted ? CLIENT_WAITING : CLIENT_OFF;
    c->due_ms = 0;
    c->failures = 0;
    c->failing = false;
    c->opened_ms = c->pinged_ms = 0;
    c->error[0] = c->told[0] = '\0';
    c->config = link_config_default();
    f->token.fresh_until_ms = f->token.retry_ms = 0;
    f->token.told[0] = '\0';
    f->bot = (bot_info){.asking = f->bot.asking};
    if (target->wanted)
        tell_starting(f);
}

const char *client_status(feishu *f, const connector *k)
{
    client_target target;
    const char *status = "connecting";

    target_of(f, k, &target);
    pthread_mutex_lock(&f->lock);
    const client *c = &f->client;
    if (!target.wanted || f->paused)
        status = "not_connected";
    else if (same(&c->target, &target) && c->phase == CLIENT_OPEN)
        status = "connected";
    else if (same(&c->target, &target) && c->failing)
        status = "error";
    pthread_mutex_unlock(&f->lock);
    return status;
}

/* ---- what the socket tells, on the outbound thread: nothing here blocks ---- */

static bool mine(const feishu *f, uint64_t handle)
{
    return handle == f->client.handle;
}

static bool ping(feishu *f)
{
    client *c = &f->client;
    uint8_t encoded[256];
    frame out;

    frame_ping(&out, c->service);
    int64_t now = sw_monotonic_ms();
    if (!c->pinged_ms)
        c->pinged_ms = now;
    c->next_ping_ms = now + c->config.ping_ms;
    return frame_encoded_max(&out) <= sizeof encoded &&
           sw_ws_send(f->host, c->handle, true, encoded, frame_encode(&out, encoded));
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
        (void)ping(f); /* if it fails, the end of the socket follows */
        survey_wanted(f, c->opened_ms);
    }
    pthread_mutex_unlock(&f->lock);
}

/* ---- its frames ---- */

/* A pong may bring another configuration, a small JSON text. A task reads it, since the parser needs a request. */
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

    if (!text_is(frame_header_get(in, "type"), "pong") || in->payload.len == 0 || in->payload.len >= sizeof c->pong)
        return;
    if (strlen(c->pong) == in->payload.len && memcmp(c->pong, in->payload.at, in->payload.len) == 0)
        return; /* the same as the last one */
    memcpy(c->pong, in->payload.at, in->payload.len);
    c->pong[in->payload.len] = '\0';
    (void)sw_task_run(f->host, SW_LANE_WORKER, take_config, 0);
}

static void on_data(feishu *f, uint64_t handle, const frame *in, const void *data, size_t len)
{
    sw_str payload = {"", 0};
    sw_str type = frame_header_get(in, "type");

    if (!text_is(type, "event") && !text_is(type, "card"))
        return;
    fragments_answer answer = fragments_add(f->client.parts, in, sw_monotonic_ms(), &payload);
    if (answer == FRAGMENTS_BAD)
        sw_log(f->host, SW_LOG_WARN, "an event in parts makes no sense: dropped");
    if (answer == FRAGMENTS_WHOLE)
        inbound_push(f, handle, (sw_str){data, len}, payload);
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
        return; /* it is not acknowledged, so it comes again */
    if (!binary)
        sw_log(f->host, SW_LOG_DEBUG, "a text message was ignored");
    else if (error)
        sw_log(f->host, SW_LOG_WARN, "a frame cannot be read: %s", error);
    else if (in.method == FRAME_DATA)
        on_data(f, handle, &in, data, len);
}

/* ---- its end ---- */

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
            (void)sw_task_run(f->host, SW_LANE_WORKER, supervise_tick,
                              0); /* the next attempt was waiting for this end */
    }
    pthread_mutex_unlock(&f->lock);
}

static const sw_ws_call CALLS = {
    .size = sizeof CALLS,
    .opened = on_opened,
    .message = on_message,
    .ended = on_ended,
};

/* ---- discovery: asks for an address and connects; every attempt has an address of its own ---- */

static const char *credentials(sw_request *req, const connector *c)
{
    sw_json *out = sw_json_new(req);

    sw_json_object_begin(out, NULL);
    sw_json_text(out, "AppID", c->app_id);
    sw_json_text(out, "AppSecret", c->app_secret);
    sw_json_object_end(out);
    return sw_json_str(out).at;
}

/* Is that attempt still the latest? Under the lock. */
static bool current(const feishu *f, uint64_t attempt)
{
    return f->client.phase == CLIENT_ASKING && f->client.attempt == attempt;
}

static void attempt_failed(feishu *f, uint64_t attempt, link_end how, const char *error)
{
    pthread_mutex_lock(&f->lock);
    if (current(f, attempt))
        client_ended(f, how, error);
    pthread_mutex_unlock(&f->lock);
}

/* Writes the message of a failure, for the log. `text` is the service's: it is cut here, and the log takes control
 * characters out. */
static link_end explain(int64_t code, const char *text, char out[FEISHU_ERROR_MAX])
{
    link_end how = link_class_of_endpoint(code);
    const char *what = how == LINK_CROWDED   ? "too many connections of this app"
                       : how == LINK_REFUSED ? "rejected by the service"
                                             : "the service is busy";

    snprintf(out, FEISHU_ERROR_MAX, "endpoint: %s (code %lld: %.120s)", what, (long long)code, text);
    return how;
}

/* Reads the address and the configuration. On false `error` and *ret_how say why there are none. */
static bool read_answer(sw_request *req, const sw_http_answer *a, const char **ret_url, const sw_value **ret_config,
                        char error[FEISHU_ERROR_MAX], link_end *ret_how)
{
    *ret_how = LINK_FAILED;
    if (a->status != 200) {
        if (a->status)
            snprintf(error, FEISHU_ERROR_MAX, "endpoint: HTTP status %d", a->status);
        else
            snprintf(error, FEISHU_ERROR_MAX, "endpoint: %s", a->error);
        return false;
    }
    const sw_value *root = sw_json_parse(req, a->body, a->body_len);
    const sw_value *data = sw_value_get(root, "data");
    int64_t code = sw_value_int(sw_value_get(root, "code"), -1);
    const char *text = sw_value_text(sw_value_get(root, "msg"), NULL);
    if (sw_value_type(root) != SW_JSON_OBJECT || sw_value_type(sw_value_get(root, "code")) != SW_JSON_INT) {
        snprintf(error, FEISHU_ERROR_MAX, "endpoint: the answer is no such JSON");
        return false;
    }
    if (code != 0) {
        *ret_how = explain(code, text ? text : "", error);
        return false;
    }
    *ret_url = sw_value_text(sw_value_get(data, "URL"), NULL);
    *ret_config = sw_value_get(data, "ClientConfig");
    if (*ret_url && **ret_url)
        return true;
    snprintf(error, FEISHU_ERROR_MAX, "endpoint: the answer holds no address");
    return false;
}

static void dial(feishu *f, uint64_t attempt, const char *url, const sw_value *settings)
{
    char host[ADDRESS_MAX];
    sw_ws_call call = CALLS;
    client *c = &f->client;

    call.url = url;
    address_host(url, host);
    pthread_mutex_lock(&f->lock);
    if (current(f, attempt)) {
        link_config_take(&c->config, settings);
        c->service = address_service(url);
        c->phase = CLIENT_OPENING;
        c->closing_ms = 0;
        c->pong[0] = '\0';
        sw_status status = sw_ws_connect(f->host, &call, f, &c->handle);
        if (status == SW_INVALID)
            client_ended(f, LINK_FAILED, "endpoint: the address is not allowed (wss, or a loopback host)");
        else if (status != SW_OK)
            client_ended(f, LINK_FAILED, "no connection can be made now");
        else
            sw_log(f->host, SW_LOG_DEBUG, "opening a connection to %s", host);
    }
    pthread_mutex_unlock(&f->lock);
}

/* A task on the slow lane; its tag is the attempt. */
static sw_status discover(sw_request *req)
{
    feishu *f = sw_request_state(req);
    uint64_t attempt = (uint64_t)sw_request_tag(req);
    connector c;
    client_target target;
    char error[FEISHU_ERROR_MAX], url[ADDRESS_MAX + sizeof ENDPOINT];
    const char *address = NULL;
    const sw_value *settings = NULL;
    link_end how = LINK_FAILED;
    sw_http_answer answer = {.size = sizeof answer};
    static const char *const HEADERS[] = {"Content-Type: application/json", "locale: zh", NULL};

    if (connector_newest(f, sw_request_db(req), &c) != SW_OK) {
        attempt_failed(f, attempt, LINK_FAILED, "the connector cannot be read");
        return SW_OK;
    }
    target_of(f, &c, &target);
    snprintf(url, sizeof url, "%s%s", target.base, ENDPOINT);
    const char *body = credentials(req, &c);
    sw_http_call call = {.size = sizeof call,
                         .method = "POST",
                         .url = url,
                         .headers = HEADERS,
                         .body = body,
                         .body_len = body ? strlen(body) : 0,
                         .timeout_ms = ASK_TIMEOUT_MS,
                         .max_answer = ASK_ANSWER_MAX};
    pthread_mutex_lock(&f->lock);
    bool wanted = current(f, attempt) && memcmp(f->client.target.key, target.key, sizeof target.key) == 0;
    pthread_mutex_unlock(&f->lock);
    if (!wanted) /* the next look begins anew */
        attempt_failed(f, attempt, LINK_FAILED, "the connector has changed");
    else if (!body || sw_http_wait(req, &call, &answer) != SW_OK)
        attempt_failed(f, attempt, LINK_FAILED, "endpoint: cannot be asked now");
    else if (read_answer(req, &answer, &address, &settings, error, &how))
        dial(f, attempt, address, settings);
    else
        attempt_failed(f, attempt, how, error);
    return SW_OK;
}

/* ---- time ---- */

static void ask(feishu *f, int64_t now)
{
    client *c = &f->client;

    c->attempt++;
    c->phase = CLIENT_ASKING;
    if (sw_task_run(f->host, SW_LANE_SLOW, discover, (int64_t)c->attempt))
        return;
    c->phase = CLIENT_WAITING;
    c->due_ms = now + AGAIN_MS;
}

/* When nothing is heard after a ping, or a ping cannot be sent, the connection is dead, whatever TCP says. */
static void look_after(feishu *f, int64_t now)
{
    client *c = &f->client;
    int64_t patience = sw_option_int(f->host, "pong_timeout");
    int64_t max_age = sw_option_int(f->host, "connection_max_age");

    if (max_age > 0 && now - c->opened_ms >= max_age) {
        client_ended(f, LINK_DROPPED, "it had reached its greatest age");
        c->failing = false;
        c->due_ms = now;
        hang_up(f, CLOSE_NORMAL);
    } else if (c->pinged_ms && now - c->pinged_ms >= patience) {
        client_ended(f, LINK_DROPPED, "nothing was heard after a ping");
        hang_up(f, 0);
    } else if (now >= c->next_ping_ms && !ping(f)) {
        client_ended(f, LINK_DROPPED, "a ping could not be sent");
        hang_up(f, 0);
    }
}

static void look_after_end(feishu *f, int64_t now)
{
    client *c = &f->client;

    if (!c->handle || !c->closing_ms)
        return;
    if (now - c->closing_ms >= FORGET_AFTER_MS)
        c->handle = 0;
    else if (now - c->closing_ms >= KILL_AFTER_MS)
        sw_ws_close(f->host, c->handle, 0);
    if (!c->handle)
        c->closing_ms = 0;
}

/* Was this machine asleep? Then the connection is gone, and it makes no sense to wait. */
static bool slept(client *c, int64_t now)
{
    int64_t wall = sw_now_ms();
    int64_t ahead = (wall - c->tick_wall_ms) - (now - c->tick_ms);
    bool first = c->tick_ms == 0;

    c->tick_ms = now;
    c->tick_wall_ms = wall;
    return !first && ahead > ASLEEP_MS;
}

void client_tick(feishu *f, int64_t now)
{
    client *c = &f->client;

    if (slept(c, now)) {
        if (c->phase == CLIENT_OPEN) {
            client_ended(f, LINK_DROPPED, "this machine was asleep");
            hang_up(f, 0);
        }
        if (c->phase == CLIENT_WAITING && !c->failing)
            c->due_ms = now;
    }
    look_after_end(f, now);
    if (c->phase == CLIENT_WAITING && !c->handle && now >= c->due_ms)
        ask(f, now);
    else if (c->phase == CLIENT_OPEN)
        look_after(f, now);
}
