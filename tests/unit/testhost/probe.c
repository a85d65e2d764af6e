/* A plugin that has one of everything that a host of tests must reach. */
#include <steward/outbound.h>
#include <steward/plugin.h>
#include <string.h>

static const sw_option OPTIONS[] = {
    {.name = "word",
     .type = SW_OPTION_STRING,
     .default_value = "hello",
     .min = 1,
     .max = 20,
     .flags = SW_OPTION_LIVE,
     .summary = "What it says."},
    {.name = "fail",
     .type = SW_OPTION_ENUM,
     .default_value = "no",
     .choices = "no|start|prepare",
     .summary = "Where it fails."},
    {.name = "fixed", .type = SW_OPTION_INT, .default_value = "1", .summary = "Not live."},
};

static const sw_migration MIGRATIONS[] = {
    {"0001_rows",
     "CREATE TABLE probe_rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL) STRICT;"
     "CREATE TABLE probe_starts (n INTEGER NOT NULL) STRICT"},
};

enum { ADD, STARTED, DROP_ONE };

static const sw_statement STATEMENTS[] = {
    [ADD] = {"add", "INSERT INTO probe_rows (text, at_ms) VALUES (?1, ?2)", NULL},
    [STARTED] = {"started", "INSERT INTO probe_starts VALUES (1)", NULL},
    [DROP_ONE] = {"drop_one", "DELETE FROM probe_rows WHERE id IN (SELECT id FROM probe_rows LIMIT 1)", NULL},
};

/* ---- reading ---- */

static sw_status get_who(sw_request *req)
{
    const sw_principal *who = sw_request_principal(req);
    sw_json *j = sw_reply_json(req, 200);
    sw_json_object_begin(j, NULL);
    sw_json_int(j, "id", who->user_id);
    sw_json_text(j, "role", sw_role_name(who->role));
    sw_json_text(j, "name", who->name);
    sw_json_bool(j, "api", who->by_api_token);
    sw_json_text(j, "address", sw_request_address(req));
    sw_json_text(j, "word", sw_option_text(sw_request_host(req), "word"));
    sw_json_text_opt(j, "header", sw_header(req, "X-Probe"));
    sw_json_object_end(j);
    sw_reply_header(req, "X-Answer", "forty two");
    return SW_OK;
}

static sw_status post_echo(sw_request *req)
{
    sw_str body = sw_body_raw(req);
    sw_reply_bytes(req, 200, "text/plain", body.at, body.len);
    return SW_OK;
}

/* ---- writing ---- */

typedef struct {
    uint32_t size;
    int64_t id;
} probe_event;

static sw_status add_step(sw_tx *tx, void *arg)
{
    const char *text = arg;
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[ADD], NULL, "si", text, sw_tx_now(tx)));
    probe_event added = {.size = sizeof added, .id = sw_tx_last_id(tx)};
    SW_TRY(sw_tx_publish(tx, "probe.added", &added, sizeof added));
    if (strcmp(text, "undone") == 0)
        return sw_fail(sw_tx_request(tx), SW_EXPIRED, NULL, "undone after all");
    sw_frame *frame = sw_frame_new_tx(tx);
    sw_json *f = sw_frame_json(frame);
    sw_json_text(f, "type", "PROBE_ADDED");
    sw_json_text(f, "payload", text);
    const sw_audience all = {.size = sizeof all, .roles = SW_ROLES_ALL};
    sw_tx_send(tx, frame, &all);
    sw_json *j = sw_tx_reply(tx, 201);
    sw_json_object_begin(j, NULL);
    sw_json_int(j, "id", added.id);
    sw_json_time(j, "at", sw_tx_now(tx));
    sw_json_object_end(j);
    return SW_OK;
}

static sw_status post_row(sw_request *req)
{
    char *text = sw_strdup(req, sw_body_text(req, "text", 1, 100000));
    SW_TRY(sw_check(req));
    return sw_write(req, add_step, text);
}

/* ---- other machines, and later ---- */

static sw_status get_far(sw_request *req)
{
    const sw_http_call call = {.size = sizeof call,
                               .url = sw_query_text(req, "url", 200, "https://far.example/x"),
                               .max_answer = (size_t)sw_query_int(req, "max", 0, 0, 1000)};
    sw_http_answer answer = {.size = sizeof answer};
    SW_TRY(sw_http_wait(req, &call, &answer));
    sw_json *j = sw_reply_json(req, 200);
    sw_json_object_begin(j, NULL);
    sw_json_int(j, "status", answer.status);
    sw_json_int(j, "outcome", (int)answer.outcome);
    sw_json_int(j, "head_status", answer.head_status);
    sw_json_text(j, "error", answer.error);
    sw_json_text(j, "body", answer.body);
    sw_json_object_end(j);
    return SW_OK;
}

