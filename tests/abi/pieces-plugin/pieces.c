/* pieces: replies in pieces and answers that come later, as ABI 1.2 has them (test_pieces.py). */
#include <stdatomic.h>
#include <stdlib.h>
#include <steward/plugin.h>
#include <string.h>

typedef struct {
    _Atomic uint64_t stream;            /* of /events */
    _Atomic int ended, complete, rooms; /* how often `ended` came, how often well; how often `room` */
    _Atomic uint64_t waiting;           /* of /wait */
    _Atomic int answered, request_ended, freed;
} pieces_state;

/* ---- a long reply, written as the client takes it ---- */

typedef struct {
    sw_host *host;
    pieces_state *state;
    uint64_t stream;
    size_t left, piece;
    char *bytes;
    _Atomic int refs; /* of the stream, and of the task that writes */
} download;

static void download_release(download *d)
{
    if (atomic_fetch_sub(&d->refs, 1) != 1)
        return;
    free(d->bytes);
    free(d);
}

static void drop_download(void *arg)
{
    download_release(arg);
}

static sw_status write_on(sw_request *req)
{
    download *d = sw_request_kept(req);
    while (d->left > 0) {
        size_t len = d->left < d->piece ? d->left : d->piece;
        sw_status status = sw_stream_write(d->host, d->stream, d->bytes, len);
        if (status == SW_BUSY)
            return SW_OK; /* room() begins the next task */
        if (status != SW_OK)
            return SW_OK;
        d->left -= len;
    }
    sw_stream_end(d->host, d->stream);
    return SW_OK;
}

static void go_on(download *d)
{
    atomic_fetch_add(&d->refs, 1);
    if (!sw_task_run_arg(d->host, SW_LANE_WORKER, write_on, d, drop_download))
        download_release(d);
}

static void download_room(void *arg)
{
    download *d = arg;
    atomic_fetch_add(&d->state->rooms, 1);
    go_on(d);
}

static void download_ended(void *arg, bool complete)
{
    download *d = arg;
    atomic_fetch_add(&d->state->ended, 1);
    if (complete)
        atomic_fetch_add(&d->state->complete, 1);
    download_release(d);
}

static sw_status get_download(sw_request *req)
{
    int64_t bytes = sw_query_int(req, "bytes", 1000, 0, 1 << 30), piece = sw_query_int(req, "piece", 1000, 1, 1 << 20);
    SW_TRY(sw_check(req));
    download *d = calloc(1, sizeof *d);
    if (!d || !(d->bytes = malloc((size_t)piece))) {
        free(d);
        return SW_NO_MEMORY;
    }
    memset(d->bytes, 'x', (size_t)piece);
    d->host = sw_request_host(req);
    d->state = sw_request_state(req);
    d->left = (size_t)bytes;
    d->piece = (size_t)piece;
    d->refs = 1;
    sw_stream how = {
        .size = sizeof how, .content_type = "text/plain", .room = download_room, .ended = download_ended, .arg = d};
    d->stream = sw_reply_stream(req, &how);
    if (d->stream == 0) {
        download_release(d);
        return SW_NO_MEMORY;
    }
    sw_reply_header(req, "Content-Length", "1");
    sw_reply_header(req, "Cache-Control", "no-store");
    go_on(d);
    return SW_OK;
}

/* ---- events, written by whoever posts one ---- */

static void events_ended(void *arg, bool complete)
{
    pieces_state *state = arg;
    atomic_fetch_add(&state->ended, 1);
    if (complete)
        atomic_fetch_add(&state->complete, 1);
}

static sw_status get_events(sw_request *req)
{
    pieces_state *state = sw_request_state(req);
    sw_stream how = {.size = sizeof how, .max_queue = 4096, .ended = events_ended, .arg = state};
    state->stream = sw_reply_stream(req, &how);
    if (sw_query_has(req, "fail"))
        return sw_fail(req, SW_CONFLICT, NULL, "not now");
    return sw_stream_write(sw_request_host(req), state->stream, ": begun\n\n", 9);
}

