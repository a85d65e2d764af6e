/* A plugin that crashes the server in every way that the tests ask for. The ways are named in the path of the request,
 * in the option `when`, or, since nothing else is there so early, in the environment variable CRASH_ON_LOAD.
 *
 * Built with -DAUTH it also takes the place of auth: everybody is the administrator, and the token "crash" crashes. The
 * plugin in caller.c needs this one. */
#include <pthread.h>
#include <stdlib.h>
#include <steward/outbound.h>
#include <steward/plugin.h>
#include <steward/service/auth.h>
#include <string.h>

#ifndef VERSION
#define VERSION "1.0.0"
#endif

typedef struct {
    sw_host *host;
    _Atomic int armed; /* the timer and housekeeping crash once this is set */
} state;

/* ---- ways to crash ---- */

static void write_to_null(void)
{
    *(volatile int *)(uintptr_t)16 = 1;
}

/* Each call stays on the stack until the next has returned; the end is out of every stack's reach. */
static long recurse(long depth)
{
    volatile char room[4096];
    room[0] = (char)depth;
    return depth == 0 ? 0 : recurse(depth - 1) + room[0];
}

static void divide_by_zero(void)
{
    volatile int zero = 0, one = 1;
    one = one / zero;
}

static void jump_to_null(void)
{
    void (*volatile nowhere)(void) = NULL;
    nowhere();
}

/* The fault is in the server or in the C library: neither knows better than to read there. */
static void give_nonsense(sw_host *host)
{
    sw_log(host, SW_LOG_INFO, "%s", (const char *)(uintptr_t)16);
}

static void copy_nonsense(void)
{
    char *volatile from = (char *)(uintptr_t)4096;
    char to[64];
    memcpy(to, from, sizeof to);
    *(volatile char *)to = to[63];
}

static void crash(sw_host *host, const char *how)
{
    if (strcmp(how, "null") == 0)
        write_to_null();
    else if (strcmp(how, "overflow") == 0)
        (void)recurse(1L << 40);
    else if (strcmp(how, "abort") == 0)
        abort();
    else if (strcmp(how, "trap") == 0)
        __builtin_trap();
    else if (strcmp(how, "divide") == 0)
        divide_by_zero();
    else if (strcmp(how, "jump") == 0)
        jump_to_null();
    else if (strcmp(how, "nonsense") == 0)
        give_nonsense(host);
    else if (strcmp(how, "copy") == 0)
        copy_nonsense();
    else if (strcmp(how, "exit") == 0)
        exit(7);
}

/* ---- places to crash in ---- */

static void *own_thread(void *arg)
{
    crash(NULL, arg);
    return NULL;
}

static void start_thread(const char *how)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, own_thread, (void *)(uintptr_t)how) == 0)
        pthread_join(thread, NULL);
}

static sw_status in_step(sw_tx *tx, void *arg)
{
    (void)tx;
    crash(NULL, arg);
    return SW_OK;
}

static void in_commit(void *s, void *arg)
{
    (void)s;
    crash(NULL, arg);
}

static sw_status ask_for_commit(sw_tx *tx, void *arg)
{
    sw_tx_on_commit(tx, in_commit, arg);
    (void)sw_tx_reply(tx, 200);
    return SW_OK;
}

static sw_status publish(sw_tx *tx, void *arg)
{
    (void)sw_tx_reply(tx, 200);
    return sw_tx_publish(tx, arg, NULL, 0);
}

static sw_status do_nothing(sw_tx *tx, void *arg)
{
    (void)tx;
    (void)arg;
    return SW_OK;
}

static void when_done(void *arg, sw_status outcome)
{
    (void)outcome;
    crash(NULL, arg);
}

static void when_answered(void *arg, const sw_http_answer *answer)
{
    (void)answer;
    crash(NULL, arg);
}

static sw_status in_task(sw_request *req)
{
    crash(NULL, "null");
    (void)req;
    return SW_OK;
}

static sw_status post_crash(sw_request *req)
{
    const char *how = sw_path_text(req, "how"), *where = sw_path_text(req, "where");
    sw_host *host = sw_request_host(req);
    state *s = sw_request_state(req);
    char *kept = sw_strdup(req, how);

    if (strcmp(where, "handler") == 0)
        crash(host, how);
    else if (strcmp(where, "thread") == 0)
        start_thread(how);
    else if (strcmp(where, "step") == 0)
        return sw_write(req, in_step, kept);
    else if (strcmp(where, "commit") == 0)
        return sw_write(req, ask_for_commit, kept);
    else if (strcmp(where, "after") == 0)
        return sw_write(req, publish, (void *)(uintptr_t)"crashing.after");
    else if (strcmp(where, "subscriber") == 0)
        return sw_write(req, publish, (void *)(uintptr_t)"crashing.in_tx");
    else if (strcmp(where, "task") == 0)
        (void)sw_task_run(host, SW_LANE_WORKER, in_task, 0);
    else if (strcmp(where, "done") == 0)
        (void)sw_write_later(host, do_nothing, (void *)(uintptr_t)"null", when_done);
    else if (strcmp(where, "answer") == 0) {
        const sw_http_call call = {.size = sizeof call, .url = "http://127.0.0.1:9/"};
        SW_TRY(sw_http_start(host, &call, when_answered, (void *)(uintptr_t)"null"));
    } else if (strcmp(where, "timer") == 0)
        s->armed = 1;
    else if (strcmp(where, "housekeeping") == 0)
        s->armed = 2;
    sw_reply_empty(req, 204);
    return SW_OK;
}

static sw_status get_crash(sw_request *req)
{
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "version", VERSION);
    sw_json_object_end(out);
    return SW_OK;
}

static sw_status take_frame(sw_request *req)
{
    (void)req;
    crash(NULL, "null");
    return SW_OK;
}

