/* auth: login, its limits, and what a token means. Read this file first: it declares everything that the plugin has,
 * and makes its state on the main thread. */
#include "auth.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const sw_option OPTIONS[] = {
    {.name = "failures",
     .type = SW_OPTION_INT,
     .default_value = "5",
     .max = LOGIN_FAILURES_MAX,
     .summary =
         "Failed logins of one user from one address within a minute, after which that pair is refused for 1, 2, "
         "4 … 60 s. 0: never."},
    {.name = "address_failures",
     .type = SW_OPTION_INT,
     .default_value = "5",
     .max = LOGIN_FAILURES_MAX,
     .summary = "The same for all users of one address (/64 for IPv6); raise it for many people behind one address. "
                "0: never."},
    {.name = "user_failures",
     .type = SW_OPTION_INT,
     .default_value = "30",
     .max = LOGIN_FAILURES_MAX,
     .summary =
         "The same for one user over all addresses; those who signed in lately from their address are not refused. "
         "0: never."},
    {.name = "known_for",
     .type = SW_OPTION_DURATION,
     .default_value = "30d",
     .max = INT64_C(366) * 24 * 60 * 60 * 1000,
     .summary =
         "How long after a right password a user is known at that address: the failures of others do not concern "
         "it, and places are kept for it however many strangers try. Forgotten by a restart. 0: never."},
    {.name = "places",
     .type = SW_OPTION_INT,
     .default_value = "0",
     .max = 32,
     .summary = "Logins of all addresses that may be hashed at the same time, but for known users; 0: as many as "
                "server.hash_workers."},
    {.name = "at_once",
     .type = SW_OPTION_INT,
     .default_value = "2",
     .min = 1,
     .max = 64,
     .summary = "Logins of one address that may be hashed at the same time; the others wait in line."},
    {.name = "waiting",
     .type = SW_OPTION_INT,
     .default_value = "64",
     .min = 1,
     .max = 1024,
     .summary = "Logins of one address that may wait in line; one more is refused with 429."},
    {.name = "wait_timeout",
     .type = SW_OPTION_DURATION,
     .default_value = "30s",
     .min = 1000,
     .max = 600000,
     .summary = "How long a login may wait in line before it is answered with 503."},
    {.name = "remembered",
     .type = SW_OPTION_INT,
     .default_value = "8192",
     .min = 64,
     .max = 1000000,
     .summary =
         "Addresses, users and (user, address) pairs whose failures are remembered, and as many that are known; those "
         "untouched longest go first."},
};

static const sw_route ROUTES[] = {
    {.method = SW_POST,
     .path = "/api/auth/login",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = post_login,
     .body_limit = 4096,
     .flags = SW_WORK_URGENT,
     .summary = "Sign in with name and password.",
     .request = "{\"username\":\"admin\",\"password\":\"…\"}",
     .response = "{\"token\":\"<jwt>\",\"user\":{\"id\":1,\"username\":\"admin\",\"role\":\"ADMIN\","
                 "\"actor_type\":\"HUMAN\",\"created_at\":\"2026-03-05T21:42:08.123Z\"}}"},
};

static const sw_provided PROVIDES[] = {
    {.name = "auth/1", .table = &AUTH_SERVICE},
};

static const sw_need NEEDS[] = {
    {.name = "users/1", .optional = false},
};

static uint32_t number(sw_host *host, const char *option)
{
    return (uint32_t)sw_option_int(host, option);
}

/* One for each thread of the hash lane: more would only wait there, before a known user. */
static uint32_t places(sw_host *host)
{
    int64_t threads = sw_option_core_int(host, "server.hash_workers");
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (number(host, "places") > 0)
        return number(host, "places");
    if (threads <= 0)
        threads = cores > 1 ? cores / 2 : 1;
    return threads < INT32_MAX ? (uint32_t)threads : INT32_MAX;
}

static bool fill_state(auth_state *state, sw_host *host, const char *secret)
{
    login_rules rules = {
        .failures = number(host, "failures"),
        .address_failures = number(host, "address_failures"),
        .user_failures = number(host, "user_failures"),
        .at_once = number(host, "at_once"),
        .places = places(host),
        .waiting = number(host, "waiting"),
        .remembered = number(host, "remembered"),
        .known_for_ms = sw_option_int(host, "known_for"),
    };

    state->host = host;
    state->users = sw_service(host, "users/1", &state->users_self);
    state->secret = (unsigned char *)strdup(secret);
    state->secret_len = strlen(secret);
    state->limiter = limiter_new(&rules);
    return state->users && state->secret && state->limiter;
}

static void stop(void *state_of_plugin)
{
    auth_state *state = state_of_plugin;

    if (!state)
        return;
    limiter_free(state->limiter);
    if (state->secret)
        explicit_bzero(state->secret, state->secret_len);
    free(state->secret);
    free(state);
}

static sw_status start(sw_host *host, void **ret_state)
{
    const char *secret = sw_option_core(host, "auth.jwt_secret");

    if (!secret || strlen(secret) < 32) {
        sw_log(host, SW_LOG_ERROR, "auth.jwt_secret is missing or shorter than 32 bytes");
        return SW_INVALID;
    }
    auth_state *state = calloc(1, sizeof *state);
    if (!state || !fill_state(state, host, secret)) {
        stop(state);
        return SW_NO_MEMORY;
    }
    *ret_state = state;
    return SW_OK;
}

static bool health(sw_request *req, sw_json *out)
{
    auth_state *state = sw_request_state(req);

    sw_json_int(out, "login_failures", (int64_t)atomic_load(&state->failures));
    sw_json_int(out, "login_refusals", (int64_t)atomic_load(&state->refusals));
    return true;
}

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "auth",
    .version = "1.0.0",
    .license = "MIT",
    .summary = "Login with name and password, its limits, and what a token means.",
    .options = SW_TABLE(OPTIONS),
    .routes = SW_TABLE(ROUTES),
    .provides = SW_TABLE(PROVIDES),
    .needs = SW_TABLE(NEEDS),
    .health = health,
    .start = start,
    .stop = stop,
};