static sw_status post_event(sw_request *req)
{
    pieces_state *state = sw_request_state(req);
    const char *text = sw_body_text_or(req, "text", 8192, "");
    SW_TRY(sw_check(req));
    sw_status status = SW_OK;
    if (*text)
        status = sw_stream_write(sw_request_host(req), state->stream, text, strlen(text));
    else
        sw_stream_end(sw_request_host(req), state->stream);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "status", (int64_t)status);
    sw_json_object_end(out);
    return SW_OK;
}

/* ---- an answer that comes later ---- */

static void request_ended(void *arg)
{
    atomic_fetch_add(&((pieces_state *)arg)->request_ended, 1);
}

typedef struct {
    pieces_state *state;
    char text[64];
} answer;

static void free_answer(void *arg)
{
    answer *a = arg;
    atomic_fetch_add(&a->state->freed, 1);
    free(a);
}

static sw_status give_answer(sw_request *req)
{
    const answer *a = sw_request_completed(req);
    pieces_state *state = sw_request_state(req);
    atomic_fetch_add(&state->answered, 1);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "text", a->text);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status get_wait(sw_request *req)
{
    pieces_state *state = sw_request_state(req);
    if (!sw_request_on_end(req, request_ended, state))
        return SW_NO_MEMORY;
    state->waiting = sw_defer(req, SW_LANE_WORKER, give_answer, 60000);
    return sw_deferred(req);
}

static sw_status post_answer(sw_request *req)
{
    pieces_state *state = sw_request_state(req);
    answer *a = calloc(1, sizeof *a);
    if (!a)
        return SW_NO_MEMORY;
    a->state = state;
    strncpy(a->text, sw_body_text(req, "text", 1, 60), sizeof a->text - 1);
    bool open = sw_complete_with(sw_request_host(req), state->waiting, a, free_answer);
    if (!open)
        free(a);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_bool(out, "open", open);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status get_state(sw_request *req)
{
    const pieces_state *state = sw_request_state(req);
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_int(out, "ended", state->ended);
    sw_json_int(out, "complete", state->complete);
    sw_json_int(out, "rooms", state->rooms);
    sw_json_bool(out, "waiting", state->waiting != 0);
    sw_json_int(out, "answered", state->answered);
    sw_json_int(out, "request_ended", state->request_ended);
    sw_json_int(out, "freed", state->freed);
    sw_json_object_end(out);
    return SW_OK;
}

#ifdef WITH_DRAINING
static void draining(sw_host *host, void *state_)
{
    pieces_state *state = state_;
    sw_log(host, SW_LOG_INFO, "draining");
    if (sw_stream_write(host, state->stream, "data: bye\n\n", 11) != SW_OK)
        sw_log(host, SW_LOG_INFO, "nobody listens");
    sw_stream_end(host, state->stream);
    answer *a = calloc(1, sizeof *a);
    if (!a)
        return;
    *a = (answer){state, "too late"};
    if (!sw_complete_with(host, state->waiting, a, free_answer))
        free(a);
}
#endif

static sw_status start(sw_host *host, void **ret_state)
{
    (void)host;
    *ret_state = calloc(1, sizeof(pieces_state));
    return *ret_state ? SW_OK : SW_NO_MEMORY;
}

#define ROUTE(verb, where, function)                                                                                  \
    {                                                                                                                 \
        .method = verb, .path = "/api/pieces/" where, .access = SW_PUBLIC, .lane = SW_LANE_WORKER, .handle = function \
    }

static const sw_route ROUTES[] = {
    ROUTE(SW_GET, "download", get_download), ROUTE(SW_GET, "events", get_events), ROUTE(SW_POST, "events", post_event),
    ROUTE(SW_GET, "wait", get_wait),         ROUTE(SW_POST, "wait", post_answer), ROUTE(SW_GET, "state", get_state),
};

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "pieces",
    .version = "1",
    .license = "MIT",
    .summary = "Replies in pieces, and answers that come later.",
    .routes = SW_TABLE(ROUTES),
    .start = start,
    .stop = free,
#ifdef WITH_DRAINING
    .draining = draining,
#endif
};
