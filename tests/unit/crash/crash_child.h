/* Children of the test program that crash with the handler armed, and what it wrote. */
#ifndef TESTS_UNIT_CRASH_CRASH_CHILD_H
#define TESTS_UNIT_CRASH_CRASH_CHILD_H

#include "core/crash/crash_handler.h"
#include "core/crash/crash_record.h"
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
static inline void handler_before(int number, siginfo_t *info, void *context)
{
    (void)context;
    bool fault = number == SIGSEGV && info->si_code > 0;
    _exit(!fault || info->si_addr == (void *)BAD_ADDRESS || info->si_addr == NULL ? PASSED_ON : PASSED_ON + 1);
}

static inline void arm(void)
{
    (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO); /* the line goes there as well */
    static const int SIGNALS[] = {SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS};
    struct sigaction act = {.sa_sigaction = handler_before, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++)
        ck_assert_int_eq(sigaction(SIGNALS[i], &act, NULL), 0);
    ck_assert(crash_arm(map, file));
}

static inline void setup(void)
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

static inline void teardown(void)
{
    close(file);
    free(map);
}

/* Runs `crash` in an armed child; how the child ended. */
static inline int ended(void (*crash)(void))
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

static inline void passed_on(int status)
{
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == PASSED_ON, "status %x", (unsigned)status);
}

/* How many records the children wrote; `ret` is the last. */
static inline unsigned written(crash_record *ret)
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

static inline crash_record only_record(void)
{
    crash_record r;
    ck_assert_uint_eq(written(&r), 1);
    ck_assert_int_eq(r.word, CRASH_HAPPENED);
    return r;
}

static inline void write_to_nowhere(void)
{
    *(volatile int *)(uintptr_t)BAD_ADDRESS = 1;
}

static inline void fault_for_hello(void)
{
    crash_scope before = crash_enter(&HELLO, "handler", "GET", "/api/hello/:id");
    write_to_nowhere();
    crash_leave(before);
}

#endif
