/* feishu: read this file first. It holds the tables of what the plugin declares, and makes and ends its state on the
 * main thread, and tells how it is. feishu.h and README.md say the rest. */
#include "feishu.h"
#include <stdlib.h>

enum { GRACE_MS = 60 * 1000 };

static const sw_option OPTIONS[] = {
    {.name = "ws_enabled",
     .type = SW_OPTION_BOOL,
     .default_value = "false",
     .summary = "Whether to connect to Feishu or Lark at all; the connector must be enabled too.",
     .flags = SW_OPTION_LIVE | SW_OPTION_LENIENT,
     .env = "FEISHU_WS_ENABLED"},
    {.name = "ws_url",
     .type = SW_OPTION_STRING,
     .default_value = "wss://open.feishu.cn/open-apis/ws/v2",
     .summary =
         "Only its host counts, for all calls: open.feishu.cn, or open.larksuite.com for Lark; ws:// and http:// with"
         " a loopback host speak plain http, for tests.",
     .flags = SW_OPTION_LIVE | SW_OPTION_LENIENT,
     .env = "FEISHU_WS_URL"},
    {.name = "ws_reconnect_interval",
     .type = SW_OPTION_DURATION,
     .default_value = "5s",
     .min = 0,
     .max = 3600000,
     .summary = "How often the connector is looked at besides when it changes; the waits between connections are the"
                " service's.",
     .flags = SW_OPTION_LIVE | SW_OPTION_LENIENT,
     .env = "FEISHU_WS_RECONNECT_INTERVAL"},
    {.name = "pong_timeout",
     .type = SW_OPTION_DURATION,
     .default_value = "10s",
     .min = 100,
     .max = 300000,
     .summary = "A connection on which nothing was heard for so long after a ping is given up.",
     .flags = SW_OPTION_LIVE},
    {.name = "connection_max_age",
     .type = SW_OPTION_DURATION,
     .default_value = "0",
     .min = 0,
     .max = 604800000,
     .summary = "A connection this old is replaced, against a service that keeps it open but sends nothing more on it"
                " (6h to 12h, say); 0: never.",
     .flags = SW_OPTION_LIVE},
    {.name = "api_timeout",
     .type = SW_OPTION_DURATION,
     .default_value = "10s",
     .min = 100,
     .max = 300000,
     .summary = "How long a call of the Feishu API may take.",
     .flags = SW_OPTION_LIVE},
    {.name = "text_max",
     .type = SW_OPTION_SIZE,
     .default_value = "140K",
     .min = 2048,
     .max = 150000,
     .summary = "Longest request with a text message; longer replies go in pieces. Feishu takes 150 KB.",
     .flags = SW_OPTION_LIVE},
    {.name = "retention",
     .type = SW_OPTION_DURATION,
     .default_value = "30d",
     .min = 28800000,
     .max = INT64_C(315360000000),
     .summary = "How long messages are remembered as seen, and sent ones as sent; Feishu repeats for seven hours.",
     .flags = SW_OPTION_LIVE},
    {.name = "log_retention",
     .type = SW_OPTION_DURATION,
     .default_value = "90d",
     .min = 3600000,
     .max = INT64_C(315360000000),
     .summary = "How long rows of the integration log are kept.",
     .flags = SW_OPTION_LIVE},
};

static const sw_migration MIGRATIONS[] = {
#include "migrations.inc"
};

static const sw_table *const STATEMENT_TABLES[] = {
    &CONNECTOR_STATEMENTS, &LOG_STATEMENTS,       &INBOUND_STATEMENTS, &OUTBOX_STATEMENTS,
    &SENDING_STATEMENTS,   &RETENTION_STATEMENTS, &RESET_STATEMENTS,   NULL,
};

