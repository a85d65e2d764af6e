/* A runtime with a store, one module and all its threads, for tests. */
#ifndef TESTS_UNIT_RUNTIME_FIXTURE_H
#define TESTS_UNIT_RUNTIME_FIXTURE_H

#include "core/runtime/runtime.h"
#include "core/runtime/writer.h"
#include "tests/unit/db/store_fixture.h"
#include "tests/unit/run_tests.h"

#include <semaphore.h>
#include <steward/host.h>
#include <time.h>

enum { ROW_PUT, ROW_COUNT, ROW_HAS, ROW_ENDLESS, ROW_PUT_ENDLESS, ROW_STATEMENTS };

static const sw_statement ROWS[ROW_STATEMENTS] = {
    [ROW_PUT] = {"put", "INSERT INTO items (name, body) VALUES (?1, ?2)", NULL},
    [ROW_COUNT] = {"count", "SELECT count(*) FROM items", NULL},
    [ROW_HAS] = {"has", "SELECT 1 FROM items WHERE name = ?1", NULL},
    [ROW_ENDLESS] = {"endless",
                     "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", NULL},
    [ROW_PUT_ENDLESS] = {"put_endless",
                         "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                         " INSERT INTO items (name) SELECT 'x' || i FROM n WHERE i < 0",
                         NULL},
};
static const sw_migration ITEMS[] = {
    {"0001", "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body TEXT) STRICT;"},
};

static sem_t test_gate; /* of test_hold() */

typedef struct {
    test_store store;
    runtime rt;
    sw_host host, other;
    sw_db *db;   /* the writer's */
    sw_db *look; /* a reader of the test's own */
    arena memory;
} test_runtime;

static inline void test_sleep(int ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

static inline void test_wait(sem_t *s)
{
    while (sem_wait(s) != 0)
        continue;
}

/* A store and hosts; no threads yet. */
static inline void test_runtime_open(test_runtime *t)
{
    memset(t, 0, sizeof *t);
    sem_init(&test_gate, 0, 0);
    test_store_folder(&t->store);
    ck_assert_int_eq(test_store_open(&t->store), SW_OK);
    ck_assert_int_eq(store_add_statements(t->store.store, "items", (sw_table)SW_TABLE(ROWS)), SW_OK);
    t->rt.store = t->store.store;
    t->host = (sw_host){.rt = &t->rt, .name = "items"};
    t->other = (sw_host){.rt = &t->rt, .name = "other"};
    t->rt.modules[0] = &t->host;
    t->rt.modules[1] = &t->other;
    t->rt.module_count = 2;
    t->db = db_open(t->rt.store, true);
    ck_assert_int_eq(
        store_migrate(t->rt.store, t->db, "items", (sw_table)SW_TABLE(ITEMS), t->store.error, sizeof t->store.error),
        SW_OK);
    t->look = db_open(t->rt.store, false);
    t->rt.principals = principals_new(1024, 1024);
}

static inline void test_runtime_start(test_runtime *t)
{
    ck_assert_ptr_nonnull(defers_start(&t->rt));
    ck_assert_ptr_nonnull(lanes_start(&t->rt, 3, 1, 4, 1024));
    ck_assert_ptr_nonnull(writer_start(&t->rt, t->db));
}

static inline void test_runtime_close(test_runtime *t)
{
    runtime_stop(&t->rt, 2000);
    if (t->rt.loops != NULL)
        loops_stop(&t->rt);
    runtime_free(&t->rt);
    if (t->rt.loops != NULL)
        loops_close(&t->rt);
    principals_free(t->rt.principals);
    db_close(t->look);
    db_close(t->db);
    arena_done(&t->memory);
    test_store_remove(&t->store);
}

/* What is committed. */
static inline int64_t test_count(test_runtime *t)
{
    sw_rows *rows = NULL;
    db_lend(t->look, &t->memory, 0);
    ck_assert_int_eq(sw_db_query(t->look, &ROWS[ROW_COUNT], 0, &rows, ""), SW_OK);
    ck_assert(sw_rows_next(rows));
    int64_t n = sw_rows_int(rows, 0);
    ck_assert_int_eq(db_return(t->look), SW_OK);
    return n;
}

static inline bool test_has(test_runtime *t, const char *name)
{
    sw_rows *rows = NULL;
    db_lend(t->look, &t->memory, 0);
    ck_assert_int_eq(sw_db_query(t->look, &ROWS[ROW_HAS], 0, &rows, "s", name), SW_OK);
    bool has = sw_rows_next(rows);
    ck_assert_int_eq(db_return(t->look), SW_OK);
    return has;
}

/* ---- requests ---- */

typedef struct {
    sw_request req; /* first member */
    test_runtime *t;
    sw_status outcome;
    failure failure; /* texts are copied */
    char text[128];
    int http_status;
    char body[128];
    size_t body_len;
    sem_t done;
    sem_t *also; /* posted too, NULL: none */
} test_request;

static inline void test_request_finish(sw_request *req, sw_status status)
{
    test_request *r = (test_request *)req;
    r->outcome = status;
    r->failure = req->failure;
    if (status != SW_OK)
        snprintf(r->text, sizeof r->text, "%s", req->failure.text);
    r->http_status = req->http_status;
    r->body_len = sw_json_length(&req->reply);
    if (r->body_len > 0 && r->body_len < sizeof r->body)
        memcpy(r->body, req->reply.out.at, r->body_len);
    request_done(req);
    sem_t *also = r->also;
    sem_post(&r->done);
    if (also != NULL)
        sem_post(also);
}

static inline test_request *test_request_new(test_runtime *t, request_kind kind)
{
    test_request *r = calloc(1, sizeof *r);
    ck_assert_ptr_nonnull(r);
    sem_init(&r->done, 0, 0);
    r->t = t;
    r->req.kind = kind;
    r->req.host = &t->host;
    r->req.address = r->req.id = "";
    r->req.finish = test_request_finish;
    arena_init(&r->req.arena, 0);
    return r;
}

/* Waits for its end, frees it. */
static inline sw_status test_request_wait(test_request *r)
{
    test_wait(&r->done);
    sw_status outcome = r->outcome;
    sem_destroy(&r->done);
    free(r);
    return outcome;
}

/* A request whose step is submitted straight to the writer. */
static inline test_request *test_write(test_runtime *t, sw_step step, void *arg)
{
    test_request *r = test_request_new(t, REQUEST_TASK);
    r->req.step = step;
    r->req.arg = arg;
    ck_assert(writer_submit(t->rt.writer, &r->req));
    return r;
}

/* ---- steps ---- */

static inline sw_status test_put(sw_tx *tx, void *name)
{
    return sw_tx_exec(tx, &ROWS[ROW_PUT], NULL, "sn", (const char *)name);
}

/* Holds the writer up until test_release(), and for longer than a batch may last: what is submitted meanwhile shares
 * the next batch. */
static inline sw_status test_hold(sw_tx *tx, void *arg)
{
    (void)tx, (void)arg;
    test_wait(&test_gate);
    test_sleep(25);
    return SW_OK;
}

static inline void test_release(void)
{
    sem_post(&test_gate);
}

#endif
