/* The table of them, and GET /api/ping, which is written on the loop without storage or allocation. */
#include "core/http/own_routes.h"

void ping_answer(exchange *x)
{
    static const char PONG[] = "{\"message\":\"pong\"}";
    reply r = {.status = 200, .content_type = "application/json", .body = PONG, .len = sizeof PONG - 1};
    reply_send(x, &r);
}

/* The same as a handler, so that its route is like all others. */
static sw_status ping_handle(sw_request *req)
{
    sw_json *j = sw_reply_json(req, 200);
    sw_json_object_begin(j, NULL);
    sw_json_text(j, "message", "pong");
    sw_json_object_end(j);
    return SW_OK;
}

/* Never called: http answers it itself. */
static sw_status socket_handle(sw_request *req)
{
    return sw_fail(req, SW_NOT_FOUND, NULL, "not found");
}

const own_route OWN_ROUTES[OWN_ROUTES_COUNT] = {
    {.row = {.method = SW_GET,
             .path = "/api/ping",
             .access = SW_PUBLIC,
             .lane = SW_LANE_LOOP,
             .handle = ping_handle,
             .summary = "Says that the process is alive.",
             .response = "{\"message\":\"pong\"}"},
     .kind = ROUTE_PING},
    {.row = {.method = SW_GET,
             .path = "/api/health",
             .access = SW_PUBLIC,
             .lane = SW_LANE_WORKER,
             .handle = health_handle,
             .summary = "Says whether the server is well; an ADMIN sees what was checked.",
             .response = "{\"status\":\"ok\"}"},
     .kind = ROUTE_HEALTH},
    {.row = {.method = SW_GET,
             .path = "/api/ws",
             .access = SW_PUBLIC,
             .lane = SW_LANE_LOOP,
             .handle = socket_handle,
             .summary = "Opens a WebSocket; the token stands in ?token=, in Authorization or in the subprotocols."},
     .kind = ROUTE_SOCKET},
};
