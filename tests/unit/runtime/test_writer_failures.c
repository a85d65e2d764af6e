/* The writer when storage fails, steps take too long, or SQLite rolls back by itself. */
#include "tests/unit/runtime/fixture.h"

static test_runtime t;

static void setup(void)
{
    test_runtime_open(&t);
}

static void teardown(void)
{
    test_runtime_close(&t);
}

static atomic_int effects, drops;

static void count_effect(void *arg)
{
    (void)arg;
    atomic_fetch_add(&effects, 1);
}

static void count_drop(void *arg)
{
    (void)arg;
    atomic_fetch_add(&drops, 1);
}

static sw_status put_with_effect(sw_tx *tx, void *name)
{
    SW_TRY(test_put(tx, name));
    tx_effect(tx, count_effect, count_drop, NULL);
    sw_json_int(sw_tx_reply(tx, 201), NULL, 1);
    return SW_OK;
}

static sw_status put_large(sw_tx *tx, void *name)
{
    char *body = sw_tx_alloc(tx, 1, 400001);
    memset(body, 'x', 400000);
    return sw_tx_exec(tx, &ROWS[ROW_PUT], NULL, "ss", (const char *)name, body);
}

static sw_status put_large_and_ignore(sw_tx *tx, void *name)
{
    (void)!put_large(tx, name);
    return SW_OK;
}

static void limit_pages(const char *pragma)
{
    /* On the writer's own connection, which nobody uses at this moment. */
    ck_assert_int_eq(sqlite3_exec(db_raw(t.db), pragma, NULL, NULL, NULL), SQLITE_OK);
}

static void fails_as_a_whole(sw_step full)
{
    limit_pages("PRAGMA max_page_count=20");
    test_runtime_start(&t);
    atomic_store(&effects, 0);
    atomic_store(&drops, 0);
    test_request *hold = test_write(&t, test_hold, NULL);
    test_request *a = test_write(&t, put_with_effect, "a"), *b = test_write(&t, full, "b"),
                 *c = test_write(&t, put_with_effect, "c");
    test_release();
    ck_assert_int_eq(test_request_wait(hold), SW_OK);
    test_wait(&a->done);
    ck_assert_int_eq(a->outcome, SW_UNAVAILABLE);
    ck_assert_int_eq(a->http_status, 0);
    ck_assert_int_eq((int)a->body_len, 0);
    ck_assert_int_gt(a->failure.retry_after, 0);
    free(a);
    ck_assert_int_eq(test_request_wait(b), SW_UNAVAILABLE);
    ck_assert_int_eq(test_request_wait(c), SW_OK); /* the next batch, which has room */
    ck_assert(!test_has(&t, "a") && !test_has(&t, "b") && test_has(&t, "c"));
    ck_assert_int_eq(atomic_load(&drops), 1);
    ck_assert_int_eq(atomic_load(&effects), 1);
    ck_assert_uint_eq(atomic_load(&writer_read_metrics(t.rt.writer)->failed_batches), 1);
}

START_TEST(a_full_disk_undoes_the_batch_and_not_the_next)
{
    fails_as_a_whole(put_large);
}
END_TEST

START_TEST(a_step_that_ignores_a_full_disk_does_not_hide_it)
{
    fails_as_a_whole(put_large_and_ignore);
}
END_TEST

static sw_status refuse_if_there(sw_tx *tx, void *name)
{
    sw_status put = test_put(tx, name);
    return put == SW_CONFLICT ? sw_fail(sw_tx_request(tx), SW_CONFLICT, NULL, "already there") : put;
}

START_TEST(a_refusal_in_a_failed_batch_is_none)
{
    limit_pages("PRAGMA max_page_count=20");
    test_runtime_start(&t);
    test_request *hold = test_write(&t, test_hold, NULL), *a = test_write(&t, test_put, "a"),
                 *b = test_write(&t, refuse_if_there, "a"), *c = test_write(&t, put_large, "b");
    test_release();
    test_request_wait(hold);
    ck_assert_int_eq(test_request_wait(a), SW_UNAVAILABLE);
    test_wait(&b->done);
    ck_assert_int_eq(b->outcome, SW_UNAVAILABLE); /* what it was refused for is undone too */
    ck_assert_ptr_null(strstr(b->failure.text, "already"));
    free(b);
    ck_assert_int_eq(test_request_wait(c), SW_UNAVAILABLE);
    ck_assert(!test_has(&t, "a"));
}
END_TEST

START_TEST(a_full_disk_hits_a_lone_step_alone)
{
    limit_pages("PRAGMA max_page_count=20");
    test_runtime_start(&t);
    ck_assert_int_eq(test_request_wait(test_write(&t, put_large, "b")), SW_UNAVAILABLE);
    ck_assert_int_eq(test_request_wait(test_write(&t, test_put, "c")), SW_OK);
    ck_assert_int_eq(test_count(&t), 1);
}
END_TEST

/* ---- time limits ---- */

static sw_status read_endlessly(sw_tx *tx, void *arg)
{
    (void)arg;
    sw_rows *rows = NULL;
    SW_TRY(test_put(tx, "half"));
    SW_TRY(sw_db_query(sw_tx_db(tx), &ROWS[ROW_ENDLESS], 0, &rows, ""));
    return sw_rows_done(rows);
}

