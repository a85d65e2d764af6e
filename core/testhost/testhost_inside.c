/* Behind the door: work that the test has the server do, and waits for. */
#include "core/plugin/registry.h"
#include "core/runtime/thread.h"
#include "core/runtime/writer_internal.h"
#include "core/testhost/testhost.h"

#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SETTLE_MS = 10000, LOOK_MS = 1, HOUSEKEEPING_TURNS = 1000 };

/* The process's clock: sw_now_ms() has no argument that a host could be found by. 0: it runs. */
static _Atomic int64_t frozen_ms;

/* ---- waiting ---- */

/* A number that rises with everything that runs. */
static uint64_t activity(const sw_test *t)
{
    uint64_t sum = t->outbound_total;
    for (unsigned i = 0; i < t->s.rt.module_count; i++)
        sum += t->s.rt.modules[i]->calls;
    return sum;
}

static bool idle(sw_test *t)
{
    registry_tick(t->s.plugins);
    return registry_pending(t->s.plugins) == 0 && http_in_flight(t->s.http) == 0 && runtime_idle(&t->s.rt) &&
           t->outbound_open == 0 && http_client_open(t->s.rt.outbound->http) == 0;
}

/* Work moves on while one place after the other is looked at: idle is what is so twice, with nothing run in between. */
bool sw_test_settle(sw_test *t)
{
    int64_t until = sw_monotonic_ms() + SETTLE_MS;
    if (!t->running)
        return host_fail(t, "the host does not run");
    for (;;) {
        uint64_t before = activity(t);
        if (idle(t) && idle(t) && activity(t) == before)
            return true;
        if (sw_monotonic_ms() >= until)
            return host_fail(t, "something still runs after ten seconds");
        (void)poll(NULL, 0, LOOK_MS);
    }
}

/* ---- tasks ---- */

/* On this thread's stack, while a task of the server works for it. */
typedef struct {
    sw_step step; /* NULL when there is a handler alone */
    void *arg;
    latch done;
    sw_status status;
    char text[HOST_ERROR_MAX / 2];
} errand;

static void errand_finish(sw_request *req, sw_status status)
{
    errand *e = req->owner;
    if (status != SW_OK)
        snprintf(e->text, sizeof e->text, "%s", req->failure.text ? req->failure.text : "");
    e->status = status;
    request_done(req);
    free(req);
    latch_open(&e->done);
}

static sw_status write_errand(sw_request *req)
{
    const errand *e = req->owner;
    return sw_write(req, e->step, e->arg);
}

static sw_status run_errand(sw_test *t, sw_host *host, sw_handler handler, errand *e)
{
    runtime *rt = &t->s.rt;
    sw_request *req = task_new(rt, host, handler, 0);
    if (!req)
        return SW_NO_MEMORY;
    e->status = SW_OK;
    req->finish = errand_finish;
    req->owner = e;
    req->kept = e->arg;
    latch_init(&e->done);
    request_count(req);
    if (request_submit(rt, req, SW_LANE_WORKER, handler))
        latch_wait(&e->done);
    else
        request_finish(req, SW_BUSY);
    latch_done(&e->done);
    if (e->status != SW_OK)
        (void)host_fail(t, "%s", e->text);
    return e->status;
}

static sw_host *find(sw_test *t, const char *plugin)
{
    sw_host *host = t->running ? registry_find(t->s.plugins, plugin) : NULL;
    if (!host)
        (void)host_fail(t, "there is no plugin %s, or the host does not run", plugin);
    return host;
}

sw_status sw_test_run(sw_test *t, const char *plugin, sw_handler handler, void *arg)
{
    sw_host *host = find(t, plugin);
    errand e = {.arg = arg};
    return host ? run_errand(t, host, handler, &e) : SW_NOT_FOUND;
}

static sw_status write_as(sw_test *t, sw_host *host, sw_step step, void *arg)
{
    errand e = {.step = step, .arg = arg};
    return run_errand(t, host, write_errand, &e);
}

