/* The crash handler, in children of this program: what it writes, and that the crash goes on as it would have. */
#include "core/runtime/crash.h"
#include "core/runtime/crash_record.h"
#include "core/runtime/thread.h"
#include "tests/unit/run_tests.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { PASSED_ON = 42, BAD_ADDRESS = 16 };

static int file;
static crash_map *map;
static const int HELLO, OTHER; /* owners: their addresses count */

/* What was there before the handler: it gets the same signal, with the same address and place. */
static void handler_before(int number, siginfo_t *info, void *context)
{
    (void)context;
    bool fault = number == SIGSEGV && info->si_code > 0;
    _exit(!fault || info->si_addr == (void *)BAD_ADDRESS || info->si_addr == NULL ? PASSED_ON : PASSED_ON + 1);
}

static void arm(void)
{
    (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO); /* the line goes there as well */
    static const int SIGNALS[] = {SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS};
    struct sigaction act = {.sa_sigaction = handler_before, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++)
        ck_assert_int_eq(sigaction(SIGNALS[i], &act, NULL), 0);
    ck_assert(crash_arm(map, file));
}

static void setup(void)
{
    file = memfd_create("crashes", MFD_CLOEXEC);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(fcntl(file, F_SETFL, O_APPEND), 0);
    map = calloc(1, sizeof *map);
    snprintf(map->server, sizeof map->server, "9.9");
    map->modules[0] = (crash_module){.owner = &HELLO, .name = "hello", .version = "1.2", .build = "abcd"};
    map->modules[1] = (crash_module){.owner = &OTHER, .name = "other"};
    map->module_count = 2;
}

static void teardown(void)
{
    close(file);
    free(map);
}

/* Runs `crash` in an armed child; how the child ended. */
static int ended(void (*crash)(void))
{
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        arm();
        crash();
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static void passed_on(int status)
{
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == PASSED_ON, "status %x", (unsigned)status);
}

/* How many records the children wrote; `ret` is the last. */
static unsigned written(crash_record *ret)
{
    char text[4 * CRASH_LINE_MAX];
    ssize_t len = pread(file, text, sizeof text, 0);
    unsigned count = 0;
    for (char *at = text, *end; at < text + len; at = end + 1, count++) {
        end = memchr(at, '\n', (size_t)(text + len - at));
        ck_assert_ptr_nonnull(end);
        ck_assert(crash_record_read(at, (size_t)(end - at), ret));
    }
    return count;
}

static crash_record only_record(void)
{
    crash_record r;
    ck_assert_uint_eq(written(&r), 1);
    ck_assert_int_eq(r.word, CRASH_HAPPENED);
    return r;
}

static void write_to_nowhere(void)
{
    *(volatile int *)(uintptr_t)BAD_ADDRESS = 1;
}

static void fault_for_hello(void)
{
    crash_scope before = crash_enter(&HELLO, "handler", "GET", "/api/hello/:id");
    write_to_nowhere();
    crash_leave(before);
}

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

/* ---- whose signal it is ---- */

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
    ADD(a_fault_is_told_with_what_the_thread_was_doing_and_goes_on);
    ADD(an_abort_is_told_and_goes_on);
    ADD(a_call_that_has_returned_is_not_blamed);
    ADD(without_a_plugin_at_work_it_is_the_servers_own);
    ADD(a_pointer_that_is_broken_too_does_not_stop_the_report);
    ADD(a_thread_without_stack_left_can_still_tell);
    ADD(threads_that_crash_together_are_one_crash);
    ADD(a_signal_from_another_process_is_not_held_against_the_plugin_at_work);
    ADD(the_crash_of_a_forked_child_is_not_the_servers);
    ADD(once_disarmed_it_is_as_if_it_had_never_been);
}

int main(void)
{
    return run_tests("runtime crashes", add);
}
