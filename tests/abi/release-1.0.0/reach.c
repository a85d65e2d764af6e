/* reach: calls what ABI 1.0 has for other machines and for answers that come later. Valid C11 and C++20. No example: each
 * route calls all that belongs together and shows what came of it. */
#include <pthread.h>
#include <steward/outbound.h>
#include <steward/plugin.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    sw_host *host;
    pthread_mutex_t lock;
    char said[64]; /* under the lock: what another machine said last */
} reach;

/* ---- answers that come later: over the loop, a worker, and a task that says so ---- */

static sw_status answer_kept(sw_request *req)
{
    sw_json_text(sw_reply_json(req, 200), NULL, (const char *)sw_request_kept(req));
    return SW_OK;
}

static sw_status complete(sw_request *task)
{
    return sw_complete(sw_request_host(task), (uint64_t)sw_request_tag(task)) ? SW_OK : SW_NOT_FOUND;
}

static sw_status defer(sw_request *req)
{
    sw_host *host = sw_request_host(req);
    int64_t handle = (int64_t)sw_defer(req, SW_LANE_WORKER, answer_kept, 20000);
    bool going = sw_query_has(req, "soon") ? sw_task_run(host, SW_LANE_SLOW, complete, handle)
                                           : sw_task_after(host, SW_LANE_SLOW, complete, handle, 10);

    return going ? sw_deferred(req) : SW_BUSY;
}

static sw_status get_later(sw_request *req)
{
    sw_request_keep(req, sw_strdup(req, "over three lanes"));
    return sw_move(req, SW_LANE_WORKER, defer);
}

/* ---- other machines ---- */

static sw_status get_waited(sw_request *req)
{
    sw_http_call call = { .size = sizeof call };
    sw_http_answer answer = { .size = sizeof answer };
    char type[40];

    call.url = sw_query_text(req, "url", 1000, "");
    SW_TRY(sw_check(req));
    SW_TRY(sw_http_wait(req, &call, &answer));
    sw_http_header(&answer, "content-type", type, sizeof type);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "status", answer.status);
    sw_json_text(out, "type", type);
    sw_json_textn(out, "body", answer.body, answer.body_len);
    sw_json_object_end(out);
    return SW_OK;
}

/* One exchange with another machine that the request `handle` waits for; freed by its last callback. */
typedef struct {
    reach *r;
    uint64_t handle;
} exchange;

static void say(exchange *x, const char *text, size_t len)
{
    pthread_mutex_lock(&x->r->lock);
    len = len < sizeof x->r->said ? len : sizeof x->r->said - 1;
    memcpy(x->r->said, text, len);
    x->r->said[len] = '\0';
    pthread_mutex_unlock(&x->r->lock);
}

static void end(exchange *x)
{
    (void)sw_complete(x->r->host, x->handle);
    free(x);
}

static void on_answer(void *arg, const sw_http_answer *answer)
{
    say((exchange *)arg, answer->status == 200 ? "answered" : answer->error, answer->status == 200 ? 8 : strlen(answer->error));
    end((exchange *)arg);
}

static void on_opened(void *arg, uint64_t handle)
{
    static const char TEXT[] = "hello from reach";
    (void)sw_ws_send(((exchange *)arg)->r->host, handle, false, TEXT, sizeof TEXT - 1);
}

static void on_message(void *arg, uint64_t handle, bool binary, const void *data, size_t len)
{
    say((exchange *)arg, binary ? "binary" : (const char *)data, binary ? 6 : len);
    sw_ws_close(((exchange *)arg)->r->host, handle, 1000);
}

static void on_ended(void *arg, uint64_t handle, const sw_ws_end *why)
{
    const char *text = why->http_status == 401 ? "refused by 401" : why->error;

    (void)handle;
    if (!why->opened)
        say((exchange *)arg, text, strlen(text));
    end((exchange *)arg);
}

static sw_status answer_said(sw_request *req)
{
    reach *r = (reach *)sw_request_state(req);

    pthread_mutex_lock(&r->lock);
    sw_json_text(sw_reply_json(req, 200), NULL, r->said);
    pthread_mutex_unlock(&r->lock);
    return SW_OK;
}

static sw_status get_called(sw_request *req)
{
    reach *r = (reach *)sw_request_state(req);
    const char *url = sw_query_text(req, "url", 1000, "");
    exchange *x = (exchange *)calloc(1, sizeof *x);
    sw_status begun;
    uint64_t socket;

    if (!x)
        return SW_NO_MEMORY;
    x->r = r;
    x->handle = sw_defer(req, SW_LANE_WORKER, answer_said, 20000);
    if (strncmp(url, "ws", 2) == 0) {
        sw_ws_call call = { .size = sizeof call, .url = url, .timeout_ms = 5000, .max_message = 1000, .opened = on_opened,
                            .message = on_message, .ended = on_ended };
        begun = sw_ws_connect(r->host, &call, x, &socket);
    } else {
        sw_http_call call = { .size = sizeof call, .method = "GET", .url = url };
        begun = sw_http_start(r->host, &call, on_answer, x);
    }
    if (begun != SW_OK) {
        free(x);
        return begun;
    }
    return sw_deferred(req);
}

/* ---- what the plugin declares ---- */

#define ROUTE(where, on, fn) \
    { .method = SW_GET, .path = where, .access = SW_ADMIN, .lane = on, .handle = fn, .summary = "One of reach's." }

static const sw_route ROUTES[] = {
    ROUTE("/api/reach/later", SW_LANE_LOOP, get_later),
    ROUTE("/api/reach/waited", SW_LANE_SLOW, get_waited),
    ROUTE("/api/reach/called", SW_LANE_WORKER, get_called),
};

static sw_status start(sw_host *host, void **ret_state)
{
    reach *r = (reach *)calloc(1, sizeof *r);

    if (!r || pthread_mutex_init(&r->lock, NULL) != 0)
        return SW_NO_MEMORY;
    r->host = host;
    *ret_state = r;
    return SW_OK;
}

static void stop(void *state)
{
    pthread_mutex_destroy(&((reach *)state)->lock);
    free(state);
}

const sw_plugin sw_plugin_v1 = {
    .magic = SW_PLUGIN_MAGIC, .abi_major = SW_ABI_MAJOR, .abi_minor = SW_ABI_MINOR, .size = sizeof(sw_plugin),
    .name = "reach", .version = "1.0.0", .license = "MIT", .summary = "Calls what there is for other machines.",
    .routes = SW_TABLE(ROUTES), .start = start, .stop = stop,
};
