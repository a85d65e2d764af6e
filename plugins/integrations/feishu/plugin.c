/* feishu: read this file first. Tables of what the plugin declares; the rest is said in feishu.h and README.md. */
#include "store.h"
#include <stdlib.h>

static const sw_option OPTIONS[] = {
    {"ws_enabled", SW_OPTION_BOOL, "false",
     .summary = "Whether to connect to Feishu or Lark at all; the connector must be enabled too.",
     .flags = SW_OPTION_LIVE | SW_OPTION_LENIENT, .env = "FEISHU_WS_ENABLED"},
    {"ws_url", SW_OPTION_STRING, "wss://open.feishu.cn/open-apis/ws/v2",
     .summary =
         "Only its host counts, for all calls: open.feishu.cn, or open.larksuite.com for Lark; ws:// and http:// with"
         " a loopback host speak plain http, for tests.",
     .flags = SW_OPTION_LIVE | SW_OPTION_LENIENT, .env = "FEISHU_WS_URL"},
    {"ws_reconnect_interval", SW_OPTION_DURATION, "5s", .min = 0, .max = 3600000,
     .summary = "How often the connector is looked at besides when it changes; the waits between connections are the"
                " service's.",
     .flags = SW_OPTION_LIVE | SW_OPTION_LENIENT, .env = "FEISHU_WS_RECONNECT_INTERVAL"},
    {"pong_timeout", SW_OPTION_DURATION, "10s", .min = 100, .max = 300000,
     .summary = "A connection on which nothing was heard for so long after a ping is given up.",
     .flags = SW_OPTION_LIVE},
    {"connection_max_age", SW_OPTION_DURATION, "0", .min = 0, .max = 604800000,
     .summary = "A connection this old is replaced, against a service that keeps it open but sends nothing more on it"
                " (6h to 12h, say); 0: never.",
     .flags = SW_OPTION_LIVE},
    {"api_timeout", SW_OPTION_DURATION, "10s", .min = 100, .max = 300000,
     .summary = "How long a call of the Feishu API may take.", .flags = SW_OPTION_LIVE},
    {"text_max", SW_OPTION_SIZE, "140K", .min = 2048, .max = 150000,
     .summary = "Longest request with a text message; longer replies go in pieces. Feishu takes 150 KB.",
     .flags = SW_OPTION_LIVE},
    {"retention", SW_OPTION_DURATION, "30d", .min = 28800000, .max = INT64_C(315360000000),
     .summary = "How long messages are remembered as seen, and sent ones as sent; Feishu repeats for seven hours.",
     .flags = SW_OPTION_LIVE},
    {"log_retention", SW_OPTION_DURATION, "90d", .min = 3600000, .max = INT64_C(315360000000),
     .summary = "How long rows of the integration log are kept.", .flags = SW_OPTION_LIVE},
};

static const sw_migration MIGRATIONS[] = {
#include "migrations.inc"
};

#define EXAMPLE                                                                                                      \
    "{\"id\":1,\"connector_name\":\"Feishu Butler Connector\",\"enabled\":true,\"status\":\"connected\",\"app_id\":" \
    "\"cli_9f5343c580712544\",\"app_secret\":\"ab****yz\",\"has_app_secret\":true,\"verification_token\":\"\","      \
    "\"has_verification_token\":false,\"encrypt_key\":\"\",\"has_encrypt_key\":false,\"allow_dm\":true,"             \
    "\"allow_group_mention\":true,\"mention_required\":false,\"prefix_command\":\"\",\"ignore_bot_messages\":true,"  \
    "\"rate_limit_per_minute\":30,\"allowed_chat_ids\":[],\"user_whitelist\":[\"ou_1\"],\"callback_url\":\"\","      \
    "\"callback_verified\":true,\"last_verified_at\":\"2026-03-05T21:42:08.123Z\",\"created_at\":"                   \
    "\"2026-03-05T21:42:08.123Z\",\"updated_at\":\"2026-03-05T21:42:08.123Z\"}"