static sw_status on_tick(sw_request *req)
{
    state *s = sw_request_state(req);
    if (s->armed == 1)
        crash(NULL, "null");
    return SW_OK;
}

static sw_status keep_house(sw_tx *tx, bool *ret_more)
{
    state *s = sw_tx_state(tx);
    (void)ret_more;
    if (s->armed == 2)
        crash(NULL, "null");
    return SW_OK;
}

static sw_status on_after(sw_request *req, const void *data)
{
    (void)req;
    (void)data;
    crash(NULL, "null");
    return SW_OK;
}

static sw_status on_in_tx(sw_tx *tx, const void *data)
{
    (void)tx;
    (void)data;
    crash(NULL, "null");
    return SW_OK;
}

/* ---- services ---- */

static void crash_for_others(void)
{
    crash(NULL, "null");
}

/* "crash/1": for a plugin that uses another. */
static const struct {
    uint32_t size;
    void (*crash)(void);
} SERVICE = {sizeof SERVICE, crash_for_others};

#ifdef AUTH
static sw_status authenticate(void *self, sw_db *db, const char *token, size_t len, sw_principal *ret)
{
    (void)self;
    (void)db;
    if (len == 5 && memcmp(token, "crash", 5) == 0)
        crash(NULL, "null");
    ret->role = SW_ROLE_ADMIN;
    ret->user_id = 1;
    memcpy(ret->name, "admin", 6);
    return SW_OK;
}

static const sw_auth_service AUTH_SERVICE = {.size = sizeof AUTH_SERVICE, .authenticate = authenticate};
#endif

static const sw_provided PROVIDED[] = {
    {"crash/1", &SERVICE},
#ifdef AUTH
    {"auth/1", &AUTH_SERVICE},
#endif
};

/* ---- life ---- */

__attribute__((constructor)) static void load(void)
{
    if (getenv("CRASH_ON_LOAD"))
        crash(NULL, "null");
}

static sw_status start(sw_host *host, void **ret_state)
{
    state *s = calloc(1, sizeof *s);
    if (!s)
        return SW_NO_MEMORY;
    s->host = host;
    *ret_state = s;
    if (strcmp(sw_option_text(host, "when"), "start") == 0)
        crash(host, "null");
    return SW_OK;
}

static sw_status prepare(sw_tx *tx)
{
    const state *s = sw_tx_state(tx);
    if (strcmp(sw_option_text(s->host, "when"), "prepare") == 0)
        crash(NULL, "null");
    return SW_OK;
}

static void stop(void *self)
{
    state *s = self;
    if (strcmp(sw_option_text(s->host, "when"), "stop") == 0)
        crash(NULL, "null");
    free(s);
}

static void reconfigure(sw_host *host, void *self)
{
    (void)self;
    if (strcmp(sw_option_text(host, "when"), "reconfigure") == 0)
        crash(NULL, "null");
}

static void switched(sw_host *host, void *self, bool enabled)
{
    (void)self;
    (void)enabled;
    if (strcmp(sw_option_text(host, "when"), "switch") == 0)
        crash(NULL, "null");
}

static bool health(sw_request *req, sw_json *out)
{
    (void)out;
    if (strcmp(sw_option_text(sw_request_host(req), "when"), "health") == 0)
        crash(NULL, "null");
    return true;
}

static const sw_option OPTIONS[] = {
    {.name = "when",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .summary = "In which of its functions it crashes.",
     .flags = SW_OPTION_LIVE},
};

static const sw_route ROUTES[] = {
    {.method = SW_POST,
     .path = "/api/crash/:where/:how",
     .access = SW_PUBLIC,
     .lane = SW_LANE_WORKER,
     .handle = post_crash,
     .summary = "Crashes."},
    {.method = SW_GET,
     .path = "/api/crash",
     .access = SW_PUBLIC,
     .lane = SW_LANE_LOOP,
     .handle = get_crash,
     .summary = "Does not."},
    {.method = SW_POST,
     .path = "/api/crash-on-loop/:where/:how",
     .access = SW_PUBLIC,
     .lane = SW_LANE_LOOP,
     .handle = post_crash,
     .summary = "Crashes on the loop."},
};

static const sw_frame_handler FRAMES[] = {
    {.type = "CRASH", .roles = SW_ROLES_ALL, .lane = SW_LANE_WORKER, .handle = take_frame},
    {.type = "CRASH_LOOP", .roles = SW_ROLES_ALL, .lane = SW_LANE_LOOP, .handle = take_frame},
};

static const sw_subscription SUBSCRIPTIONS[] = {
    {.event = "crashing.after", .after = on_after},
    {.event = "crashing.in_tx", .in_tx = on_in_tx},
};

static const sw_timer TIMERS[] = {{.name = "tick", .every_ms = 20, .run = on_tick}};
static const sw_housekeeping HOUSEKEEPING[] = {{.name = "sweep", .every_ms = 20, .step = keep_house}};

const sw_plugin sw_plugin_v1 = {
    SW_PLUGIN_HEAD,
    .name = "crashing",
    .version = VERSION,
    .license = "MIT",
    .summary = "Crashes the server, for tests.",
    .options = SW_TABLE(OPTIONS),
    .routes = SW_TABLE(ROUTES),
    .frames = SW_TABLE(FRAMES),
    .subscriptions = SW_TABLE(SUBSCRIPTIONS),
    .housekeeping = SW_TABLE(HOUSEKEEPING),
    .timers = SW_TABLE(TIMERS),
    .provides = SW_TABLE(PROVIDED),
    .health = health,
    .start = start,
    .prepare = prepare,
    .reconfigure = reconfigure,
    .stop = stop,
    .switched = switched,
};
