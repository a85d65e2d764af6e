/* Time limits of queries, storage that fails, checkpoints. */
#include "tests/unit/db/query_fixture.h"

START_TEST(reads_end_at_their_time_limit)
{
    int64_t began = sw_monotonic_ms();
    db_lend(reader, &reader_memory, began + 50);
    sw_rows *rows = NULL;
    ck_assert_int_eq(sw_db_query(reader, &TABLE[ENDLESS], 0, &rows, ""), SW_BUSY);
    ck_assert(db_interrupted(reader));
    ck_assert_int_lt(sw_monotonic_ms() - began, 1000);
    ck_assert_int_eq(sw_db_query(reader, &TABLE[COUNT], 0, &rows, ""), SW_BUSY); /* nothing begins after it */
    db_lend(reader, &reader_memory, 0);
    ck_assert_int_eq(count(reader), 0);
}
END_TEST

START_TEST(writes_get_four_times_that)
{
    ck_assert_int_eq(db_exec(db, "BEGIN IMMEDIATE"), SW_OK);
    int64_t began = sw_monotonic_ms();
    db_lend(db, &memory, began + 50);
    ck_assert_int_eq(sw_db_query(db, &TABLE[WRITE_ENDLESS], 0, NULL, ""), SW_BUSY);
    ck_assert_int_ge(sw_monotonic_ms() - began, 190);
    ck_assert_int_lt(sw_monotonic_ms() - began, 2000);
    ck_assert(db_autocommit(db)); /* the price: the whole transaction */
}
END_TEST

START_TEST(a_writer_is_not_late_for_having_waited)
{
    db_lend(db, &memory, sw_monotonic_ms() + 50);
    usleep(80000); /* as on a busy machine, where another thread has the core */
    ck_assert_int_eq(put("waited"), SW_OK);
    ck_assert(!db_interrupted(db));
    usleep(1000000); /* WAITING_FACTOR times the limit: then it is */
    ck_assert_int_eq(put("too long"), SW_BUSY);
    ck_assert(db_interrupted(db));
}
END_TEST

START_TEST(a_full_disk_is_storage_failing)
{
    ck_assert_int_eq(db_exec(db, "PRAGMA max_page_count=12"), SW_OK);
    char *large = calloc(1, 200001);
    memset(large, 'x', 200000);
    ck_assert_int_eq(put(large), SW_UNAVAILABLE);
    ck_assert(db_storage_failed(db));
    ck_assert_int_eq(db_exec(db, "PRAGMA max_page_count=1000000"), SW_OK);
    ck_assert_int_eq(put(large), SW_OK);
    free(large);
}
END_TEST

START_TEST(a_connection_can_be_opened_anew)
{
    ck_assert_int_eq(put("a"), SW_OK);
    ck_assert_int_eq(db_reopen(db), SW_OK);
    db_lend(db, &memory, 0);
    ck_assert_int_eq(put("b"), SW_OK);
    ck_assert_int_eq(count(db), 2);
}
END_TEST

START_TEST(checkpoints_empty_the_wal)
{
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        ck_assert_int_eq(put(name), SW_OK);
    }
    ck_assert_int_gt(db_wal_bytes(db), 50 * 4096);
    sw_db *c = db_open_checkpointer(t.store);
    int left = -1;
    ck_assert_int_eq(db_checkpoint(c, false, 0, &left, NULL), SW_OK);
    ck_assert_int_eq(left, 0);
    sw_rows *rows = NULL;
    ck_assert_int_eq(sw_db_query(reader, &TABLE[FIND], 0, &rows, "sii", "", (int64_t)0, (int64_t)10), SW_OK);
    put("during the read"); /* which now needs the WAL as it was */
    ck_assert_int_eq(db_checkpoint(db, true, 50, &left, NULL), SW_BUSY);
    ck_assert_int_eq(sw_rows_done(rows), SW_OK);
    ck_assert_int_eq(db_checkpoint(db, true, 50, &left, NULL), SW_OK);
    ck_assert_int_eq(db_wal_bytes(db), 0);
    db_close(c);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(reads_end_at_their_time_limit);
    ADD(writes_get_four_times_that);
    ADD(a_writer_is_not_late_for_having_waited);
    ADD(a_full_disk_is_storage_failing);
    ADD(a_connection_can_be_opened_anew);
    ADD(checkpoints_empty_the_wal);
}

int main(void)
{
    return run_tests("query limits", add);
}
