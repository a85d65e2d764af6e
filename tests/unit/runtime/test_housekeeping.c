/* Housekeeping between batches; checkpoints, and the WAL's limit. */
#include "tests/unit/runtime/fixture.h"

#include <sys/stat.h>

static test_runtime t;

static void setup(void)
{
    test_runtime_open(&t);
}

static void teardown(void)
{
    test_runtime_close(&t);
    config_free(t.rt.config);
}

static atomic_int steps_a, steps_b, commits;

static void count_commit(void *state, void *arg)
{
    (void)state, (void)arg;
    atomic_fetch_add(&commits, 1);
}

static sw_status always_more(sw_tx *tx, bool *ret_more)
{
    char name[32];
    ck_assert_ptr_null(sw_tx_request(tx));
    snprintf(name, sizeof name, "a%d", atomic_fetch_add(&steps_a, 1));
    SW_TRY(test_put(tx, name));
    sw_tx_on_commit(tx, count_commit, NULL);
    *ret_more = true;
    return SW_OK;
}

static sw_status now_and_then(sw_tx *tx, bool *ret_more)
{
    (void)tx, (void)ret_more;
    atomic_fetch_add(&steps_b, 1);
    return SW_OK;
}

static sw_status always_fails(sw_tx *tx, bool *ret_more)
{
    (void)ret_more;
    SW_TRY(test_put(tx, "never"));
    atomic_fetch_add(&steps_b, 1);
    return SW_INTERNAL;
}

static const sw_housekeeping MORE = {"more", 10, always_more}, SOMETIMES = {"sometimes", 50, now_and_then},
                             FAILS = {"fails", 10, always_fails};

static void reset(void)
{
    atomic_store(&steps_a, 0);
    atomic_store(&steps_b, 0);
    atomic_store(&commits, 0);
}

START_TEST(housekeeping_takes_turns_while_nobody_writes)
{
    reset();
    test_runtime_start(&t);
    ck_assert(writer_add_housekeeping(t.rt.writer, &t.host, &MORE));
    ck_assert(writer_add_housekeeping(t.rt.writer, &t.other, &SOMETIMES));
    test_sleep(400);
    writer_remove_housekeeping(t.rt.writer, &t.host);
    int a = atomic_load(&steps_a), b = atomic_load(&steps_b);
    ck_assert_int_gt(a, 20);
    ck_assert_int_ge(b, 3);
    ck_assert_int_le(b, 9);
    test_sleep(50);
    ck_assert_int_eq(atomic_load(&steps_a), a);
    ck_assert_int_eq(atomic_load(&commits), a);
    ck_assert_int_eq(test_count(&t), a);
}
END_TEST

START_TEST(a_failing_one_is_undone_and_rests)
{
    reset();
    test_runtime_start(&t);
    ck_assert(writer_add_housekeeping(t.rt.writer, &t.host, &FAILS));
    test_sleep(200);
    ck_assert_int_eq(atomic_load(&steps_b), 1);
    ck_assert_int_eq(test_count(&t), 0);
}
END_TEST

START_TEST(modules_that_are_disabled_keep_no_house)
{
    reset();
    atomic_store(&t.host.status, MODULE_DRAINING);
    test_runtime_start(&t);
    ck_assert(writer_add_housekeeping(t.rt.writer, &t.host, &MORE));
    test_sleep(100);
    ck_assert_int_eq(atomic_load(&steps_a), 0);
}
END_TEST

static atomic_bool stop;

static void *load(void *arg)
{
    for (int i = 0; !atomic_load(&stop); i++) {
        char name[48];
        snprintf(name, sizeof name, "%p-%d", arg, i);
        ck_assert_int_eq(test_request_wait(test_write(&t, test_put, name)), SW_OK);
    }
    return NULL;
}

START_TEST(housekeeping_goes_on_under_load)
{
    enum { THREADS = 16 };
    pthread_t threads[THREADS];
    static char at[THREADS];
    reset();
    atomic_store(&stop, false);
    test_runtime_start(&t);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, load, &at[i]);
    ck_assert(writer_add_housekeeping(t.rt.writer, &t.host, &MORE));
    test_sleep(1500);
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_ge(atomic_load(&steps_a), 8);
}
END_TEST

/* ---- the WAL ---- */

static sw_status put_large(sw_tx *tx, void *name)
{
    char *body = sw_tx_alloc(tx, 1, 50001);
    memset(body, 'x', 50000);
    return sw_tx_exec(tx, &ROWS[ROW_PUT], NULL, "ss", (const char *)name, body);
}

