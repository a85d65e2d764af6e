/* chat: read this file first. It declares everything that the plugin has; chat.h and README.md say how it works.
 * start() makes the state on the main thread, stop() frees it. */
#include "approvals/approvals.h"

#include <stdlib.h>

static const sw_migration MIGRATIONS[] = {
#include "migrations.inc"
};

#define WRAPPER_COMMANDS                                                                                               \
    "sh, bash, dash, zsh, ksh, eval, exec, source, ., command, builtin, env, xargs, sudo, doas, nohup, nice, ionice, " \
    "timeout, time, setsid, watch, ssh, find, python, python3, perl, ruby, node"

static const sw_option OPTIONS[] = {
    {.name = "allow_agent_to_agent",
     .type = SW_OPTION_BOOL,
     .default_value = "false",
     .summary = "Whether an agent may write to another agent; Butler may always.",
     .flags = SW_OPTION_LIVE},
    {.name = "agent_broadcast",
     .type = SW_OPTION_BOOL,
     .default_value = "true",
     .summary =
         "Whether an agent's message without a target goes to every human; without it such a message is refused.",
     .flags = SW_OPTION_LIVE},
    {.name = "relay_unknown",
     .type = SW_OPTION_BOOL,
     .default_value = "true",
     .summary =
         "Whether frames of types that the server does not know, as WEATHER_UPDATE, are passed on from agents and"
         " Butler to their target or to every human who is connected.",
     .flags = SW_OPTION_LIVE},
    {.name = "approval_expiry",
     .type = SW_OPTION_DURATION,
     .default_value = "24h",
     .min = 10000,
     .max = 604800000,
     .summary = "How long an authorization request stays open when Butler does not say.",
     .flags = SW_OPTION_LIVE},
    {.name = "approvers",
     .type = SW_OPTION_ENUM,
     .default_value = "addressed",
     .choices = "admins|addressed",
     .summary = "Who may answer an authorization request: ADMINs alone, or also the MEMBER that Butler has asked.",
     .flags = SW_OPTION_LIVE},
    {.name = "four_eyes",
     .type = SW_OPTION_BOOL,
     .default_value = "false",
     .summary = "Whether two different humans must approve what Butler asks from now on; one who rejects is enough.",
     .flags = SW_OPTION_LIVE},
    {.name = "command_max",
     .type = SW_OPTION_SIZE,
     .default_value = "16K",
     .min = 1,
     .max = 16384,
     .summary = "The longest command that may be asked for.",
     .flags = SW_OPTION_LIVE},
    {.name = "reason_max",
     .type = SW_OPTION_SIZE,
     .default_value = "8K",
     .min = 1,
     .max = 8192,
     .summary = "The longest reason of an authorization request.",
     .flags = SW_OPTION_LIVE},
    {.name = "input_max",
     .type = SW_OPTION_SIZE,
     .default_value = "512K",
     .min = 1,
     .max = 524288,
     .summary = "The longest input of an authorization request: the arguments of the agent's tool.",
     .flags = SW_OPTION_LIVE},
    {.name = "pending_max",
     .type = SW_OPTION_INT,
     .default_value = "100",
     .min = 1,
     .max = 100000,
     .summary = "How many authorization requests of one agent may be pending.",
     .flags = SW_OPTION_LIVE},
    {.name = "butler_pending_max",
     .type = SW_OPTION_INT,
     .default_value = "1000",
     .min = 1,
     .max = 1000000,
     .summary = "How many authorization requests of Butler may be pending.",
     .flags = SW_OPTION_LIVE},
    {.name = "pending_total_max",
     .type = SW_OPTION_INT,
     .default_value = "10000",
     .min = 1,
     .max = 1000000,
     .summary = "How many authorization requests may be pending before agents get no more; Butler always does.",
     .flags = SW_OPTION_LIVE},
    {.name = "asked_per_minute",
     .type = SW_OPTION_INT,
     .default_value = "60",
     .min = 1,
     .max = 100000,
     .summary = "How many authorization requests of one agent may reach a human in a minute.",
     .flags = SW_OPTION_LIVE},
    {.name = "ruled_per_minute",
     .type = SW_OPTION_INT,
     .default_value = "6000",
     .min = 1,
     .max = 1000000,
     .summary = "How many authorization requests of one agent rules may decide in a minute.",
     .flags = SW_OPTION_LIVE},
    {.name = "ruled_retention",
     .type = SW_OPTION_DURATION,
     .default_value = "30d",
     .min = 3600000,
     .max = 315360000000,
     .summary = "How long decisions by rule are kept; decisions by people are kept for ever.",
     .flags = SW_OPTION_LIVE},
    {.name = "waits_max",
     .type = SW_OPTION_INT,
     .default_value = "10000",
     .min = 1,
     .max = 50000,
     .summary = "How many clients may wait for decisions at once, each with a request that stays open.",
     .flags = SW_OPTION_LIVE},
    {.name = "rules_max",
     .type = SW_OPTION_INT,
     .default_value = "1000",
     .min = 0,
     .max = 3000,
     .summary = "How many rules there may be.",
     .flags = SW_OPTION_LIVE},
    {.name = "shell_tools",
     .type = SW_OPTION_LIST,
     .default_value = "",
     .summary =
         "Tools of agents, beside Bash, shell and exec, whose command is one of a shell: rules look at each part of "
         "it, between the operators.",
     .flags = SW_OPTION_LIVE},
    {.name = "wrapper_commands",
     .type = SW_OPTION_LIST,
     .default_value = WRAPPER_COMMANDS,
     .summary = "Commands that run what their arguments say: a rule with a wildcard never allows one.",
     .flags = SW_OPTION_LIVE},
    {.name = "title_max",
     .type = SW_OPTION_SIZE,
     .default_value = "200",
     .min = 1,
     .max = 4096,
     .summary = "The longest title of a thread.",
     .flags = SW_OPTION_LIVE},
    {.name = "summary_max",
     .type = SW_OPTION_SIZE,
     .default_value = "4K",
     .min = 1,
     .max = 65536,
     .summary = "The longest summary of a thread.",
     .flags = SW_OPTION_LIVE},
    {.name = "threads_max",
     .type = SW_OPTION_INT,
     .default_value = "10000",
     .min = 1,
     .max = INT64_MAX,
     .summary = "How many threads one human may have made.",
     .flags = SW_OPTION_LIVE},
    {.name = "retention_days",
     .type = SW_OPTION_INT,
     .default_value = "0",
     .max = 36500,
     .summary = "Stored frames older than this are removed; 0 keeps them for ever.",
     .flags = SW_OPTION_LIVE},
    {.name = "retention_count",
     .type = SW_OPTION_INT,
     .default_value = "0",
     .max = INT64_MAX,
     .summary = "Only so many of the newest stored frames are kept (those of the last day always are); 0 keeps all.",
     .flags = SW_OPTION_LIVE},
};

