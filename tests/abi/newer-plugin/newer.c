/* newer: calls what ABI 1.1 and 1.2 added, and nothing else of note. An older server must refuse it (test_newer.py). */
#include <steward/host.h>
#include <steward/outbound.h>
#include <steward/plugin.h>
#include <string.h>

/* A body's time, and the same by hand. */
static sw_status post_time(sw_request *req)
{
    int64_t at = sw_body_time(req, "at", -1), parsed = -1;
    const char *text = sw_body_text_or(req, "text", 100, "");

    SW_TRY(sw_check(req));
    bool is_time = sw_time_parse(text, strlen(text), &parsed);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "at", at);
    sw_json_bool(out, "is_time", is_time);
    sw_json_int(out, "parsed", parsed);
    sw_json_object_end(out);
    return SW_OK;
}

/* What another machine says, or 503 when the server stops first. */
static sw_status get_far(sw_request *req)
{
    sw_http_call call = {
        .size = sizeof call,
        .method = sw_query_text(req, "method", 10, "GET"),
        .url = sw_query_text(req, "url", 1000, ""),
        .timeout_ms = (int)sw_query_int(req, "timeout", 60000, 1, 60000),
        .max_answer = (size_t)sw_query_int(req, "max", 0, 0, 1000000),
    };
    sw_http_answer answer = {.size = sizeof answer};

    SW_TRY(sw_check(req));
    SW_TRY(sw_http_wait(req, &call, &answer));
    if (answer.outcome == SW_HTTP_STOPPED)
        return sw_fail(req, SW_BUSY, NULL, "the server stops");
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "status", answer.status);
    sw_json_int(out, "outcome", (int64_t)answer.outcome);
    sw_json_int(out, "head_status", answer.head_status);
    sw_json_bool(out, "timed", answer.took_ms >= 0);
    sw_json_object_end(out);
    return SW_OK;
}

/* To the socket that asks, and to no other of its user. */
static sw_status on_ask(sw_request *req)
{
    sw_frame *frame = sw_frame_new(req);

    sw_json_text(sw_frame_json(frame), "type", "NEWER_ANSWER");
    return sw_send_origin(req, frame);
}

static sw_status get_no_socket(sw_request *req)
{
    return sw_send_origin(req, sw_frame_new(req));
}

static const sw_route ROUTES[] = {
    {.method = SW_POST, .path = "/api/newer/time", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = post_time},
    {.method = SW_GET, .path = "/api/newer/far", .access = SW_PUBLIC, .lane = SW_LANE_SLOW, .handle = get_far},
    {.method = SW_GET,
     .path = "/api/newer/no-socket",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = get_no_socket},
    {.method = SW_POST,
     .path = "/api/newer/short",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = post_time,
     .body_limit = 20},
};

static const sw_frame_handler FRAMES[] = {
    {.type = "NEWER_ASK", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = on_ask},
};

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "newer",
    .version = "1",
    .license = "MIT",
    .summary = "Calls what ABI 1.1 and 1.2 added.",
    .routes = SW_TABLE(ROUTES),
    .frames = SW_TABLE(FRAMES),
};