static void put_many(int from, int count)
{
    for (int i = from; i < from + count; i++) {
        char name[32];
        snprintf(name, sizeof name, "row %d", i);
        ck_assert_int_eq(test_request_wait(test_write(&t, put_large, name)), SW_OK);
    }
}

static void small_wal(void)
{
    char *environment[] = {"STEWARD_STORAGE_WAL_LIMIT=1M", "STEWARD_LIMITS_READ_STEP=60s", NULL};
    t.rt.config = config_new();
    ck_assert_msg(config_load(t.rt.config, NULL, environment), "%s", config_errors(t.rt.config));
    test_runtime_start(&t);
}

static int64_t wal_size(void)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s-wal", t.store.path);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

START_TEST(the_wal_stays_below_its_limit)
{
    small_wal();
    for (int i = 0; i < 10; i++) {
        put_many(i * 20, 20);
        ck_assert_int_le(wal_size(), 2 << 20);
    }
    ck_assert_uint_ge(atomic_load(&writer_read_metrics(t.rt.writer)->truncations), 3);
    ck_assert_int_eq(test_count(&t), 200);
}
END_TEST

static sem_t reading;

static sw_status read_forever(sw_request *req)
{
    sw_rows *rows = NULL, *held = NULL;
    SW_TRY(sw_db_query(sw_request_db(req), &ROWS[ROW_COUNT], 0, &held, "")); /* a snapshot that the WAL must keep */
    sem_post(&reading);
    SW_TRY(sw_db_query(sw_request_db(req), &ROWS[ROW_ENDLESS], 0, &rows, ""));
    return sw_rows_done(rows);
}

START_TEST(a_long_read_is_ended_when_the_wal_is_full)
{
    sem_init(&reading, 0, 0);
    small_wal();
    test_request *r = test_request_new(&t, REQUEST_TASK);
    ck_assert(request_submit(&t.rt, &r->req, SW_LANE_WORKER, read_forever));
    test_wait(&reading);
    int64_t began = sw_monotonic_ms();
    put_many(0, 60);
    ck_assert_int_eq(test_request_wait(r), SW_BUSY);
    ck_assert_int_lt(sw_monotonic_ms() - began, 10000);
    ck_assert_uint_ge(atomic_load(&writer_read_metrics(t.rt.writer)->truncations), 1);
    ck_assert_int_le(wal_size(), 3 << 20);
}
END_TEST

START_TEST(a_foreign_reader_stops_writing_before_the_wal_has_no_bound)
{
    small_wal();
    put_many(0, 1);
    sqlite3 *raw = NULL;
    ck_assert_int_eq(sqlite3_open(t.store.path, &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, "BEGIN; SELECT count(*) FROM items", NULL, NULL, NULL), SQLITE_OK);
    sw_status status = SW_OK;
    for (int i = 0; i < 200 && status == SW_OK; i++) {
        char name[32];
        snprintf(name, sizeof name, "big %d", i);
        status = test_request_wait(test_write(&t, put_large, name));
    }
    ck_assert_int_eq(status, SW_UNAVAILABLE);
    ck_assert_int_le(wal_size(), 8 << 20);
    sqlite3_close(raw);
    for (int i = 0; i < 60 && status != SW_OK; i++) {
        status = test_request_wait(test_write(&t, test_put, "again"));
        if (status != SW_OK)
            test_sleep(100);
    }
    ck_assert_int_eq(status, SW_OK);
    ck_assert_int_le(wal_size(), 1 << 20);
}
END_TEST

START_TEST(the_checkpointer_moves_what_was_written)
{
    test_runtime_start(&t);
    put_many(0, 120); /* more than the WAL that waits for five seconds */
    for (int i = 0; i < 3000 && atomic_load(&writer_read_metrics(t.rt.writer)->checkpoints) == 0; i++)
        test_sleep(1);
    ck_assert_uint_ge(atomic_load(&writer_read_metrics(t.rt.writer)->checkpoints), 1);
    ck_assert_uint_eq(atomic_load(&writer_read_metrics(t.rt.writer)->truncations), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(housekeeping_takes_turns_while_nobody_writes);
    ADD(a_failing_one_is_undone_and_rests);
    ADD(modules_that_are_disabled_keep_no_house);
    ADD(housekeeping_goes_on_under_load);
    ADD(the_wal_stays_below_its_limit);
    ADD(a_long_read_is_ended_when_the_wal_is_full);
    ADD(a_foreign_reader_stops_writing_before_the_wal_has_no_bound);
    ADD(the_checkpointer_moves_what_was_written);
}

int main(void)
{
    return run_tests("housekeeping", add);
}
