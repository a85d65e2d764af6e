/* messages: agents report what happens, people read, search and watch it. Read this file first. */
#include "messages.h"
#include "store.h"

#include <stdlib.h>

static const sw_option OPTIONS[] = {
    {"any_agent_id", SW_OPTION_BOOL, "false",
     .summary = "Whether an AGENT may post messages under other names than its own.", .flags = SW_OPTION_LIVE},
    {"retention_days", SW_OPTION_INT, "0", .min = 0, .max = 36500,
     .summary = "Messages older than this are removed; 0 keeps them for ever.", .flags = SW_OPTION_LIVE},
    {"retention_count", SW_OPTION_INT, "0", .min = 0, .max = INT64_MAX,
     .summary = "Only the newest so many messages are kept; 0 keeps all.", .flags = SW_OPTION_LIVE},
};

static const sw_migration MIGRATIONS[] = {
#include "migrations.inc"
};

#define MESSAGE_EXAMPLE                                                                      \
    "{\"id\":12,\"agent_id\":\"builder\",\"level\":\"INFO\",\"content\":\"build 7 passed\"," \
    "\"timestamp\":\"2026-03-05T21:42:08.123Z\"}"

static const sw_route ROUTES[] = {
    {SW_GET, "/api/messages", SW_SIGNED_IN, SW_LANE_WORKER, get_messages,
     "List messages, newest first; by agent, level, text, id and time.", .response = "[" MESSAGE_EXAMPLE "]"},
    {SW_POST, "/api/messages", SW_SIGNED_IN, SW_LANE_WORKER, post_messages,
     "Store a message, or an array of up to 1,000.", .flags = SW_ROUTE_LARGE_BODY,
     .request = "{\"agent_id\":\"builder\",\"level\":\"INFO\",\"content\":\"build 7 passed\"}",
     .response = MESSAGE_EXAMPLE},
};

static const sw_frame_handler FRAMES[] = {
    {"SYSTEM_LOG", SW_ROLES_SYSTEM, SW_LANE_WORKER, on_system_log, "Report a log line, as a message."},
};

static const sw_subscription SUBSCRIPTIONS[] = {
    {SW_EVENT_STORE_RESET, .in_tx = on_store_reset},
};

static const sw_housekeeping HOUSEKEEPING[] = {
    {"search index", 1000, upkeep_index},
    {"retention", 10 * 1000, upkeep_retention},
    {"expiry of keys", 60 * 1000, upkeep_expiry},
};

static const sw_need NEEDS[] = {
    {"users/1", .optional = false},
};

static sw_status start(sw_host *host, void **ret_state)
{
    messages_state *state = calloc(1, sizeof *state);

    if (!state)
        return SW_NO_MEMORY;
    state->host = host;
    state->users = sw_service(host, "users/1", &state->users_self);
    if (!state->users) {
        free(state);
        return SW_UNAVAILABLE;
    }
    *ret_state = state;
    return SW_OK;
}

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "messages",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "What agents report: stored, searched, and sent live to every human.",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .statements = SW_TABLE(MESSAGE_STATEMENTS),
    .routes = SW_TABLE(ROUTES),
    .frames = SW_TABLE(FRAMES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .needs = SW_TABLE(NEEDS),
    .start = start,
    .prepare = clock_note_step,
    .stop = free,
};