static const sw_route ROUTES[] = {
    {SW_GET, "/api/integrations/feishu", SW_ADMIN, SW_LANE_WORKER, get_connector,
     "The connector; its defaults before there"
     " is one.",
     .response = EXAMPLE},
    {SW_POST, "/api/integrations/feishu", SW_ADMIN, SW_LANE_WORKER, post_connector, "Make a connector.",
     .request = "{\"app_id\":\"cli_9f5343c580712544\",\"app_secret\":\"…\"}", .response = EXAMPLE},
    {SW_PATCH, "/api/integrations/feishu/:id", SW_ADMIN, SW_LANE_WORKER, patch_connector,
     "Change the connector; other credentials must be verified again.", .request = "{\"user_whitelist\":[\"ou_1\"]}",
     .response = EXAMPLE},
    {SW_POST, "/api/integrations/feishu/:id/verify-callback", SW_ADMIN, SW_LANE_SLOW, post_verify,
     "Ask Feishu whether the credentials are good.", .response = "{\"ok\":true,\"message\":\"callback verified\"}"},
    {SW_POST, "/api/integrations/feishu/:id/test-message", SW_ADMIN, SW_LANE_SLOW, post_test_message,
     "Send a message to a chat.", .request = "{\"target_chat_id\":\"oc_1\",\"text\":\"hello\"}",
     .response =
         "{\"ok\":true,\"message\":\"test message sent\",\"trace_id\":\"feishu-test-1\",\"message_id\":\"om_1\"}"},
    {SW_PATCH, "/api/integrations/feishu/:id/enable", SW_ADMIN, SW_LANE_WORKER, patch_enable,
     "Switch the connector on or off.", .request = "{\"enabled\":true}", .response = EXAMPLE},
    {SW_GET, "/api/integrations/feishu/:id/logs", SW_ADMIN, SW_LANE_WORKER, get_logs, "What happened, newest first.",
     .response =
         "{\"items\":[{\"id\":\"7\",\"level\":\"success\",\"action\":\"ws_routed\",\"detail\":\"…\",\"timestamp\":"
         "\"2026-03-05T21:42:08.123Z\"}],\"cursor\":\"\"}"},
};

static const sw_subscription SUBSCRIPTIONS[] = {
    {SW_EVENT_CHAT_STORED, .in_tx = on_chat_stored},
    {SW_EVENT_APPROVAL_REQUESTED, .in_tx = on_approval_requested},
    {SW_EVENT_APPROVAL_DECIDED, .in_tx = on_approval_decided},
    {SW_EVENT_STORE_RESET, .in_tx = on_store_reset},
};

static const sw_housekeeping HOUSEKEEPING[] = {
    {"retention", 60 * 1000, upkeep_step},
};

static const sw_timer TIMERS[] = {
    {"connection", FEISHU_TICK_MS, supervise_tick},
};

static const sw_provided PROVIDES[] = {
    {"feishu/1", &FEISHU_SERVICE},
};

static const sw_need NEEDS[] = {
    {"users/1", .optional = false},
    {"chat/1", .optional = false},
    {"approvals/1", .optional = false},
};

static void stop(void *state)
{
    feishu *f = state;

    if (!f)
        return;
    inbound_done(f);
    sender_done(f);
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
    f->sender.wake_ms = 1; /* what an earlier run left */
    if (!f->users || !f->chat || !f->approvals || !f->client.parts) {
        stop(f);
        return SW_UNAVAILABLE;
    }
    *ret_state = f;
    return SW_OK;
}

static void reconfigure(sw_host *host, void *state)
{
    (void)host;
    supervise_changed(state);
}

/* Disabled: nobody would store what comes, so nothing shall come. */
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

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "feishu",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "A Feishu or Lark app as a door to the Butler: messages, answers, and approvals by card.",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .statements = {FEISHU_STATEMENTS, (uint32_t)sizeof(sw_statement), ST_COUNT},
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .timers = SW_TABLE(TIMERS),
    .provides = SW_TABLE(PROVIDES),
    .needs = SW_TABLE(NEEDS),
    .health = feishu_health,
    .start = start,
    .prepare = outbox_recover,
    .stop = stop,
    .reconfigure = reconfigure,
    .switched = switched,
};