#define EXAMPLE_CHAT                                                                                                  \
    "[{\"id\":7,\"local_id\":\"a1\",\"conversation_id\":3,\"sender_id\":1,\"sender_name\":\"admin\",\"sender_role\":" \
    "\"ADMIN\",\"receiver_id\":5,\"target_id\":5,\"type\":\"CHAT\",\"payload\":\"hello\",\"timestamp\":"              \
    "\"2026-03-05T21:42:08.123Z\"}]"
#define EXAMPLE_THREAD                                                                                          \
    "{\"id\":3,\"owner_user_id\":1,\"peer_user_id\":5,\"channel_kind\":\"agent_direct\",\"title\":\"Weather\"," \
    "\"is_pinned\":false,\"is_default\":false,\"created_at\":\"2026-03-05T21:42:08.123Z\",\"updated_at\":"      \
    "\"2026-03-05T21:42:08.123Z\"}"
#define EXAMPLE_APPROVAL                                                                                             \
    "{\"id\":1,\"action_id\":\"a-1\",\"target_agent_id\":5,\"target_agent_name\":\"scout\",\"command\":\"reboot\","  \
    "\"command_sha256\":\"…\",\"reason\":\"stuck\",\"status\":\"PENDING\",\"requested_at\":"                       \
    "\"2026-03-05T21:42:08.123Z\",\"expires_at\":\"2026-03-06T21:42:08.123Z\",\"delivered\":false,\"requester_id\":" \
    "5,\"requester_name\":\"scout\",\"tool\":\"Bash\",\"updated_at\":\"2026-03-05T21:42:08.123Z\"}"

#define EXAMPLE_PAUSE                                                                             \
    "{\"agent_id\":5,\"paused\":true,\"reason\":\"it deletes too much\",\"by\":\"admin\",\"at\":" \
    "\"2026-03-05T21:42:08.123Z\"}"