sw_status sw_test_write(sw_test *t, const char *plugin, sw_step step, void *arg)
{
    sw_host *host = find(t, plugin);
    return host ? write_as(t, host, step, arg) : SW_NOT_FOUND;
}

sw_status sw_test_timer(sw_test *t, const char *plugin, const char *timer)
{
    sw_host *host = find(t, plugin);
    const sw_table *table = host ? &host->plugin->timers : NULL;
    const sw_timer *rows = table ? table->rows : NULL;
    for (uint32_t i = 0; rows && i < table->count; i++)
        if (strcmp(rows[i].name, timer) == 0)
            return sw_test_run(t, plugin, rows[i].run, NULL);
    (void)host_fail(t, "plugin %s has no timer %s", plugin, timer);
    return SW_NOT_FOUND;
}

size_t sw_test_delayed(sw_test *t)
{
    return t->running ? delays_begin(&t->s.rt) : 0;
}

/* ---- the clock ---- */

/* In the server sw_tx_now() waits for a clock that was set back by a moment; here it goes where the test puts it. */
static sw_status forget_time(sw_tx *tx, void *arg)
{
    (void)arg;
    tx->writer->last_now_ms = 0;
    return SW_OK;
}

void sw_test_clock(sw_test *t, int64_t unix_ms)
{
    sw_host *own = t->running ? registry_find(t->s.plugins, HOST_MODULE.name) : NULL;
    frozen_ms = unix_ms;
    if (own)
        write_as(t, own, forget_time, NULL);
}

/* In the place of core/base/wall_clock.c. */
int64_t sw_now_ms(void)
{
    struct timespec now;
    int64_t frozen = frozen_ms;
    if (frozen)
        return frozen;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- housekeeping ---- */

typedef struct {
    const sw_housekeeping *item;
    bool more;
} turn;

static sw_status turn_step(sw_tx *tx, void *arg)
{
    turn *now = arg;
    now->more = false;
    tx->housekeeping = true;
    return now->item->step(tx, &now->more);
}

sw_status sw_test_housekeeping(sw_test *t, const char *plugin, const char *step)
{
    sw_host *host = find(t, plugin);
    const sw_table *table = host ? &host->plugin->housekeeping : NULL;
    const sw_housekeeping *rows = table ? table->rows : NULL;
    turn now = {.more = true};
    for (uint32_t i = 0; rows && i < table->count && !now.item; i++)
        if (strcmp(rows[i].name, step) == 0)
            now.item = &rows[i];
    if (!now.item) {
        (void)host_fail(t, "plugin %s has no housekeeping %s", plugin, step);
        return SW_NOT_FOUND;
    }
    sw_status status = SW_OK;
    for (int i = 0; status == SW_OK && now.more && i < HOUSEKEEPING_TURNS; i++)
        status = write_as(t, host, turn_step, &now);
    return status;
}

/* ---- events ---- */

typedef struct {
    const char *event;
    const void *data;
    size_t len;
} publication;

static sw_status publish_step(sw_tx *tx, void *arg)
{
    const publication *p = arg;
    return events_publish(tx, p->event, p->data, p->len); /* the test's own is not one that it looks for */
}

sw_status sw_test_publish(sw_test *t, const char *event, const void *data, size_t len)
{
    publication p = {.event = event, .data = data, .len = len};
    return sw_test_write(t, HOST_MODULE.name, publish_step, &p);
}

/* ---- the store ---- */

const char *sw_test_sql(sw_test *t, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    const char *result = NULL;
    int code = sqlite3_open_v2(t->s.store_path, &db, SQLITE_OPEN_READONLY, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        result = arena_strndup(&t->memory, text ? text : "", text ? strlen(text) : 0);
    } else if (code == SQLITE_DONE) {
        result = "";
    }
    if (!result)
        (void)host_fail(t, "%s", sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return result;
}
