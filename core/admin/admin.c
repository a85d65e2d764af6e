/* Module 0, "core": the table of the server's own routes for operators; and the state of this folder. The main thread
 * makes and frees it; what it holds is read on any thread. */
#include "core/admin/admin.h"

#include <stdlib.h>

static const sw_route ROUTES[] = {
    {.method = SW_GET,
     .path = "/metrics",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = get_metrics,
     .summary = "Numbers for Prometheus."},
    {.method = SW_GET,
     .path = "/api/openapi.json",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = get_openapi,
     .summary = "This description, of the routes that are loaded.",
     .response = "{\"openapi\":\"3.1.0\"}"},
    {.method = SW_GET,
     .path = "/api/plugins",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = get_plugins,
     .summary = "List the plugins: state, routes, options, errors.",
     .response = "[{\"name\":\"chat\",\"version\":\"1.0.0\",\"abi\":\"1.0\",\"state\":\"enabled\"}]"},
    {.method = SW_POST,
     .path = "/api/plugins/:name/enable",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_plugin_enable,
     .summary = "Enable a plugin that was disabled.",
     .response = "{\"name\":\"chat\",\"state\":\"enabled\"}"},
    {.method = SW_POST,
     .path = "/api/plugins/:name/disable",
     .access = SW_ADMIN,
     .lane = SW_LANE_WORKER,
     .handle = post_plugin_disable,
     .summary = "Disable a plugin until the next start; refused when another one needs it.",
     .response = "{\"name\":\"chat\",\"state\":\"disabled\"}"},
};

const sw_plugin CORE_MODULE = {
    SW_PLUGIN_HEAD,
    .name = "core",
    .summary = "The server itself.",
    .routes = SW_TABLE(ROUTES),
};

bool admin_open(runtime *rt, initial_password_place place)
{
    rt->admin = calloc(1, sizeof *rt->admin);
    if (!rt->admin)
        return false;
    rt->admin->place = place;
    password_policy_prepare(rt);
    initial_admin_prepare(rt);
    return true;
}

void admin_close(runtime *rt)
{
    free(rt->admin);
    rt->admin = NULL;
}