#define EXAMPLE_RULE                                                                                               \
    "{\"id\":4,\"agent_id\":5,\"tool\":\"Bash\",\"pattern\":\"git status*\",\"effect\":\"allow\",\"expires_at\":"  \
    "null,\"session_id\":null,\"note\":\"\",\"created_by\":\"admin\",\"created_at\":\"2026-03-05T21:42:08.123Z\"," \
    "\"hits\":0,\"last_hit_at\":null}"

static const sw_table *const STATEMENT_TABLES[] = {
    &THREAD_STATEMENTS,   &THREAD_LIST_STATEMENTS, &REPEAT_STATEMENTS,
    &ROW_STATEMENTS,      &ID_STATEMENTS,          &ASK_STATEMENTS,
    &DECIDE_STATEMENTS,   &ANNOUNCE_STATEMENTS,    &DELIVERY_STATEMENTS,
    &APPROVAL_STATEMENTS, &COPY_STATEMENTS,        &FOUR_EYES_STATEMENTS,
    &RESET_STATEMENTS,    &RULE_STATEMENTS,        &CLAIM_STATEMENTS,
    &EXPIRY_STATEMENTS,   &PAUSE_STATEMENTS,       NULL,
};

static const sw_route ROUTES[] = {
    {.method = SW_GET,
     .path = "/api/chat/history/:peer_id",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_history,
     .summary = "What the caller and a peer said, oldest first, the latest 100.",
     .response = EXAMPLE_CHAT},
    {.method = SW_GET,
     .path = "/api/chat/butler-agent/:agent_id",
     .access = SW_HUMAN,
     .lane = SW_LANE_WORKER,
     .handle = get_butler_agent,
     .summary = "What Butler and an agent said, oldest first, the latest 200.",
     .response = EXAMPLE_CHAT},
    {.method = SW_GET,
     .path = "/api/chat/updates",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_updates,
     .summary = "Everything stored for the caller after an id, oldest first.",
     .response = EXAMPLE_CHAT},
    {.method = SW_POST,
     .path = "/api/chat/auth/response",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = post_auth_response,
     .flags = SW_WORK_URGENT,
     .summary = "Answer an authorization request.",
     .request = "{\"action_id\":\"a-1\",\"approved\":true}",
     .response = "{\"status\":\"processed\",\"action_id\":\"a-1\",\"decision\":\"APPROVED\"}"},
    {.method = SW_GET,
     .path = "/api/chat/threads",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_threads,
     .summary = "The caller's threads.",
     .response = "[" EXAMPLE_THREAD "]"},
    {.method = SW_POST,
     .path = "/api/chat/threads",
     .access = SW_HUMAN,
     .lane = SW_LANE_WORKER,
     .handle = post_threads,
     .summary = "Begin a thread with an agent or Butler.",
     .request = "{\"peer_id\":5,\"channel_kind\":\"agent_direct\",\"title\":\"Weather\"}",
     .response = EXAMPLE_THREAD},
    {.method = SW_PATCH,
     .path = "/api/chat/threads/:thread_id",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = patch_thread,
     .summary = "Change title, summary, pinned or archived of an own thread.",
     .request = "{\"is_pinned\":true}",
     .response = EXAMPLE_THREAD},
    {.method = SW_GET,
     .path = "/api/chat/threads/:thread_id/messages",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_thread_messages,
     .summary = "What was said in an own thread, oldest first, the latest 200.",
     .response = EXAMPLE_CHAT},
    {.method = SW_GET,
     .path = "/api/approvals",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_approvals,
     .summary = "Authorization requests, newest first: an agent's own, a MEMBER's that it was asked, else all.",
     .response = "[" EXAMPLE_APPROVAL "]"},
    {.method = SW_POST,
     .path = "/api/approvals",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = post_approvals,
     .flags = SW_WORK_URGENT,
     .summary = "Ask for approval, as an agent or Butler; with wait_s the answer comes when it is decided.",
     .request = "{\"command\":\"rm -rf build\",\"reason\":\"a clean build\",\"tool\":\"Bash\",\"wait_s\":60}",
     .response = EXAMPLE_APPROVAL},
    {.method = SW_GET,
     .path = "/api/approvals/:action_id",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = get_approval,
     .summary = "One authorization request; with ?wait_s= the answer comes when it is decided.",
     .response = EXAMPLE_APPROVAL},
    {.method = SW_POST,
     .path = "/api/approvals/:action_id/decision",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = post_decision,
     .flags = SW_WORK_URGENT,
     .summary = "Answer an authorization request, with words for the agent, and with a rule for the next times.",
     .request = "{\"approved\":false,\"comment\":\"use git clean\",\"rule\":{\"tool\":\"Bash\",\"pattern\":\"rm *\"}}",
     .response = "{\"status\":\"processed\",\"action_id\":\"a-1\",\"decision\":\"REJECTED\"}"},
    {.method = SW_POST,
     .path = "/api/approvals/:action_id/claim",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = post_claim,
     .flags = SW_WORK_URGENT,
     .summary = "Act on an approval of one's own, which is possible once.",
     .response = EXAMPLE_APPROVAL},
    {.method = SW_POST,
     .path = "/api/approvals/:action_id/withdraw",
     .access = SW_SIGNED_IN,
     .lane = SW_LANE_WORKER,
     .handle = post_withdraw,
     .flags = SW_WORK_URGENT,
     .summary = "Take back an authorization request of one's own that is pending.",
     .response = EXAMPLE_APPROVAL},
    {.method = SW_POST,
     .path = "/api/approvals/pause",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_pause,
     .flags = SW_WORK_URGENT,
     .summary = "Pause an agent, or all of them: what is pending is rejected, and nothing is approved until it ends.",
     .request = "{\"agent_id\":5,\"paused\":true,\"reason\":\"it deletes too much\"}",
     .response = EXAMPLE_PAUSE},
    {.method = SW_GET,
     .path = "/api/approvals/pause",
     .access = SW_HUMAN,
     .lane = SW_LANE_WORKER,
     .handle = get_pauses,
     .summary = "The agents that are paused; null stands for all.",
     .response = "[" EXAMPLE_PAUSE "]"},
    {.method = SW_GET,
     .path = "/api/approvals/rules",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = get_rules,
     .summary = "Rules that answer agents in a human's stead, by id.",
     .response = "[" EXAMPLE_RULE "]"},
    {.method = SW_POST,
     .path = "/api/approvals/rules",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_rules,
     .summary = "Make a rule.",
     .request = "{\"agent_id\":5,\"tool\":\"Bash\",\"pattern\":\"git status*\",\"effect\":\"allow\","
                "\"expires_in_s\":3600}",
     .response = EXAMPLE_RULE},
    {.method = SW_POST,
     .path = "/api/approvals/rules/test",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_rules_test,
     .summary = "What the rules would say to a command; nothing is stored.",
     .request = "{\"agent_id\":5,\"tool\":\"Bash\",\"command\":\"git status && git diff\"}",
     .response = "{\"effect\":\"ask\",\"rule_id\":null,\"reason\":\"no rule matches every part of it\",\"parts\":"
                 "[{\"text\":\"git status\",\"effect\":\"allow\",\"rule_id\":4},{\"text\":\"git diff\",\"effect\":"
                 "\"ask\",\"rule_id\":null}]}"},
    {.method = SW_PATCH,
     .path = "/api/approvals/rules/:id",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = patch_rule,
     .summary = "Change a rule; null takes an agent, an expiry or a session from it.",
     .request = "{\"effect\":\"deny\"}",
     .response = EXAMPLE_RULE},
    {.method = SW_DELETE,
     .path = "/api/approvals/rules/:id",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = delete_rule,
     .summary = "Remove a rule."},
};