static sw_status read_endlessly_and_ignore(sw_tx *tx, void *arg)
{
    (void)!read_endlessly(tx, arg);
    return SW_OK;
}

static sw_status write_endlessly(sw_tx *tx, void *arg)
{
    (void)arg;
    return sw_tx_exec(tx, &ROWS[ROW_PUT_ENDLESS], NULL, "");
}

static sw_status write_many(sw_tx *tx, void *arg)
{
    (void)arg;
    for (int i = 0;; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%d", i);
        SW_TRY(test_put(tx, name));
    }
}

START_TEST(a_slow_step_is_cut_off_and_leaves_the_others_alone)
{
    test_runtime_start(&t);
    const sw_step slow[] = {read_endlessly, read_endlessly_and_ignore, write_many};
    for (unsigned i = 0; i < sizeof slow / sizeof *slow; i++) {
        char first[16], last[16];
        snprintf(first, sizeof first, "a%u", i);
        snprintf(last, sizeof last, "c%u", i);
        test_request *hold = test_write(&t, test_hold, NULL), *a = test_write(&t, test_put, first),
                     *b = test_write(&t, slow[i], NULL), *c = test_write(&t, test_put, last);
        test_release();
        test_request_wait(hold);
        ck_assert_int_eq(test_request_wait(a), SW_OK);
        ck_assert_int_eq(test_request_wait(b), SW_BUSY);
        ck_assert_int_eq(test_request_wait(c), SW_OK);
        ck_assert(test_has(&t, first) && test_has(&t, last) && !test_has(&t, "half") && !test_has(&t, "m0"));
        ck_assert_uint_eq(atomic_load(&writer_read_metrics(t.rt.writer)->interrupted), i + 1);
        ck_assert_uint_eq(atomic_load(&t.host.interrupted), i + 1);
    }
    ck_assert_uint_eq(atomic_load(&writer_read_metrics(t.rt.writer)->failed_batches), 0);
}
END_TEST

START_TEST(one_endless_write_takes_its_batch_with_it)
{
    test_runtime_start(&t);
    test_request *hold = test_write(&t, test_hold, NULL), *a = test_write(&t, test_put, "a"),
                 *b = test_write(&t, write_endlessly, NULL), *c = test_write(&t, test_put, "c");
    test_release();
    test_request_wait(hold);
    ck_assert_int_eq(test_request_wait(a), SW_UNAVAILABLE);
    ck_assert_int_eq(test_request_wait(b), SW_BUSY);
    ck_assert_int_eq(test_request_wait(c), SW_OK);
    ck_assert(!test_has(&t, "a") && test_has(&t, "c"));
    ck_assert_int_eq(test_request_wait(test_write(&t, write_endlessly, NULL)), SW_BUSY);
    ck_assert_int_eq(test_request_wait(test_write(&t, test_put, "d")), SW_OK);
}
END_TEST

/* ---- a commit that fails ---- */

static int veto(void *arg)
{
    atomic_int *left = arg;
    return atomic_fetch_sub(left, 1) > 0; /* SQLite turns a commit that this refuses into a rollback */
}

START_TEST(a_failed_commit_undoes_its_batch_and_opens_the_connection_anew)
{
    static atomic_int left;
    atomic_store(&left, 1);
    atomic_store(&effects, 0);
    atomic_store(&drops, 0);
    sqlite3_commit_hook(db_raw(t.db), veto, &left);
    sqlite3 *before = db_raw(t.db);
    test_runtime_start(&t);
    ck_assert_int_eq(test_request_wait(test_write(&t, put_with_effect, "a")), SW_UNAVAILABLE);
    ck_assert_int_eq(test_request_wait(test_write(&t, put_with_effect, "b")), SW_OK);
    ck_assert(!test_has(&t, "a") && test_has(&t, "b"));
    ck_assert_int_eq(atomic_load(&drops), 1);
    ck_assert_int_eq(atomic_load(&effects), 1);
    runtime_stop(&t.rt, 1000);
    ck_assert(db_raw(t.db) != before || atomic_load(&left) == 0);
}
END_TEST

START_TEST(a_lock_of_another_program_is_waited_for)
{
    test_runtime_start(&t);
    sqlite3 *raw = NULL;
    ck_assert_int_eq(sqlite3_open(t.store.path, &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    test_request *a = test_write(&t, test_put, "a");
    test_sleep(200);
    ck_assert_int_eq(sqlite3_exec(raw, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(test_request_wait(a), SW_OK);
    sqlite3_close(raw);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_full_disk_undoes_the_batch_and_not_the_next);
    ADD(a_step_that_ignores_a_full_disk_does_not_hide_it);
    ADD(a_refusal_in_a_failed_batch_is_none);
    ADD(a_full_disk_hits_a_lone_step_alone);
    ADD(a_slow_step_is_cut_off_and_leaves_the_others_alone);
    ADD(one_endless_write_takes_its_batch_with_it);
    ADD(a_failed_commit_undoes_its_batch_and_opens_the_connection_anew);
    ADD(a_lock_of_another_program_is_waited_for);
}

int main(void)
{
    return run_tests("writer failures", add);
}
