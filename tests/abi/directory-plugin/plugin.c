/* The front door: what directory declares, and its life. */
#include "directory.h"

#include <stdlib.h>

static const sw_option OPTIONS[] = {
    {.name = "url",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .flags = SW_OPTION_LIVE,
     .summary = "The directory: https, or http to a loopback host; /bind and /find are added to it."},
    {.name = "credential",
     .type = SW_OPTION_SECRET,
     .default_value = "",
     .flags = SW_OPTION_LIVE,
     .summary = "What this server says to the directory as a bearer token; empty: nothing."},
    {.name = "admin_groups",
     .type = SW_OPTION_LIST,
     .default_value = "steward-admins",
     .flags = SW_OPTION_LIVE,
     .summary = "Who is in one of these groups is ADMIN."},
    {.name = "member_groups",
     .type = SW_OPTION_LIST,
     .default_value = "",
     .flags = SW_OPTION_LIVE,
     .summary = "Who is in one of these groups is MEMBER; empty: everybody whom the directory knows."},
    {.name = "timeout",
     .type = SW_OPTION_DURATION,
     .default_value = "5s",
     .min = 100,
     .max = 60000,
     .flags = SW_OPTION_LIVE,
     .summary = "How long the directory may take to answer."},
    {.name = "max_answer",
     .type = SW_OPTION_SIZE,
     .default_value = "256K",
     .min = 1024,
     .max = 4194304,
     .flags = SW_OPTION_LIVE,
     .summary = "The longest answer that is read."},
    {.name = "recheck",
     .type = SW_OPTION_DURATION,
     .default_value = "1m",
     .min = 1000,
     .max = 86400000,
     .flags = SW_OPTION_LIVE,
     .summary = "How often it is asked whether those who are signed in may still come in."},
    {.name = "grace",
     .type = SW_OPTION_DURATION,
     .default_value = "1h",
     .min = 0,
     .max = 604800000,
     .flags = SW_OPTION_LIVE,
     .summary = "How long sessions go on while the directory does not answer."},
};

#define LOGIN "{\"username\":\"ada\",\"password\":\"…\"}"
#define SIGNED_IN                                                                                                 \
    "{\"token\":\"eyJ…\",\"user\":{\"id\":3,\"username\":\"ada\",\"role\":\"MEMBER\",\"actor_type\":\"HUMAN\"," \
    "\"created_at\":\"2026-03-05T21:42:08.123Z\"}}"

static const sw_route ROUTES[] = {
    {.method = SW_POST,
     .path = "/api/auth/login",
     .access = SW_PUBLIC,
     .lane = SW_LANE_SLOW,
     .handle = post_login,
     .summary = "Sign in with name and password of the directory.",
     .request = LOGIN,
     .response = SIGNED_IN},
    {.method = SW_POST,
     .path = "/api/auth/logout",
     .access = SW_HUMAN,
     .lane = SW_LANE_WORKER,
     .handle = post_logout,
     .summary = "End this session."},
    {.method = SW_DELETE,
     .path = "/api/directory/sessions/:user_id",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = delete_sessions,
     .summary = "End every session of a user."},
};

static sw_status on_reset(sw_tx *tx, const void *data)
{
    (void)data;
    return store_clear(tx);
}

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_USER_REMOVED, .in_tx = on_user_removed},
    {.event = SW_EVENT_STORE_RESET, .in_tx = on_reset},
};

static const sw_timer TIMERS[] = {
    {.name = "recheck", .every_ms = 1000, .run = recheck},
};

static const sw_housekeeping HOUSEKEEPING[] = {
    {.name = "expire", .every_ms = 60000, .step = store_expire},
};

static const sw_provided PROVIDES[] = {{.name = "auth/1", .table = &AUTH_SERVICE}};
static const sw_need NEEDS[] = {{.name = "users/1"}};

static bool health(sw_request *req, sw_json *out)
{
    directory *d = sw_request_state(req);
    int64_t since_ms = atomic_load(&d->down_since_ms), sessions = 0;

    if (store_count(sw_request_db(req), &sessions) != SW_OK)
        return false;
    sw_json_bool(out, "answers", since_ms == 0);
    sw_json_int(out, "silent_seconds", since_ms ? (sw_now_ms() - since_ms) / 1000 : 0);
    sw_json_int(out, "sessions", sessions);
    sw_json_int(out, "logins", (int64_t)atomic_load(&d->logins));
    sw_json_int(out, "refusals", (int64_t)atomic_load(&d->refusals));
    return since_ms == 0;
}

/* ---- life ---- */

static sw_status start(sw_host *host, void **ret_state)
{
    directory *d = calloc(1, sizeof *d);

    if (!d)
        return SW_NO_MEMORY;
    d->host = host;
    d->users = sw_service(host, "users/1", &d->users_self);
    if (!d->users || !SW_HAS(d->users, provide) || !*sw_option_text(host, "url")) {
        sw_log(host, SW_LOG_ERROR, "%s", *sw_option_text(host, "url") ? "users/1 is too old" : "url is not set");
        free(d);
        return SW_INVALID;
    }
    *ret_state = d;
    return SW_OK;
}

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "directory",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "Login by a company's directory, in place of auth.",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .statements = SW_TABLE(STATEMENTS),
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .timers = SW_TABLE(TIMERS),
    .provides = SW_TABLE(PROVIDES),
    .needs = SW_TABLE(NEEDS),
    .health = health,
    .start = start,
    .stop = free,
};
