/* The crash handler: what it writes, and that the crash goes on as it would have. */
#include "core/runtime/thread.h"
#include "tests/unit/crash/crash_child.h"

START_TEST(a_fault_is_told_with_what_the_thread_was_doing_and_goes_on)
{
    passed_on(ended(fault_for_hello));
    crash_record r = only_record();
    ck_assert_int_eq(r.signal, SIGSEGV);
    ck_assert_uint_eq(r.address, BAD_ADDRESS);
    ck_assert_str_eq(r.plugin, "hello");
    ck_assert_str_eq(r.version, "1.2");
    ck_assert_str_eq(r.build, "abcd");
    ck_assert_str_eq(r.part, "handler");
    ck_assert_str_eq(r.kind, "GET");
    ck_assert_str_eq(r.name, "/api/hello/:id");
    ck_assert_str_eq(r.server, "9.9");
    ck_assert_int_eq(r.vital, 0);
    ck_assert_int_eq(r.guessed, 0);
    ck_assert_int_gt(r.at_ms, 1700000000000);
    ck_assert(strncmp(r.place, "0x", 2) == 0); /* no code of a plugin is known here */
}
END_TEST

static void abort_for_hello(void)
{
    (void)crash_enter(&HELLO, "step", NULL, NULL);
    abort();
}

START_TEST(an_abort_is_told_and_goes_on)
{
    passed_on(ended(abort_for_hello));
    crash_record r = only_record();
    ck_assert_int_eq(r.signal, SIGABRT);
    ck_assert_str_eq(r.plugin, "hello");
    ck_assert_str_eq(r.part, "step");
}
END_TEST

static void fault_after_a_call(void)
{
    crash_scope mine = crash_enter(&HELLO, "handler", NULL, NULL);
    crash_scope before = crash_enter(&OTHER, "subscriber", "event", "x");
    crash_leave(before);
    write_to_nowhere();
    crash_leave(mine);
}

START_TEST(a_call_that_has_returned_is_not_blamed)
{
    passed_on(ended(fault_after_a_call));
    ck_assert_str_eq(only_record().plugin, "hello");
}
END_TEST

START_TEST(without_a_plugin_at_work_it_is_the_servers_own)
{
    passed_on(ended(write_to_nowhere));
    crash_record r = only_record();
    ck_assert_str_eq(r.plugin, "core");
    ck_assert_str_eq(r.part, "");
}
END_TEST

static void fault_with_bad_texts(void)
{
    (void)crash_enter(&HELLO, "handler", (const char *)(uintptr_t)8, (const char *)UINTPTR_MAX);
    write_to_nowhere();
}

START_TEST(a_pointer_that_is_broken_too_does_not_stop_the_report)
{
    passed_on(ended(fault_with_bad_texts));
    crash_record r = only_record();
    ck_assert_str_eq(r.plugin, "hello");
    ck_assert_str_eq(r.kind, "");
    ck_assert_str_eq(r.name, "");
}
END_TEST

/* ---- threads ---- */

static void *overflow(void *arg)
{
    (void)crash_enter(&HELLO, "handler", NULL, NULL);
    stack_t mine;
    (void)sigaltstack(NULL, &mine);
    if (mine.ss_flags & SS_DISABLE)
        _exit(1);
    /* As at the end of a stack: nothing can be pushed any more. */
    volatile char *const at = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
#if defined(__x86_64__)
    __asm__ volatile("mov %0, %%rsp\n\tpush %%rax" : : "r"(at + 64) : "memory");
#elif defined(__aarch64__)
    __asm__ volatile("mov sp, %0\n\tstr x0, [sp, #-16]!" : : "r"(at + 64) : "memory");
#else
    at[0] = 1;
#endif
    return arg;
}

static void overflow_a_thread(void)
{
    pthread_t thread;
    if (thread_start(&thread, "deep", overflow, NULL))
        pthread_join(thread, NULL);
}

START_TEST(a_thread_without_stack_left_can_still_tell)
{
    int status = ended(overflow_a_thread);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == PASSED_ON + 1, "status %x", (unsigned)status);
    crash_record r = only_record();
    ck_assert_str_eq(r.plugin, "hello");
    ck_assert_str_eq(r.thread, "deep");
}
END_TEST

static void *fault_together(void *barrier)
{
    (void)crash_enter(&HELLO, "handler", NULL, NULL);
    pthread_barrier_wait(barrier);
    write_to_nowhere();
    return NULL;
}

static void many_faults(void)
{
    enum { THREADS = 8 };
    pthread_barrier_t barrier;
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        (void)thread_start(&threads[i], "together", fault_together, &barrier);
    pthread_join(threads[0], NULL);
}

START_TEST(threads_that_crash_together_are_one_crash)
{
    passed_on(ended(many_faults));
    ck_assert_str_eq(only_record().plugin, "hello");
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_fault_is_told_with_what_the_thread_was_doing_and_goes_on);
    ADD(an_abort_is_told_and_goes_on);
    ADD(a_call_that_has_returned_is_not_blamed);
    ADD(without_a_plugin_at_work_it_is_the_servers_own);
    ADD(a_pointer_that_is_broken_too_does_not_stop_the_report);
    ADD(a_thread_without_stack_left_can_still_tell);
    ADD(threads_that_crash_together_are_one_crash);
}

int main(void)
{
    return run_tests("runtime crashes", add);
}
