/* chat: read this file first. Tables of what the plugin declares; the rest is said in chat.h and README.md. */
#include "approvals/approvals.h"
#include "store.h"

#include <stdlib.h>

static const sw_migration MIGRATIONS[] = {
#include "migrations.inc"
};

static const sw_option OPTIONS[] = {
    {"allow_agent_to_agent", SW_OPTION_BOOL, "false", 0, 0, NULL,
     "Whether an agent may write to another agent; Butler may always.", SW_OPTION_LIVE, NULL},
    {"approval_expiry", SW_OPTION_DURATION, "24h", 10000, 604800000, NULL,
     "How long an authorization request stays open when Butler does not say.", SW_OPTION_LIVE, NULL},
    {"command_max", SW_OPTION_SIZE, "16K", 1, 16384, NULL, "The longest command that may be asked for.", SW_OPTION_LIVE,
     NULL},
    {"reason_max", SW_OPTION_SIZE, "8K", 1, 8192, NULL, "The longest reason of an authorization request.",
     SW_OPTION_LIVE, NULL},
    {"title_max", SW_OPTION_SIZE, "200", 1, 4096, NULL, "The longest title of a thread.", SW_OPTION_LIVE, NULL},
    {"summary_max", SW_OPTION_SIZE, "4K", 1, 65536, NULL, "The longest summary of a thread.", SW_OPTION_LIVE, NULL},
    {"threads_max", SW_OPTION_INT, "10000", 1, INT64_MAX, NULL, "How many threads one human may have made.",
     SW_OPTION_LIVE, NULL},
    {"retention_days", SW_OPTION_INT, "0", 0, 36500, NULL,
     "Stored frames older than this are removed; 0 keeps them for ever.", SW_OPTION_LIVE, NULL},
    {"retention_count", SW_OPTION_INT, "0", 0, INT64_MAX, NULL,
     "Only so many of the newest stored frames are kept (those of the last day always are); 0 keeps all.",
     SW_OPTION_LIVE, NULL},
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
    "[{\"id\":1,\"action_id\":\"a-1\",\"target_agent_id\":5,\"target_agent_name\":\"scout\",\"command\":\"reboot\"," \
    "\"command_sha256\":\"…\",\"reason\":\"stuck\",\"status\":\"PENDING\",\"requested_at\":"                       \
    "\"2026-03-05T21:42:08.123Z\",\"expires_at\":\"2026-03-06T21:42:08.123Z\",\"delivered\":false}]"

static const sw_route ROUTES[] = {
    {SW_GET, "/api/chat/history/:peer_id", SW_SIGNED_IN, SW_LANE_WORKER, get_history,
     "What the caller and a peer said, oldest first, the latest 100.", 0, NULL, EXAMPLE_CHAT},
    {SW_GET, "/api/chat/butler-agent/:agent_id", SW_HUMAN, SW_LANE_WORKER, get_butler_agent,
     "What Butler and an agent said, oldest first, the latest 200.", 0, NULL, EXAMPLE_CHAT},
    {SW_GET, "/api/chat/updates", SW_SIGNED_IN, SW_LANE_WORKER, get_updates,
     "Everything stored for the caller after an id, oldest first.", 0, NULL, EXAMPLE_CHAT},
    {SW_POST, "/api/chat/auth/response", SW_SIGNED_IN, SW_LANE_WORKER, post_auth_response,
     "Answer an authorization request.", 0, "{\"action_id\":\"a-1\",\"approved\":true}",
     "{\"status\":\"processed\",\"action_id\":\"a-1\",\"decision\":\"APPROVED\"}"},
    {SW_GET, "/api/chat/threads", SW_SIGNED_IN, SW_LANE_WORKER, get_threads, "The caller's threads.", 0, NULL,
     "[" EXAMPLE_THREAD "]"},
    {SW_POST, "/api/chat/threads", SW_HUMAN, SW_LANE_WORKER, post_threads, "Begin a thread with an agent or Butler.", 0,
     "{\"peer_id\":5,\"channel_kind\":\"agent_direct\",\"title\":\"Weather\"}", EXAMPLE_THREAD},
    {SW_PATCH, "/api/chat/threads/:thread_id", SW_SIGNED_IN, SW_LANE_WORKER, patch_thread,
     "Change title, summary, pinned or archived of an own thread.", 0, "{\"is_pinned\":true}", EXAMPLE_THREAD},
    {SW_GET, "/api/chat/threads/:thread_id/messages", SW_SIGNED_IN, SW_LANE_WORKER, get_thread_messages,
     "What was said in an own thread, oldest first, the latest 200.", 0, NULL, EXAMPLE_CHAT},
    {SW_GET, "/api/approvals", SW_SIGNED_IN, SW_LANE_WORKER, get_approvals, "Authorization requests, newest first.", 0,
     NULL, EXAMPLE_APPROVAL},
};

/* Of types that nobody may send: never called. */
static sw_status made_here(sw_request *req)
{
    return sw_fail(req, SW_INVALID, "unknown_type", "unknown frame type");
}

static const sw_frame_handler FRAMES[] = {
    {"CHAT", SW_ROLES_ALL, SW_LANE_WORKER, on_chat, "A message, stored before it is delivered."},
    {"CHAT_STREAM", SW_ROLES_ALL, SW_LANE_LOOP, on_stream, "A piece of a message that is being written; not stored."},
    {"CHAT_STREAM_END", SW_ROLES_ALL, SW_LANE_LOOP, on_stream, "The end of such pieces; not stored."},
    {"AUTH_REQUEST", SW_ROLE_BIT(SW_ROLE_BUTLER), SW_LANE_WORKER, on_auth_request, "Butler asks a human for approval."},
    {"AUTH_RESPONSE", SW_ROLES_HUMAN, SW_LANE_WORKER, on_auth_response, "A human answers an authorization request."},
    {"ACK", SW_ROLE_BIT(SW_ROLE_BUTLER), SW_LANE_WORKER, on_ack, "Butler has received a decision."},
    {"AUTH_STATUS_UPDATE", 0, SW_LANE_WORKER, made_here, "Tells every human what became of an authorization request."},
    {"BUTLER_AGENT_MESSAGE", 0, SW_LANE_WORKER, made_here, "Shows every ADMIN what Butler and an agent say."},
};

static const sw_subscription SUBSCRIPTIONS[] = {
    {SW_EVENT_USER_REMOVED, on_user_removed, NULL},
    {SW_EVENT_STORE_RESET, on_store_reset, NULL},
};

static const sw_housekeeping HOUSEKEEPING[] = {
    {"approval-expiry", 1000, expire_due},
    {"retention", 5000, retention_prune},
};

static const sw_timer TIMERS[] = {
    {"status-again", 100, late_status_tell},
};

static const sw_recovery RECOVERY = {
    .size = sizeof RECOVERY,
    .last_id = recovery_last_id,
    .complete_since = recovery_complete_since,
    .page = recovery_page,
    .greet = approvals_greet,
    .greet_roles = SW_ROLE_BIT(SW_ROLE_BUTLER),
    .greet_hello_roles = SW_ROLES_HUMAN,
    .receipt = delivery_receipt,
};

static const sw_provided PROVIDES[] = {
    {"chat/1", &CHAT_SERVICE},
    {"approvals/1", &APPROVALS_SERVICE},
};

static const sw_need NEEDS[] = {
    {"users/1", false},
};

static void stop(void *state)
{
    chat *c = state;

    if (!c)
        return;
    delivery_free(c->delivery);
    late_status_free(c->late_status);
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
    c->late_status = late_status_new(host);
    if (!c->users || !c->cache || !c->delivery || !c->late_status) {
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
    .statements = {CHAT_STATEMENTS, (uint32_t)sizeof(sw_statement), ST_COUNT},
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
    .stop = stop,
};
