/* status-light: GET /api/light?name=web, by the service of status-page. */
#include "../status-page/status_service.h"

#include <steward/plugin.h>

static const sw_need NEEDS[] = {{.name = "status/1"}};

static sw_status get_light(sw_request *req)
{
    const char *name = sw_query_text(req, "name", 64, NULL);
    if (!name)
        sw_invalid(req, "missing_field", "name is required");
    SW_TRY(sw_check(req));

    void *self;
    const status_service *status = sw_service(sw_request_host(req), "status/1", &self);
    bool up = false;
    if (!status)
        return SW_UNAVAILABLE;
    sw_status outcome = status->is_up(self, sw_request_db(req), name, &up);
    if (outcome == SW_NOT_FOUND)
        return sw_fail(req, SW_NOT_FOUND, NULL, "nothing is known of that target");
    SW_TRY(outcome);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "light", up ? "green" : "red");
    sw_json_object_end(out);
    return SW_OK;
}

static const sw_route ROUTES[] = {
    {.method = SW_GET,
     .path = "/api/light",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = get_light,
     .summary = "Green when a target is up.",
     .response = "{\"light\":\"green\"}"},
};

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "status-light",
    .version = "0.1.0",
    .license = "MIT",
    .summary = "A traffic light of one target.",
    .routes = SW_TABLE(ROUTES),
    .needs = SW_TABLE(NEEDS),
};
