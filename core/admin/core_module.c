#include "core/admin/core_module.h"

static const sw_route ROUTES[] = {
    {SW_GET, "/metrics", SW_ADMIN, SW_LANE_WORKER, get_metrics, "Numbers for Prometheus.", .response = NULL},
    {SW_GET, "/api/openapi.json", SW_PUBLIC, SW_LANE_WORKER, get_openapi,
     "This description, of the routes that are loaded.", .response = "{\"openapi\":\"3.1.0\"}"},
    {SW_GET, "/api/plugins", SW_ADMIN, SW_LANE_WORKER, get_plugins, "List the plugins: state, routes, options, errors.",
     .response = "[{\"name\":\"chat\",\"version\":\"1.0.0\",\"abi\":\"1.0\",\"state\":\"enabled\"}]"},
    {SW_POST, "/api/plugins/:name/enable", SW_ADMIN, SW_LANE_WORKER, post_plugin_enable,
     "Enable a plugin that was disabled.", .response = "{\"name\":\"chat\",\"state\":\"enabled\"}"},
    {SW_POST, "/api/plugins/:name/disable", SW_ADMIN, SW_LANE_WORKER, post_plugin_disable,
     "Disable a plugin until the next start; refused when another one needs it.",
     .response = "{\"name\":\"chat\",\"state\":\"disabled\"}"},
};

const sw_plugin CORE_MODULE = {
    SW_PLUGIN_HEAD,
    .name = "core",
    .summary = "The server itself.",
    .routes = SW_TABLE(ROUTES),
};