#define EXAMPLE                                                                                                                          \
    "{\"id\":1,\"connector_name\":\"Feishu Butler Connector\",\"enabled\":true,\"status\":\"connected\",\"app_id\":"                     \
    "\"cli_9f5343c580712544\",\"app_secret\":\"ab****yz\",\"has_app_secret\":true,\"verification_token\":\"\","                          \
    "\"has_verification_token\":false,\"encrypt_key\":\"\",\"has_encrypt_key\":false,\"allow_dm\":true,"                                 \
    "\"allow_group_mention\":true,\"mention_required\":false,\"prefix_command\":\"\",\"ignore_bot_messages\":true,"                      \
    "\"rate_limit_per_minute\":30,\"allowed_chat_ids\":[],\"user_whitelist\":[\"ou_1\"],\"allow_everyone\":false,\"callback_url\":\"\"," \
    "\"callback_verified\":true,\"last_verified_at\":\"2026-03-05T21:42:08.123Z\",\"created_at\":"                                       \
    "\"2026-03-05T21:42:08.123Z\",\"updated_at\":\"2026-03-05T21:42:08.123Z\"}"

static const sw_route ROUTES[] = {
    {.method = SW_GET,
     .path = "/api/integrations/feishu",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = get_connector,
     .summary = "The connector; its defaults before there is one.",
     .response = EXAMPLE},
    {.method = SW_POST,
     .path = "/api/integrations/feishu",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_connector,
     .summary = "Make a connector.",
     .request = "{\"app_id\":\"cli_9f5343c580712544\",\"app_secret\":\"…\"}",
     .response = EXAMPLE},
    {.method = SW_PATCH,
     .path = "/api/integrations/feishu/:id",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = patch_connector,
     .summary = "Change the connector; other credentials must be verified again.",
     .request = "{\"user_whitelist\":[\"ou_1\"]}",
     .response = EXAMPLE},
    {.method = SW_POST,
     .path = "/api/integrations/feishu/:id/verify-callback",
     .access = SW_ADMIN,
     .lane = SW_LANE_SLOW,
     .handle = post_verify,
     .summary = "Ask Feishu whether the credentials are good.",
     .response = "{\"ok\":true,\"message\":\"callback verified\"}"},
    {.method = SW_POST,
     .path = "/api/integrations/feishu/:id/test-message",
     .access = SW_ADMIN,
     .lane = SW_LANE_SLOW,
     .handle = post_test_message,
     .summary = "Send a message to a chat.",
     .request = "{\"target_chat_id\":\"oc_1\",\"text\":\"hello\"}",
     .response =
         "{\"ok\":true,\"message\":\"test message sent\",\"trace_id\":\"feishu-test-1\",\"message_id\":\"om_1\"}"},
    {.method = SW_PATCH,
     .path = "/api/integrations/feishu/:id/enable",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = patch_enable,
     .summary = "Switch the connector on or off.",
     .request = "{\"enabled\":true}",
     .response = EXAMPLE},
    {.method = SW_GET,
     .path = "/api/integrations/feishu/:id/logs",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = get_logs,
     .summary = "What happened, newest first.",
     .response =
         "{\"items\":[{\"id\":\"7\",\"level\":\"success\",\"action\":\"ws_routed\",\"detail\":\"…\",\"timestamp\":"
         "\"2026-03-05T21:42:08.123Z\"}],\"cursor\":\"\"}"},
};

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_CHAT_STORED, .in_tx = on_chat_stored},
    {.event = SW_EVENT_APPROVAL_REQUESTED, .in_tx = on_approval_requested},
    {.event = SW_EVENT_APPROVAL_DECIDED, .in_tx = on_approval_decided},
    {.event = SW_EVENT_STORE_RESET, .in_tx = on_store_reset},
};

static const sw_housekeeping HOUSEKEEPING[] = {
    {.name = "retention", .every_ms = 60 * 1000, .step = retention_step},
};

static const sw_timer TIMERS[] = {
    {.name = "connection", .every_ms = 100, .run = supervise_tick},
};

static const sw_provided PROVIDES[] = {
    {.name = "feishu/1", .table = &FEISHU_SERVICE},
};

static const sw_need NEEDS[] = {
    {.name = "users/1", .optional = false},
    {.name = "chat/1", .optional = false},
    {.name = "approvals/1", .optional = false},
};

