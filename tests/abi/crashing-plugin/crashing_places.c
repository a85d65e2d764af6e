/* Places to crash in. */
#include "crashing.h"

#include <pthread.h>
#include <string.h>

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

sw_status post_crash(sw_request *req)
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
        return sw_write(req, publish, (void *)(uintptr_t) "crashing.after");
    else if (strcmp(where, "subscriber") == 0)
        return sw_write(req, publish, (void *)(uintptr_t) "crashing.in_tx");
    else if (strcmp(where, "task") == 0)
        (void)sw_task_run(host, SW_LANE_WORKER, in_task, 0);
    else if (strcmp(where, "done") == 0)
        (void)sw_write_later(host, do_nothing, (void *)(uintptr_t) "null", when_done);
    else if (strcmp(where, "answer") == 0) {
        const sw_http_call call = {.size = sizeof call, .url = "http://127.0.0.1:9/"};
        SW_TRY(sw_http_start(host, &call, when_answered, (void *)(uintptr_t) "null"));
    } else if (strcmp(where, "timer") == 0)
        s->armed = 1;
    else if (strcmp(where, "housekeeping") == 0)
        s->armed = 2;
    sw_reply_empty(req, 204);
    return SW_OK;
}

sw_status get_crash(sw_request *req)
{
    sw_json *out = sw_reply_json(req, 200);
    sw_json_object_begin(out, NULL);
    sw_json_text(out, "version", VERSION);
    sw_json_object_end(out);
    return SW_OK;
}

sw_status take_frame(sw_request *req)
{
    (void)req;
    crash(NULL, "null");
    return SW_OK;
}

sw_status on_tick(sw_request *req)
{
    state *s = sw_request_state(req);
    if (s->armed == 1)
        crash(NULL, "null");
    return SW_OK;
}

sw_status keep_house(sw_tx *tx, bool *ret_more)
{
    state *s = sw_tx_state(tx);
    (void)ret_more;
    if (s->armed == 2)
        crash(NULL, "null");
    return SW_OK;
}

sw_status on_after(sw_request *req, const void *data)
{
    (void)req;
    (void)data;
    crash(NULL, "null");
    return SW_OK;
}

sw_status on_in_tx(sw_tx *tx, const void *data)
{
    (void)tx;
    (void)data;
    crash(NULL, "null");
    return SW_OK;
}
