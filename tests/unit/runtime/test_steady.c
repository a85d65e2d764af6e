/* The clock that is never set back: what it goes on from, and that the store says where it was. */
#include "tests/unit/runtime/fixture.h"

#include <inttypes.h>

static test_runtime t;

static void setup(void)
{
    test_runtime_open(&t);
}

static void teardown(void)
{
    test_runtime_close(&t);
}

/* The machine's clock, and the name of its start. */
static int64_t machine(char boot[64])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    struct timespec now;
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%63s", boot), 1);
    fclose(file);
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void note(const char *text)
{
    sqlite3_stmt *stmt = NULL;
    ck_assert_int_eq(
        sqlite3_prepare_v2(db_raw(t.db), "INSERT INTO steward_core (key, value) VALUES ('clock', ?1)", -1, &stmt, NULL),
        SQLITE_OK);
    sqlite3_bind_blob(stmt, 1, text, (int)strlen(text), SQLITE_STATIC);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
}

static void resume(int64_t steady, int64_t machine_then, const char *boot)
{
    char text[160];
    snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %s", steady, machine_then, boot);
    note(text);
    steady_resume(&t.rt, t.db);
}

enum { HOUR = 3600 * 1000 };

static int64_t ahead(void)
{
    return sw_steady_ms(&t.host) - sw_now_ms();
}

START_TEST(it_is_the_wall_clock_in_a_store_that_says_nothing)
{
    steady_resume(&t.rt, t.db);
    int64_t before = sw_now_ms(), now = sw_steady_ms(&t.host);
    ck_assert_int_ge(now, before);
    ck_assert_int_le(now, sw_now_ms() + 1);
}
END_TEST

START_TEST(it_goes_on_with_the_clock_of_a_machine_that_was_not_started_anew)
{
    char boot[64];
    int64_t now = machine(boot);
    resume(sw_now_ms() - HOUR / 2, now - HOUR, boot); /* half an hour behind the wall clock, an hour ago */
    ck_assert_int_ge(ahead(), HOUR / 2 - 1);
    ck_assert_int_lt(ahead(), HOUR);
}
END_TEST

START_TEST(it_goes_on_from_where_it_was_when_the_wall_clock_is_behind_after_a_start_of_the_machine)
{
    char boot[64];
    resume(sw_now_ms() + HOUR, machine(boot) + HOUR, "another-start");
    ck_assert_int_ge(ahead(), HOUR - 1000);
    ck_assert_int_lt(ahead(), 2 * HOUR);
}
END_TEST

START_TEST(it_follows_the_wall_clock_over_what_passed_while_the_machine_was_off)
{
    resume(sw_now_ms() - 24 * (int64_t)HOUR, 5000, "another-start");
    ck_assert_int_ge(ahead(), 0);
    ck_assert_int_lt(ahead(), HOUR);
}
END_TEST

START_TEST(it_takes_no_notice_of_what_is_no_time)
{
    static const char *const NONSENSE[] = {"", "x", "9223372036854775807 0 -", "-5 5 -", "1 -1 -", "1"};
    note(NONSENSE[_i]);
    steady_resume(&t.rt, t.db);
    ck_assert_int_lt(ahead(), HOUR);
}
END_TEST

START_TEST(what_is_written_says_where_it_was)
{
    char boot[64];
    resume(sw_now_ms() + HOUR, machine(boot) + HOUR, "another-start");
    int64_t before = sw_steady_ms(&t.host);
    test_runtime_start(&t);
    ck_assert_int_eq(test_request_wait(test_write(&t, test_put, "a")), SW_OK);
    atomic_store(&t.rt.steady_ahead_ms, 0); /* another process */
    steady_resume(&t.rt, t.look);
    ck_assert_int_ge(sw_steady_ms(&t.host), before);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(it_is_the_wall_clock_in_a_store_that_says_nothing);
    ADD(it_goes_on_with_the_clock_of_a_machine_that_was_not_started_anew);
    ADD(it_goes_on_from_where_it_was_when_the_wall_clock_is_behind_after_a_start_of_the_machine);
    ADD(it_follows_the_wall_clock_over_what_passed_while_the_machine_was_off);
    tcase_add_loop_test(tests, it_takes_no_notice_of_what_is_no_time, 0, 6);
    ADD(what_is_written_says_where_it_was);
}

int main(void)
{
    return run_tests("steady clock", add);
}
