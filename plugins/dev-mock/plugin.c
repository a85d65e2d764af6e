/* dev-mock: shortcuts for developers and end-to-end tests, never in production. Read this file first: it declares
 * everything that the plugin has, refuses where it must not run, and makes its state on the main thread. */
#include "dev_mock.h"

#include <stdlib.h>
#include <string.h>

static const sw_option OPTIONS[] = {
    {.name = "allow_remote",
     .type = SW_OPTION_BOOL,
     .default_value = "false",
     .summary = "Load although the server listens on more than the loopback: anybody with the admin's password can then"
                " empty the store and read agents' tokens."},
};

static const sw_migration MIGRATIONS[] = {
#include "migrations.inc"
};

static const sw_table *const STATEMENT_TABLES[] = {&DEV_MOCK_STATEMENTS, NULL};

static const sw_route ROUTES[] = {
    {.method = SW_POST,
     .path = "/api/dev/mock/reset",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_reset,
     .summary = "Empty the store; admin and Butler are made afresh.",
     .response = "{\"status\":\"reset\"}"},
    {.method = SW_POST,
     .path = "/api/dev/mock/chat",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_chat,
     .summary = "Send a chat message in the name of any user.",
     .request = "{\"sender_username\":\"admin\",\"receiver_username\":\"Butler\",\"content\":\"hello\"}",
     .response = "{\"id\":1}"},
    {.method = SW_GET,
     .path = "/api/dev/mock/agent-token/:username",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = get_agent_token,
     .summary = "The raw token of an agent.",
     .response = "{\"username\":\"builder\",\"role\":\"AGENT\",\"api_token\":\"ec_…\"}"},
    {.method = SW_POST,
     .path = "/api/dev/mock/feishu-log",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_feishu_log,
     .summary = "Add a row to the Feishu connector's log.",
     .request = "{\"level\":\"info\",\"action\":\"test\",\"detail\":\"a row\"}",
     .response = "{\"ok\":true}"},
};

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_TOKEN_CHANGED, .in_tx = on_token_changed},
    {.event = SW_EVENT_USER_REMOVED, .in_tx = on_user_removed},
    {.event = SW_EVENT_STORE_RESET, .in_tx = on_store_reset},
};

static const sw_need NEEDS[] = {
    {.name = "users/1", .optional = false},
    {.name = "chat/1", .optional = true},
    {.name = "approvals/1", .optional = true},
    {.name = "feishu/1", .optional = true},
};

static bool loopback(const char *host)
{
    if (!host)
        return false;
    bool dotted = strncmp(host, "127.", 4) == 0 && host[strspn(host, "0123456789.")] == '\0';
    return dotted || strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || strcmp(host, "[::1]") == 0;
}

static sw_status start(sw_host *host, void **ret_state)
{
    if (strcmp(sw_host_env(host), "development") != 0) {
        sw_log(host, SW_LOG_ERROR, "refuses to load: server.env is %s, not development", sw_host_env(host));
        return SW_FORBIDDEN;
    }
    if (!sw_option_bool(host, "allow_remote") && !loopback(sw_option_core(host, "server.host"))) {
        sw_log(host, SW_LOG_ERROR,
               "refuses to load: the server does not listen on the loopback alone (see allow_remote)");
        return SW_FORBIDDEN;
    }
    void *users_self;
    const sw_users_service *users = sw_service(host, "users/1", &users_self);
    dev_mock_state *state = users ? calloc(1, sizeof *state) : NULL;
    if (!state)
        return users ? SW_NO_MEMORY : SW_UNAVAILABLE;
    *state = (dev_mock_state){.host = host, .users = users, .users_self = users_self};
    *ret_state = state;
    return SW_OK;
}

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "dev-mock",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "For developers: empty the store, send as anybody, read raw tokens. Never in production.",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .statement_tables = STATEMENT_TABLES,
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .needs = SW_TABLE(NEEDS),
    .start = start,
    .stop = free,
};