/* Of types that nobody may send: never called. */
static sw_status made_here(sw_request *req)
{
    return sw_fail(req, SW_INVALID, "unknown_type", "unknown frame type");
}

static const sw_frame_handler FRAMES[] = {
    {.type = "CHAT",
     .roles = SW_ROLES_ALL,
     .lane = SW_LANE_WORKER,
     .handle = on_chat,
     .summary = "A message, stored before it is delivered."},
    {.type = "CHAT_STREAM",
     .roles = SW_ROLES_ALL,
     .lane = SW_LANE_LOOP,
     .handle = on_stream,
     .summary = "A piece of a message that is being written; not stored."},
    {.type = "CHAT_STREAM_END",
     .roles = SW_ROLES_ALL,
     .lane = SW_LANE_LOOP,
     .handle = on_stream,
     .summary = "The end of such pieces; not stored."},
    {.type = "*",
     .roles = SW_ROLE_BIT(SW_ROLE_AGENT) | SW_ROLE_BIT(SW_ROLE_BUTLER),
     .lane = SW_LANE_LOOP,
     .handle = on_other_type,
     .summary = "A type of an agent's own, passed on as it is; not stored."},
    {.type = "AUTH_REQUEST",
     .roles = SW_ROLES_SYSTEM,
     .lane = SW_LANE_WORKER,
     .handle = on_auth_request,
     .flags = SW_WORK_URGENT,
     .summary = "Butler, or an agent for itself, asks a human for approval."},
    {.type = "AUTH_RESPONSE",
     .roles = SW_ROLES_HUMAN,
     .lane = SW_LANE_WORKER,
     .handle = on_auth_response,
     .flags = SW_WORK_URGENT,
     .summary = "A human answers an authorization request."},
    {.type = "ACK",
     .roles = SW_ROLES_SYSTEM,
     .lane = SW_LANE_WORKER,
     .handle = on_ack,
     .flags = SW_WORK_URGENT,
     .summary = "Who asked has received a decision."},
    {.type = "AUTH_STATUS_UPDATE",
     .roles = 0,
     .lane = SW_LANE_WORKER,
     .handle = made_here,
     .summary = "Tells every human what became of an authorization request."},
    {.type = "BUTLER_AGENT_MESSAGE",
     .roles = 0,
     .lane = SW_LANE_WORKER,
     .handle = made_here,
     .summary = "Shows every ADMIN what Butler and an agent say."},
};

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_USER_CREATED, .in_tx = on_user_ranked},
    {.event = SW_EVENT_USER_ROLE_CHANGED, .in_tx = on_user_ranked},
    {.event = SW_EVENT_USER_REMOVED, .in_tx = on_user_removed},
    {.event = SW_EVENT_STORE_RESET, .in_tx = on_store_reset},
};