static void stop(void *state)
{
    feishu *f = state;

    if (!f)
        return;
    inbound_done(f);
    sending_done(f);
    fragments_free(f->client.parts);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static sw_status start(sw_host *host, void **ret_state)
{
    feishu *f = calloc(1, sizeof *f);

    if (!f)
        return SW_NO_MEMORY;
    pthread_mutex_init(&f->lock, NULL);
    f->host = host;
    f->users = sw_service(host, "users/1", &f->users_self);
    f->chat = sw_service(host, "chat/1", &f->chat_self);
    f->approvals = sw_service(host, "approvals/1", &f->approvals_self);
    f->client.parts = fragments_new();
    f->client.config = link_config_default();
    f->inbox.last = &f->inbox.first;
    f->look = true;
    f->sender.wake_ms = 1; /* at once: an earlier run may have left rows */
    if (!f->users || !f->chat || !f->approvals || !f->client.parts) {
        stop(f);
        return SW_UNAVAILABLE;
    }
    *ret_state = f;
    return SW_OK;
}

static sw_status prepare(sw_tx *tx)
{
    SW_TRY(sending_recover(tx));
    return connector_warn(tx);
}

static void reconfigure(sw_host *host, void *state)
{
    (void)host;
    supervise_changed(state);
}

/* While the plugin is disabled, nobody would store what comes: so the connection ends. */
static void switched(sw_host *host, void *state, bool enabled)
{
    feishu *f = state;

    (void)host;
    pthread_mutex_lock(&f->lock);
    f->paused = !enabled;
    if (!enabled)
        client_want(f, &(client_target){.wanted = false});
    else
        f->sender.wake_ms = 1;
    pthread_mutex_unlock(&f->lock);
    if (enabled)
        supervise_changed(f);
}

/* What /api/health and /metrics tell, on a worker. All is well when the connection that is wanted stands and is heard.
 */
static bool health(sw_request *req, sw_json *out)
{
    feishu *f = sw_request_state(req);
    int64_t now = sw_monotonic_ms(), open_rows = 0;
    char error[FEISHU_ERROR_MAX];

    if (outbox_count_open(sw_request_db(req), &open_rows) != SW_OK)
        open_rows = -1;
    pthread_mutex_lock(&f->lock);
    const client *c = &f->client;
    bool wanted = c->target.wanted && !f->paused, connected = c->phase == CLIENT_OPEN;
    const char *status = !wanted ? "not_connected" : connected ? "connected" : c->failing ? "error" : "connecting";
    int64_t age = c->heard_ms ? now - c->heard_ms : -1;
    int64_t event_age = f->last_event_ms ? sw_now_ms() - f->last_event_ms : -1;
    uint64_t reconnects = c->connects > 0 ? c->connects - 1 : 0;
    bool quiet_too_long = !connected && age > GRACE_MS;
    bool well = !wanted || connected || (!c->failing && !quiet_too_long);
    for (size_t i = 0; i < sizeof error; i++)
        error[i] = c->error[i];
    uint64_t events = f->events, dropped = f->dropped;
    size_t queued = f->inbox.count;
    pthread_mutex_unlock(&f->lock);

    sw_json_text(out, "status", status);
    sw_json_bool(out, "connected", connected);
    if (age >= 0)
        sw_json_int(out, "last_inbound_frame_age_ms", age);
    if (event_age >= 0)
        sw_json_int(out, "last_event_age_ms", event_age);
    sw_json_int(out, "reconnects", (int64_t)reconnects);
    sw_json_int(out, "events", (int64_t)events);
    sw_json_int(out, "events_dropped", (int64_t)dropped);
    sw_json_int(out, "inbound_queued", (int64_t)queued);
    sw_json_int(out, "outbox_open", open_rows);
    sw_json_text_opt(out, "last_error", error);
    return well;
}

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "feishu",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "A Feishu or Lark app as a door to the Butler: messages, answers, and approvals by card.",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .statement_tables = STATEMENT_TABLES,
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .timers = SW_TABLE(TIMERS),
    .provides = SW_TABLE(PROVIDES),
    .needs = SW_TABLE(NEEDS),
    .health = health,
    .start = start,
    .prepare = prepare,
    .stop = stop,
    .reconfigure = reconfigure,
    .switched = switched,
};
