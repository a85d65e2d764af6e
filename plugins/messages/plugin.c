/* messages: agents report what happens, and people read it, search it and watch it live. Read this file first: it
 * declares everything that the plugin has, and makes its state on the main thread. */
#include "messages.h"

#include <stdlib.h>

static const sw_option OPTIONS[] = {
    {.name = "any_agent_id",
     .type = SW_OPTION_BOOL,
     .default_value = "false",
     .summary = "Whether an AGENT may post messages under other names than its own, and a human under those of agents.",
     .flags = SW_OPTION_LIVE},
    {.name = "search_time",
     .type = SW_OPTION_DURATION,
     .default_value = "250ms",
     .min = 1,
     .max = 60 * 1000,
     .summary = "CPU time of one search (q=), after which its page ends with what was found, and X-Next-Page says from "
                "where to go on.",
     .flags = SW_OPTION_LIVE},
    {.name = "search_bytes",
     .type = SW_OPTION_SIZE,
     .default_value = "16M",
     .min = 64 * 1024,
     .max = INT64_MAX,
     .summary = "Bytes of messages that one search looks through at most, in the same way.",
     .flags = SW_OPTION_LIVE},
    {.name = "retention_days",
     .type = SW_OPTION_INT,
     .default_value = "0",
     .min = 0,
     .max = 36500,
     .summary = "Messages older than this are removed; 0 keeps them for ever.",
     .flags = SW_OPTION_LIVE},
    {.name = "retention_count",
     .type = SW_OPTION_INT,
     .default_value = "0",
     .min = 0,
     .max = INT64_MAX,
     .summary = "Only the newest so many messages are kept; 0 keeps all.",
     .flags = SW_OPTION_LIVE},
};

static const sw_migration MIGRATIONS[] = {
#include "migrations.inc"
};

#define MESSAGE_EXAMPLE                                                                      \
    "{\"id\":12,\"agent_id\":\"builder\",\"level\":\"INFO\",\"content\":\"build 7 passed\"," \
    "\"timestamp\":\"2026-03-05T21:42:08.123Z\"}"

static const sw_table *const STATEMENT_TABLES[] = {&MESSAGE_STATEMENTS, &SEARCH_STATEMENTS, &UPKEEP_STATEMENTS,
                                                   &TIME_STATEMENTS,    &REPORT_STATEMENTS, NULL};

static const sw_route ROUTES[] = {
    {.method = SW_GET,
     .path = "/api/messages",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_messages,
     .summary = "List messages, newest first; by agent, level, text, id and time.",
     .response = "[" MESSAGE_EXAMPLE "]"},
    {.method = SW_POST,
     .path = "/api/messages",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = post_messages,
     .summary = "Store a message, or an array of up to 1,000.",
     .flags = SW_ROUTE_LARGE_BODY | SW_WORK_BULK,
     .request = "{\"agent_id\":\"builder\",\"level\":\"INFO\",\"content\":\"build 7 passed\"}",
     .response = MESSAGE_EXAMPLE},
};

static const sw_frame_handler FRAMES[] = {
    {.type = "SYSTEM_LOG",
     .roles = SW_ROLES_SYSTEM,
     .lane = SW_LANE_WORKER,
     .handle = on_system_log,
     .flags = SW_WORK_BULK,
     .left_out = message_left_out,
     .summary = "Report a log line, as a message."},
};

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_STORE_RESET, .in_tx = on_store_reset},
};

static const sw_housekeeping HOUSEKEEPING[] = {
    {.name = "search index", .every_ms = 1000, .step = search_index_step},
    {.name = "retention", .every_ms = 10 * 1000, .step = retention_step},
    {.name = "expiry of keys", .every_ms = 60 * 1000, .step = retention_forget_keys},
};

static const sw_need NEEDS[] = {
    {.name = "users/1", .optional = false},
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
    .statement_tables = STATEMENT_TABLES,
    .routes = SW_TABLE(ROUTES),
    .frames = SW_TABLE(FRAMES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .needs = SW_TABLE(NEEDS),
    .start = start,
    .prepare = messages_prepare,
    .stop = free,
};
