/* users: humans, agents and Butler; their credentials as hashes; their presence. Read this file first: it declares
 * everything that the plugin has. */
#include "users.h"

static const sw_migration MIGRATIONS[] = {
#include "migrations.inc"
};

#define USER_EXAMPLE                                                                                                   \
    "{\"id\":7,\"username\":\"builder\",\"role\":\"AGENT\",\"actor_type\":\"SYSTEM\",\"agent_kind\":\"generic\","      \
    "\"runtime_kind\":\"websocket\",\"token_hint\":\"ec_A...9xYz\",\"token_updated_at\":\"2026-03-05T21:42:08.123Z\"," \
    "\"status\":\"ONLINE\",\"online\":true,\"last_seen_at\":\"2026-03-05T21:42:08.123Z\","                             \
    "\"last_report\":\"websocket_connected\",\"created_at\":\"2026-03-05T21:42:08.123Z\"}"
#define HUMAN_EXAMPLE                                                                                     \
    "{\"id\":3,\"username\":\"ann\",\"role\":\"MEMBER\",\"actor_type\":\"HUMAN\",\"status\":\"OFFLINE\"," \
    "\"online\":false,\"created_at\":\"2026-03-05T21:42:08.123Z\"}"

/* Raw tokens of agents, which the development servers of releases before 1.2 kept: those stores do not say themselves
 * what production must drop (core/plugin/README.md). */
static const sw_statement BYGONE[] = {
    {.name = "dev-mock.drop-in-production", .sql = "DROP TABLE dev_mock_tokens"},
};
static const sw_table BYGONE_STATEMENTS = SW_TABLE(BYGONE);

static const sw_table *const STATEMENT_TABLES[] = {
    &NAME_STATEMENTS,    &USER_STATEMENTS,   &PROFILE_STATEMENTS,
    &REMOVAL_STATEMENTS, &TOKEN_STATEMENTS,  &PRESENCE_STATEMENTS,
    &FIRST_STATEMENTS,   &BYGONE_STATEMENTS, NULL,
};

static const sw_route ROUTES[] = {
    {.method = SW_GET,
     .path = "/api/users/agents",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_agents,
     .summary = "List agents and Butler.",
     .response = "[" USER_EXAMPLE "]"},
    {.method = SW_GET,
     .path = "/api/users/agents/status",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_agents_status,
     .summary = "List agents with their connection and latest report.",
     .response = "[{\"id\":7,\"username\":\"builder\",\"role\":\"AGENT\",\"status\":\"OFFLINE\",\"online\":false,"
                 "\"last_report\":\"websocket_disconnected\"}]"},
    {.method = SW_GET,
     .path = "/api/users/butler",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_butler,
     .summary = "The butler.",
     .response = USER_EXAMPLE},
    {.method = SW_GET,
     .path = "/api/users/ops/status",
     .access = SW_ADMIN,
     .lane = SW_LANE_LOOP,
     .handle = get_ops_status,
     .summary = "OpenHands: not offered.",
     .response = "{\"enabled\":false,\"worker_reachable\":false,\"worker_mode\":\"\","
                 "\"service_url\":\"\",\"managed_agent_id\":0,\"managed_agent_name\":\"\",\"node_count\":0,\"ssh_key_"
                 "count\":0}"},
    {.method = SW_GET,
     .path = "/api/users/ops/tasks",
     .access = SW_ADMIN,
     .lane = SW_LANE_LOOP,
     .handle = get_ops_list,
     .summary = "OpenHands tasks: none.",
     .response = "[]"},
    {.method = SW_GET,
     .path = "/api/users/ops/ssh-keys",
     .access = SW_ADMIN,
     .lane = SW_LANE_LOOP,
     .handle = get_ops_list,
     .summary = "OpenHands keys: none.",
     .response = "[]"},
    {.method = SW_GET,
     .path = "/api/users/ops/nodes",
     .access = SW_ADMIN,
     .lane = SW_LANE_LOOP,
     .handle = get_ops_list,
     .summary = "OpenHands nodes: none.",
     .response = "[]"},
    {.method = SW_GET,
     .path = "/api/users",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = get_users,
     .summary = "List everybody.",
     .response = "[" HUMAN_EXAMPLE "]"},
    {.method = SW_POST,
     .path = "/api/users",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_users,
     .summary = "Add a human.",
     .request = "{\"username\":\"ann\",\"password\":\"long enough\",\"role\":\"MEMBER\"}",
     .response = HUMAN_EXAMPLE},
    {.method = SW_PATCH,
     .path = "/api/users/:id",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = patch_user,
     .summary = "Change password, role or description.",
     .request = "{\"role\":\"ADMIN\"}",
     .response = HUMAN_EXAMPLE},
    {.method = SW_DELETE,
     .path = "/api/users/:id",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = delete_user,
     .summary = "Remove a user."},
    {.method = SW_POST,
     .path = "/api/users/agents",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_agents,
     .summary = "Add an agent; the answer holds its token, this once.",
     .request = "{\"username\":\"builder\"}",
     .response = USER_EXAMPLE},
    {.method = SW_POST,
     .path = "/api/users/agents/test-connection",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_agents_test_connection,
     .summary = "Is this token an agent's?",
     .request = "{\"api_token\":\"ec_…\"}",
     .response = "{\"ok\":true,\"message\":\"token accepted by backend\",\"agent_id\":7,\"agent_name\":\"builder\"}"},
    {.method = SW_PATCH,
     .path = "/api/users/agents/:id/token",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = patch_agent_token,
     .summary = "Give an agent another token.",
     .request = "{\"api_token\":\"ec_…\"}",
     .response = "{\"ok\":true,\"message\":\"agent token updated\",\"agent_id\":7,\"token_hint\":\"ec_A...9xYz\","
                 "\"token_updated_at\":\"2026-03-05T21:42:08.123Z\"}"},
    {.method = SW_DELETE,
     .path = "/api/users/agents/:id",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = delete_agent,
     .summary = "Remove an agent."},
};

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_SOCKET_OPENED, .after = on_socket_opened},
    {.event = SW_EVENT_SOCKET_CLOSED, .after = on_socket_closed},
    {.event = SW_EVENT_STORE_RESET, .in_tx = on_store_reset},
};

static const sw_housekeeping HOUSEKEEPING[] = {
    {.name = "presence", .every_ms = 60 * 1000, .step = presence_note_online},
};

static const sw_provided PROVIDES[] = {
    {.name = "users/1", .table = &USERS_SERVICE},
};

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "users",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "Humans, agents and Butler: who they are, what they sign in with, and whether they are here.",
    .migrations = SW_TABLE(MIGRATIONS),
    .statement_tables = STATEMENT_TABLES,
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .provides = SW_TABLE(PROVIDES),
    .start = users_start,
    .prepare = users_prepare,
    .stop = users_stop,
};
