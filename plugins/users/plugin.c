/* users: humans, agents and Butler; their credentials as hashes; their presence. Read this file first. */
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

static const sw_route ROUTES[] = {
    {SW_GET, "/api/users/agents", SW_SIGNED_IN, SW_LANE_WORKER, get_agents, "List agents and Butler.",
     .response = "[" USER_EXAMPLE "]"},
    {SW_GET, "/api/users/agents/status", SW_SIGNED_IN, SW_LANE_WORKER, get_agents_status,
     "List agents with their connection and latest report.",
     .response = "[{\"id\":7,\"username\":\"builder\",\"role\":\"AGENT\",\"status\":\"OFFLINE\",\"online\":false,"
                 "\"last_report\":\"\"}]"},
    {SW_GET, "/api/users/butler", SW_SIGNED_IN, SW_LANE_WORKER, get_butler, "The butler.", .response = USER_EXAMPLE},
    {SW_GET, "/api/users/ops/status", SW_ADMIN, SW_LANE_LOOP, get_ops_status, "OpenHands: not offered.",
     .response = "{\"enabled\":false,\"worker_reachable\":false,\"worker_mode\":\"\","
                 "\"service_url\":\"\",\"managed_agent_id\":0,\"managed_agent_name\":\"\",\"node_count\":0,\"ssh_key_"
                 "count\":0}"},
    {SW_GET, "/api/users/ops/tasks", SW_ADMIN, SW_LANE_LOOP, get_ops_list, "OpenHands tasks: none.", .response = "[]"},
    {SW_GET, "/api/users/ops/ssh-keys", SW_ADMIN, SW_LANE_LOOP, get_ops_list, "OpenHands keys: none.",
     .response = "[]"},
    {SW_GET, "/api/users/ops/nodes", SW_ADMIN, SW_LANE_LOOP, get_ops_list, "OpenHands nodes: none.", .response = "[]"},
    {SW_GET, "/api/users", SW_ADMIN, SW_LANE_WORKER, get_users, "List everybody.", .response = "[" HUMAN_EXAMPLE "]"},
    {SW_POST, "/api/users", SW_ADMIN, SW_LANE_WORKER, post_users, "Add a human.",
     .request = "{\"username\":\"ann\",\"password\":\"long enough\",\"role\":\"MEMBER\"}", .response = HUMAN_EXAMPLE},
    {SW_PATCH, "/api/users/:id", SW_ADMIN, SW_LANE_WORKER, patch_user, "Change password, role or description.",
     .request = "{\"role\":\"ADMIN\"}", .response = HUMAN_EXAMPLE},
    {SW_DELETE, "/api/users/:id", SW_ADMIN, SW_LANE_WORKER, delete_user, .summary = "Remove a user."},
    {SW_POST, "/api/users/agents", SW_ADMIN, SW_LANE_WORKER, post_agents,
     "Add an agent; the answer holds its token, this once.", .request = "{\"username\":\"builder\"}",
     .response = USER_EXAMPLE},
    {SW_POST, "/api/users/agents/test-connection", SW_ADMIN, SW_LANE_WORKER, post_agents_test_connection,
     "Is this token an agent's?", .request = "{\"api_token\":\"ec_…\"}",
     .response = "{\"ok\":true,\"message\":\"token accepted by backend\",\"agent_id\":7,\"agent_name\":\"builder\"}"},
    {SW_PATCH, "/api/users/agents/:id/token", SW_ADMIN, SW_LANE_WORKER, patch_agent_token,
     "Give an agent another token.", .request = "{\"api_token\":\"ec_…\"}",
     .response = "{\"ok\":true,\"message\":\"agent token updated\",\"agent_id\":7,\"token_hint\":\"ec_A...9xYz\","
                 "\"token_updated_at\":\"2026-03-05T21:42:08.123Z\"}"},
    {SW_DELETE, "/api/users/agents/:id", SW_ADMIN, SW_LANE_WORKER, delete_agent, .summary = "Remove an agent."},
};

static const sw_subscription SUBSCRIPTIONS[] = {
    {SW_EVENT_SOCKET_OPENED, .after = on_socket_opened},
    {SW_EVENT_SOCKET_CLOSED, .after = on_socket_closed},
    {SW_EVENT_STORE_RESET, .in_tx = on_store_reset},
};

static const sw_housekeeping HOUSEKEEPING[] = {
    {"presence", 60 * 1000, presence_note_online},
};

static const sw_provided PROVIDES[] = {
    {"users/1", &USERS_SERVICE},
};

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "users",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "Humans, agents and Butler: who they are, what they sign in with, and whether they are here.",
    .migrations = SW_TABLE(MIGRATIONS),
    .statements = SW_TABLE(USER_STATEMENTS),
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .provides = SW_TABLE(PROVIDES),
    .start = users_start,
    .prepare = users_prepare,
    .stop = users_stop,
};