static const sw_housekeeping HOUSEKEEPING[] = {
    {.name = "approval-expiry", .every_ms = 1000, .step = expire_due},
    {.name = "retention", .every_ms = 5000, .step = retention_prune},
    {.name = "pause-pending", .every_ms = 1000, .step = pause_pending},
    {.name = "ruled-retention", .every_ms = 60000, .step = ruled_prune},
    {.name = "rule-expiry", .every_ms = 60000, .step = rules_expire},
};

static const sw_timer TIMERS[] = {
    {.name = "status-again", .every_ms = 100, .run = delivery_tell_statuses},
    {.name = "waits", .every_ms = 250, .run = waits_end_due},
};

static const sw_recovery RECOVERY = {
    .size = sizeof RECOVERY,
    .last_id = recovery_last_id,
    .complete_since = recovery_complete_since,
    .page = recovery_page,
    .greet = approvals_greet,
    .greet_roles = SW_ROLES_SYSTEM,
    .greet_hello_roles = SW_ROLES_HUMAN,
    .receipt = delivery_receipt,
};

static const sw_provided PROVIDES[] = {
    {.name = "chat/1", .table = &CHAT_SERVICE},
    {.name = "approvals/1", .table = &APPROVALS_SERVICE},
};

static const sw_need NEEDS[] = {
    {.name = "users/1"},
};

static void stop(void *state)
{
    chat *c = state;

    if (!c)
        return;
    waits_free(c->waits);
    pace_free(c->pace);
    rules_free(c->rules);
    delivery_free(c->delivery);
    cache_free(c->cache);
    free(c);
}

static sw_status start(sw_host *host, void **ret_state)
{
    chat *c = calloc(1, sizeof *c);

    if (!c)
        return SW_NO_MEMORY;
    c->host = host;
    c->users = sw_service(host, "users/1", &c->users_self);
    c->cache = cache_new();
    c->delivery = delivery_new(host);
    c->rules = rules_new();
    c->waits = waits_new(host);
    c->pace = pace_new();
    if (!c->users || !c->cache || !c->delivery || !c->rules || !c->waits || !c->pace) {
        stop(c);
        return SW_NO_MEMORY;
    }
    *ret_state = c;
    return SW_OK;
}

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "chat",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "What people, agents and Butler say to one another, and the approvals.",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .routes = SW_TABLE(ROUTES),
    .frames = SW_TABLE(FRAMES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .timers = SW_TABLE(TIMERS),
    .provides = SW_TABLE(PROVIDES),
    .needs = SW_TABLE(NEEDS),
    .recovery = &RECOVERY,
    .health = chat_health,
    .start = start,
    .prepare = copies_prepare,
    .stop = stop,
    .statement_tables = STATEMENT_TABLES,
};
