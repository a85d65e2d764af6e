/* The front door: what webhook declares, and its life. */
#include "webhook.h"

#include <stdlib.h>
#include <string.h>

static const sw_option OPTIONS[] = {
    {.name = "url",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .flags = SW_OPTION_LIVE,
     .summary = "Where messages are posted: https, or http to a loopback host. Empty: nothing is posted."},
    {.name = "secret",
     .type = SW_OPTION_SECRET,
     .default_value = "",
     .flags = SW_OPTION_LIVE,
     .summary = "Signs what is posted; the receiver has it too. At least 16 bytes: openssl rand -hex 32."},
    {.name = "levels",
     .type = SW_OPTION_LIST,
     .default_value = "",
     .flags = SW_OPTION_LIVE,
     .summary = "Post only messages of these levels; empty: of all."},
    {.name = "agents",
     .type = SW_OPTION_LIST,
     .default_value = "",
     .flags = SW_OPTION_LIVE,
     .summary = "Post only messages with these agent ids; empty: with any."},
    {.name = "contains",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .max = 256,
     .flags = SW_OPTION_LIVE,
     .summary = "Post only messages whose content holds this text; empty: all."},
    {.name = "attempts",
     .type = SW_OPTION_INT,
     .default_value = "12",
     .min = 1,
     .max = 100,
     .flags = SW_OPTION_LIVE,
     .summary = "After so many attempts a delivery is dead."},
    {.name = "backoff",
     .type = SW_OPTION_DURATION,
     .default_value = "1s",
     .min = 10,
     .max = 3600000,
     .flags = SW_OPTION_LIVE,
     .summary = "The wait before the second attempt; it doubles from there."},
    {.name = "backoff_max",
     .type = SW_OPTION_DURATION,
     .default_value = "10m",
     .min = 10,
     .max = 86400000,
     .flags = SW_OPTION_LIVE,
     .summary = "The longest wait between two attempts."},
    {.name = "timeout",
     .type = SW_OPTION_DURATION,
     .default_value = "10s",
     .min = 100,
     .max = 300000,
     .flags = SW_OPTION_LIVE,
     .summary = "How long the receiver may take to answer."},
    {.name = "max_answer",
     .type = SW_OPTION_SIZE,
     .default_value = "64K",
     .min = 1024,
     .max = 1048576,
     .flags = SW_OPTION_LIVE,
     .summary = "The longest answer that is read; nothing is done with its body."},
    {.name = "queue",
     .type = SW_OPTION_INT,
     .default_value = "10000",
     .min = 1,
     .max = 1000000,
     .flags = SW_OPTION_LIVE,
     .summary = "As many deliveries may wait; further messages are not posted, which the health counts as dropped."},
    {.name = "keep",
     .type = SW_OPTION_DURATION,
     .default_value = "7d",
     .min = 0,
     .max = INT64_MAX,
     .flags = SW_OPTION_LIVE,
     .summary = "How long delivered and dead ones are remembered."},
    {.name = "behind",
     .type = SW_OPTION_DURATION,
     .default_value = "5m",
     .min = 1000,
     .max = 86400000,
     .flags = SW_OPTION_LIVE,
     .summary = "When the oldest delivery waits longer than this, the health is degraded."},
};

#define EXAMPLE                                                                                                      \
    "{\"id\":1,\"delivery_id\":\"6f0c…\",\"message_id\":7,\"state\":\"dead\",\"attempts\":12,\"last_status\":500," \
    "\"last_error\":\"HTTP 500\",\"created_at\":\"2026-03-05T21:42:08.123Z\"}"

static const sw_route ROUTES[] = {
    {.method = SW_GET,
     .path = "/api/webhook/deliveries",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = get_deliveries,
     .summary = "The deliveries, newest first; by state, if one is given.",
     .response = "[" EXAMPLE "]"},
    {.method = SW_POST,
     .path = "/api/webhook/deliveries/:id/retry",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_retry,
     .summary = "A dead delivery is tried again, from its first attempt.",
     .response = EXAMPLE},
};

static sw_status on_reset(sw_tx *tx, const void *data)
{
    (void)data;
    return store_clear(tx);
}

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_MESSAGE_STORED, .in_tx = on_message},
    {.event = SW_EVENT_STORE_RESET, .in_tx = on_reset},
};

/* ---- upkeep ---- */

static sw_status look(sw_request *req)
{
    courier_wake(sw_request_state(req), false);
    return SW_OK;
}

static const sw_timer TIMERS[] = {
    {.name = "look", .every_ms = 2000, .run = look},
};

static sw_status forget(sw_tx *tx, bool *ret_more)
{
    return store_forget(tx, sw_tx_now(tx) - sw_option_int(sw_tx_host(tx), "keep"), ret_more);
}

static const sw_housekeeping HOUSEKEEPING[] = {
    {.name = "forget", .every_ms = 5000, .step = forget},
};

/* Also the metrics: steward_plugin_health{plugin="webhook",name="pending"} and so on. */
static bool health(sw_request *req, sw_json *out)
{
    const sw_host *host = sw_request_host(req);
    backlog b = {0};

    if (store_backlog(sw_request_db(req), &b) != SW_OK)
        return false;
    int64_t behind_ms = b.oldest_ms ? sw_now_ms() - b.oldest_ms : 0;
    sw_json_bool(out, "configured", webhook_configured(host));
    sw_json_int(out, "pending", b.pending);
    sw_json_int(out, "behind_seconds", behind_ms / 1000);
    sw_json_int(out, "dead", b.dead);
    sw_json_int(out, "dropped", b.dropped);
    return behind_ms <= sw_option_int(host, "behind") && b.pending < sw_option_int(host, "queue");
}

/* ---- life ---- */

static bool secret_fits(const sw_host *host)
{
    return !*sw_option_text(host, "url") || webhook_configured(host);
}

static sw_status start(sw_host *host, void **ret_state)
{
    if (!secret_fits(host)) {
        sw_log(host, SW_LOG_ERROR, "secret must have at least %d bytes; make one with: openssl rand -hex 32",
               SECRET_MIN);
        return SW_INVALID;
    }
    webhook *w = calloc(1, sizeof *w);
    if (!w)
        return SW_NO_MEMORY;
    w->host = host;
    w->courier = COURIER_RESTS;
    pthread_mutex_init(&w->lock, NULL);
    *ret_state = w;
    return SW_OK;
}

static void reconfigure(sw_host *host, void *state)
{
    if (!secret_fits(host))
        sw_log(host, SW_LOG_ERROR, "nothing is posted: secret must have at least %d bytes", SECRET_MIN);
    courier_wake(state, true);
}

static void switched(sw_host *host, void *state, bool enabled)
{
    webhook *w = state;

    (void)host;
    pthread_mutex_lock(&w->lock);
    w->disabled = !enabled;
    pthread_mutex_unlock(&w->lock);
    if (enabled)
        courier_wake(w, true);
}

static void stop(void *state)
{
    webhook *w = state;

    if (!w)
        return;
    pthread_mutex_destroy(&w->lock);
    free(w);
}

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "webhook",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "Posts stored messages to a URL, signed, with retries.",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .statements = SW_TABLE(STATEMENTS),
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .timers = SW_TABLE(TIMERS),
    .health = health,
    .start = start,
    .reconfigure = reconfigure,
    .stop = stop,
    .switched = switched,
};
