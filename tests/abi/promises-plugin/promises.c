/* promises: each route, event and option shows one sentence of steward-plugin(7), see test_promises.c. */
#include "promises.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const sw_option OPTIONS[] = {
    {.name = "at_start", .type = SW_OPTION_INT, .default_value = "1", .max = 9, .summary = "Not live."},
    {.name = "live",
     .type = SW_OPTION_INT,
     .default_value = "1",
     .max = 9,
     .flags = SW_OPTION_LIVE,
     .summary = "Live."},
    {.name = "mixed", .type = SW_OPTION_DURATION, .default_value = "1h30m", .summary = "Several units."},
    {.name = "part", .type = SW_OPTION_DURATION, .default_value = "1.5d", .summary = "A part."},
    {.name = "weeks", .type = SW_OPTION_DURATION, .default_value = "2w", .summary = "Weeks."},
    {.name = "plain", .type = SW_OPTION_DURATION, .default_value = "7", .summary = "A number alone."},
    {.name = "size", .type = SW_OPTION_SIZE, .default_value = "1.5M", .summary = "A size."},
    {.name = "list", .type = SW_OPTION_LIST, .default_value = " a ,, b b,", .summary = "A list."},
    {.name = "enum",
     .type = SW_OPTION_ENUM,
     .default_value = "Second",
     .choices = "First|Second",
     .summary = "A choice."},
    {.name = "well",
     .type = SW_OPTION_BOOL,
     .default_value = "true",
     .flags = SW_OPTION_LIVE,
     .summary = "What health says."},
};

typedef struct {
    sw_host *host;
    pthread_mutex_t lock;
    int begun, done, roles, told; /* of write_later; events that came: under the lock */
} state;

static void count(state *s, int *what, int by)
{
    pthread_mutex_lock(&s->lock);
    *what += by;
    pthread_mutex_unlock(&s->lock);
}

static sw_status start(sw_host *host, void **ret_state)
{
    state *s = calloc(1, sizeof *s);
    if (!s)
        return SW_NO_MEMORY;
    s->host = host;
    pthread_mutex_init(&s->lock, NULL);
    *ret_state = s;
    return SW_OK;
}

/* What was begun has ended by now. */
static void stop(void *kept)
{
    state *s = kept;
    if (s->begun != s->done)
        abort();
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- routes ---- */

static sw_status answer_text(sw_request *req, const char *text)
{
    sw_json_text(sw_reply_json(req, 200), NULL, text);
    return SW_OK;
}

static sw_status by_parameter(sw_request *req)
{
    return answer_text(req, sw_path_text(req, "id"));
}

static sw_status by_literal(sw_request *req)
{
    return answer_text(req, "the literal one");
}

static sw_status post_read(sw_request *req)
{
    int64_t query = sw_query_int(req, "n", 1, 0, 5), number = sw_body_int(req, "n", -1, 0, 5);
    const char *text = sw_body_text(req, "text", 0, 20), *other = sw_body_text_or(req, "other", 20, NULL);
    bool has = sw_body_has(req, "other");
    SW_TRY(sw_check(req));
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "query", query);
    sw_json_int(out, "number", number);
    sw_json_text(out, "text", text);
    sw_json_bool(out, "has", has);
    sw_json_bool(out, "other", other != NULL);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status get_headers(sw_request *req)
{
    sw_reply_header(req, "X-Before", "1");
    (void)answer_text(req, "");
    sw_reply_header(req, "X-Twice", "a");
    sw_reply_header(req, "X-Twice", "b");
    return sw_query_has(req, "fail") ? sw_fail(req, SW_CONFLICT, NULL, "no") : SW_OK;
}

static sw_status get_options(sw_request *req)
{
    static const char *const NUMBERS[] = {"at_start", "live", "mixed", "part", "weeks", "plain", "size"};
    const sw_host *host = sw_request_host(req);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
        sw_json_int(out, NUMBERS[i], sw_option_int(host, NUMBERS[i]));
    sw_json_text(out, "enum", sw_option_text(host, "enum"));
    sw_json_array_begin(out, "list");
    const char *item;
    for (size_t i = 0; (item = sw_option_item(host, "list", i)); i++)
        sw_json_text(out, NULL, item);
    sw_json_array_end(out);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status get_seen(sw_request *req)
{
    state *s = sw_request_state(req);
    pthread_mutex_lock(&s->lock);
    state now = *s;
    pthread_mutex_unlock(&s->lock);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "done", now.done);
    sw_json_int(out, "roles", now.roles);
    sw_json_int(out, "told", now.told);
    sw_json_object_end(out);
    return SW_OK;
}

/* ---- writes from outside ---- */

static sw_status later_step(sw_tx *tx, void *arg)
{
    state *s = arg;
    const sw_request *req = sw_tx_request(tx);
    if (!req)
        return SW_INTERNAL;
    count(s, &s->roles, (int)sw_request_principal(req)->role);
    return sw_tx_publish(tx, "promises.later", NULL, 0);
}

static void later_done(void *arg, sw_status outcome)
{
    state *s = arg;
    if (outcome == SW_OK)
        count(s, &s->done, 1);
}

static sw_status begin_later(void *self)
{
    state *s = self;
    count(s, &s->begun, 1);
    if (sw_write_later(s->host, later_step, s, later_done))
        return SW_OK;
    count(s, &s->begun, -1);
    return SW_BUSY;
}

/* ---- the rest ---- */

static sw_status on_ordered(sw_tx *tx, const void *data)
{
    order_event *order = *(order_event *const *)data;
    state *s = sw_tx_state(tx);
    count(s, &s->told, 1);
    order->names[order->count++] = "promises";
    return SW_OK;
}

static bool health(sw_request *req, sw_json *out)
{
    sw_json_int(out, "answer", 42);
    sw_json_text(out, "mood", "fine");
    return sw_request_db(req) && sw_option_bool(sw_request_host(req), "well");
}

static const sw_route ROUTES[] = {
    {.method = SW_GET,
     .path = "/api/elsewhere/:id",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = by_parameter,
     .summary = "."},
    {.method = SW_DELETE,
     .path = "/api/elsewhere/now",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = by_literal,
     .summary = "."},
    {.method = SW_GET,
     .path = "/api/elsewhere/then",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = by_literal,
     .summary = "."},
    {.method = SW_POST,
     .path = "/api/promises/read",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = post_read,
     .summary = "."},
    {.method = SW_GET,
     .path = "/api/promises/headers",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = get_headers,
     .summary = "."},
    {.method = SW_GET,
     .path = "/api/promises/options",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = get_options,
     .summary = "."},
    {.method = SW_GET,
     .path = "/api/promises/seen",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = get_seen,
     .summary = "."},
};
static const sw_subscription SUBSCRIPTIONS[] = {{.event = "order", .in_tx = on_ordered}};
static const promises_service SERVICE = {.size = sizeof SERVICE, .begin_later = begin_later};
static const sw_provided PROVIDES[] = {{.name = "promises/1", .table = &SERVICE}};

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "promises",
    .version = "1",
    .summary = "Shows what the manual promises.",
    .options = SW_TABLE(OPTIONS),
    .routes = SW_TABLE(ROUTES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .provides = SW_TABLE(PROVIDES),
    .health = health,
    .start = start,
    .stop = stop,
};