static sw_status later(sw_request *req)
{
    sw_log(sw_request_host(req), SW_LOG_INFO, "later %lld", (long long)sw_request_tag(req));
    return SW_OK;
}

static sw_status post_later(sw_request *req)
{
    bool waits = sw_task_after(sw_request_host(req), SW_LANE_WORKER, later, 7, 1);
    sw_reply_empty(req, waits ? 204 : 500);
    return SW_OK;
}

static sw_status on_frame(sw_request *req)
{
    sw_str payload = sw_frame_payload(req);
    if (payload.len == 0)
        return sw_fail(req, SW_INVALID, "no_payload", "say something");
    sw_frame *frame = sw_frame_new(req);
    sw_json *f = sw_frame_json(frame);
    sw_json_text(f, "type", "PROBE_SAID");
    sw_json_raw(f, "payload", payload.at, payload.len);
    const int64_t self = sw_request_principal(req)->user_id;
    const sw_audience to = {.size = sizeof to, .users = &self, .user_count = 1};
    sw_send(req, frame, &to);
    return SW_OK;
}

/* ---- periodic, events ---- */

static sw_status tick(sw_request *req)
{
    sw_log(sw_request_host(req), SW_LOG_INFO, "tick");
    return SW_OK;
}

static sw_status sweep(sw_tx *tx, bool *ret_more)
{
    int64_t changes;
    SW_TRY(sw_tx_exec(tx, &STATEMENTS[DROP_ONE], &changes, ""));
    *ret_more = changes > 0;
    return SW_OK;
}

static sw_status message_stored(sw_tx *tx, const void *data)
{
    const sw_message_event *m = data;
    (void)tx;
    return strcmp(m->content, "refuse me") == 0 ? SW_FORBIDDEN : SW_OK;
}

static sw_status message_stored_after(sw_request *req, const void *data)
{
    const sw_message_event *m = data;
    sw_log(sw_request_host(req), SW_LOG_INFO, "heard of %s", m->content);
    return SW_OK;
}

/* ---- life ---- */

static sw_status start(sw_host *host, void **ret_state)
{
    (void)ret_state;
    if (strcmp(sw_option_text(host, "fail"), "start") != 0)
        return SW_OK;
    sw_log(host, SW_LOG_ERROR, "told to fail at the start");
    return SW_INTERNAL;
}

static sw_status prepare(sw_tx *tx)
{
    if (strcmp(sw_option_text(sw_tx_host(tx), "fail"), "prepare") == 0)
        return SW_CONFLICT;
    return sw_tx_exec(tx, &STATEMENTS[STARTED], NULL, "");
}

static const sw_route ROUTES[] = {
    {.method = SW_GET, .path = "/api/probe/who", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = get_who},
    {.method = SW_GET, .path = "/api/probe/loop", .access = SW_SIGNED_IN, .lane = SW_LANE_LOOP, .handle = get_who},
    {.method = SW_GET, .path = "/api/probe/human", .access = SW_HUMAN, .lane = SW_LANE_WORKER, .handle = get_who},
    {.method = SW_GET, .path = "/api/probe/admin", .access = SW_ADMIN, .lane = SW_LANE_WORKER, .handle = get_who},
    {.method = SW_POST, .path = "/api/probe/rows", .access = SW_SIGNED_IN, .lane = SW_LANE_WORKER, .handle = post_row},
    {.method = SW_POST,
     .path = "/api/probe/echo",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = post_echo,
     .flags = SW_ROUTE_RAW_BODY},
    {.method = SW_GET, .path = "/api/probe/far", .access = SW_PUBLIC, .lane = SW_LANE_SLOW, .handle = get_far},
    {.method = SW_POST, .path = "/api/probe/later", .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = post_later},
};

static const sw_frame_handler FRAMES[] = {
    {.type = "PROBE", .roles = SW_ROLES_HUMAN, .lane = SW_LANE_WORKER, .handle = on_frame},
};
static const sw_timer TIMERS[] = {{.name = "tick", .every_ms = 10, .run = tick}};
static const sw_housekeeping HOUSEKEEPING[] = {{.name = "sweep", .every_ms = 1, .step = sweep}};
static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = SW_EVENT_MESSAGE_STORED, .in_tx = message_stored, .after = message_stored_after},
};

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "probe",
    .version = "1",
    .options = SW_TABLE(OPTIONS),
    .migrations = SW_TABLE(MIGRATIONS),
    .statements = SW_TABLE(STATEMENTS),
    .routes = SW_TABLE(ROUTES),
    .frames = SW_TABLE(FRAMES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .timers = SW_TABLE(TIMERS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .start = start,
    .prepare = prepare,
};
