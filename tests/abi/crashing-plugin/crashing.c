/* A plugin that crashes the server in every way that the tests ask for. The ways are named in the path of the request,
 * in the option `when`, or, since nothing else is there so early, in the environment variable CRASH_ON_LOAD.
 *
 * Built with -DAUTH it also takes the place of auth: everybody is the administrator, and the token "crash" crashes. The
 * plugin in caller.c needs this one. */
#include "crashing.h"

#include <stdlib.h>
#include <steward/service/auth.h>
#include <string.h>

/* ---- services ---- */

static void crash_for_others(void)
{
    crash(NULL, "null");
}

/* "crash/1": for a plugin that uses another. */
static const struct {
    uint32_t size;
    void (*crash)(void);
} SERVICE = {sizeof SERVICE, crash_for_others};

#ifdef AUTH
static sw_status authenticate(void *self, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    (void)self;
    (void)db;
    if (len == 5 && memcmp(token, "crash", 5) == 0)
        crash(NULL, "null");
    ret->role = SW_ROLE_ADMIN;
    ret->user_id = 1;
    memcpy(ret->name, "admin", 6);
    return SW_OK;
}

static const sw_auth_service AUTH_SERVICE = {.size = sizeof AUTH_SERVICE, .authenticate = authenticate};
#endif

static const sw_provided PROVIDED[] = {
    {"crash/1", &SERVICE},
#ifdef AUTH
    {"auth/1", &AUTH_SERVICE},
#endif
};

/* ---- life ---- */

__attribute__((constructor)) static void load(void)
{
    if (getenv("CRASH_ON_LOAD"))
        crash(NULL, "null");
}

static sw_status start(sw_host *host, void **ret_state)
{
    state *s = calloc(1, sizeof *s);
    if (!s)
        return SW_NO_MEMORY;
    s->host = host;
    *ret_state = s;
    if (strcmp(sw_option_text(host, "when"), "start") == 0)
        crash(host, "null");
    return SW_OK;
}

static sw_status prepare(sw_tx *tx)
{
    const state *s = sw_tx_state(tx);
    if (strcmp(sw_option_text(s->host, "when"), "prepare") == 0)
        crash(NULL, "null");
    return SW_OK;
}

static void stop(void *self)
{
    state *s = self;
    if (strcmp(sw_option_text(s->host, "when"), "stop") == 0)
        crash(NULL, "null");
    free(s);
}

static void reconfigure(sw_host *host, void *self)
{
    (void)self;
    if (strcmp(sw_option_text(host, "when"), "reconfigure") == 0)
        crash(NULL, "null");
}

static void switched(sw_host *host, void *self, bool enabled)
{
    (void)self;
    (void)enabled;
    if (strcmp(sw_option_text(host, "when"), "switch") == 0)
        crash(NULL, "null");
}

static bool health(sw_request *req, sw_json *out)
{
    (void)out;
    if (strcmp(sw_option_text(sw_request_host(req), "when"), "health") == 0)
        crash(NULL, "null");
    return true;
}

static const sw_option OPTIONS[] = {
    {.name = "when",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .summary = "In which of its functions it crashes.",
     .flags = SW_OPTION_LIVE},
};

static const sw_route ROUTES[] = {
    {.method = SW_POST,
     .path = "/api/crash/:where/:how",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = post_crash,
     .summary = "Crashes."},
    {.method = SW_GET,
     .path = "/api/crash",
     .access = SW_PUBLIC,
     .lane = SW_LANE_LOOP,
     .handle = get_crash,
     .summary = "Does not."},
    {.method = SW_POST,
     .path = "/api/crash-on-loop/:where/:how",
     .access = SW_PUBLIC,
     .lane = SW_LANE_LOOP,
     .handle = post_crash,
     .summary = "Crashes on the loop."},
};

static const sw_frame_handler FRAMES[] = {
    {.type = "CRASH", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = take_frame},
    {.type = "CRASH_LOOP", .roles = SW_ROLES_ALL, .lane = SW_LANE_LOOP, .handle = take_frame},
};

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = "crashing.after", .after = on_after},
    {.event = "crashing.in_tx", .in_tx = on_in_tx},
};

static const sw_timer TIMERS[] = {{.name = "tick", .every_ms = 20, .run = on_tick}};
static const sw_housekeeping HOUSEKEEPING[] = {{.name = "sweep", .every_ms = 20, .step = keep_house}};

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "crashing",
    .version = VERSION,
    .license = "MIT",
    .summary = "Crashes the server, for tests.",
    .options = SW_TABLE(OPTIONS),
    .routes = SW_TABLE(ROUTES),
    .frames = SW_TABLE(FRAMES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .timers = SW_TABLE(TIMERS),
    .provides = SW_TABLE(PROVIDED),
    .health = health,
    .start = start,
    .prepare = prepare,
    .reconfigure = reconfigure,
    .stop = stop,
    .switched = switched,
};
