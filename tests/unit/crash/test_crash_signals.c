/* Whose signal it is: other processes, forked children, a handler that is no longer armed. */
#include "tests/unit/crash/crash_child.h"

static void killed_by_parent(void)
{
    (void)crash_enter(&HELLO, "handler", NULL, NULL);
    (void)kill(getppid(), SIGUSR1);
    for (;;)
        pause();
}

START_TEST(a_signal_from_another_process_is_not_held_against_the_plugin_at_work)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        arm();
        killed_by_parent();
    }
    int number, status;
    ck_assert_int_eq(sigwait(&set, &number), 0);
    ck_assert_int_eq(kill(child, SIGABRT), 0); /* as a watchdog does */
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    passed_on(status);
    crash_record r = only_record();
    ck_assert_str_eq(r.plugin, "core");
    ck_assert_int_eq(r.sender, getpid());
}
END_TEST

static void child_of_child(void)
{
    (void)crash_enter(&HELLO, "handler", NULL, NULL);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        write_to_nowhere();
    int status;
    (void)waitpid(child, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

START_TEST(the_crash_of_a_forked_child_is_not_the_servers)
{
    crash_record r;
    passed_on(ended(child_of_child));
    ck_assert_uint_eq(written(&r), 0);
}
END_TEST

static void disarmed(void)
{
    crash_disarm();
    fault_for_hello();
}

START_TEST(once_disarmed_it_is_as_if_it_had_never_been)
{
    crash_record r;
    passed_on(ended(disarmed));
    ck_assert_uint_eq(written(&r), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(a_signal_from_another_process_is_not_held_against_the_plugin_at_work);
    ADD(the_crash_of_a_forked_child_is_not_the_servers);
    ADD(once_disarmed_it_is_as_if_it_had_never_been);
}

int main(void)
{
    return run_tests("runtime crash signals", add);
}
