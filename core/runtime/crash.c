/* The signal handler, and the stacks it runs on. */
#include "core/runtime/crash.h"

#include "core/runtime/crash_report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { STACK_BYTES = 128 * 1024, GUARD_BYTES = 4096, WAIT_TURNS = 100, WAIT_NS = 50 * 1000000 };

const char CRASH_SERVER[] = "core";
_Thread_local crash_scope crash_running;

/* Faults, what abort() and failed assertions raise, and what a forbidden system call gets. */
static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
enum { SIGNAL_COUNT = sizeof SIGNALS / sizeof SIGNALS[0] };

/* A handler gets no argument, so what it needs is the process's. Written before it is installed, read only by it. */
static struct {
    crash_tools tools;
    int fd;
    bool on, at_exit;
    struct sigaction before[SIGNAL_COUNT];
    _Atomic pid_t reporter; /* the thread that came first, 0: none yet */
} armed;

/* ---- the handler ---- */

/* As if there had been no handler: to the one before, or the end, with the same signal at the same place; so core dumps
 * and sanitizers show the crash itself. The signal is blocked here and arrives when the handler returns. */
static void pass_on(int number, siginfo_t *info)
{
    struct sigaction next = {.sa_handler = SIG_DFL};
    for (unsigned i = 0; i < SIGNAL_COUNT; i++)
        if (SIGNALS[i] == number && armed.before[i].sa_handler != SIG_IGN)
            next = armed.before[i];
    (void)sigaction(number, &next, NULL);
    pid_t pid = getpid(), thread = (pid_t)syscall(SYS_gettid);
    if (syscall(SYS_rt_tgsigqueueinfo, pid, thread, number, info) != 0)
        (void)syscall(SYS_tgkill, pid, thread, number);
}

static void write_line(int number, const siginfo_t *info, const void *context)
{
    crash_record record;
    char line[CRASH_LINE_MAX];
    crash_report(&armed.tools, number, info, context, &record);
    size_t len = crash_record_write(&record, line);
    while (write(armed.fd, line, len) < 0 && errno == EINTR)
        continue;
    (void)!write(STDERR_FILENO, line, len); /* for who looks on; the next start says it in words */
}

/* Another thread has crashed first and is about to end the process: its line must not be cut short, and one crash is
 * one line. Not for ever, should it hang. */
static void wait_for_other(void)
{
    const struct timespec turn = {.tv_nsec = WAIT_NS};
    for (int i = 0; i < WAIT_TURNS; i++)
        (void)nanosleep(&turn, NULL);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    pid_t first = 0, self = (pid_t)syscall(SYS_gettid);
    /* A forked child's crash is not the server's. */
    if (getpid() == armed.tools.pid) {
        if (atomic_compare_exchange_strong(&armed.reporter, &first, self))
            write_line(number, info, context);
        else if (first != self)
            wait_for_other();
    }
    pass_on(number, info);
    errno = saved;
}

/* exit() from inside ends the server as surely as a fault, so it is one: who ends it in order disarms first. */
static void on_exit_called(void)
{
    ucontext_t here;
    pid_t first = 0;
    bool mine = armed.on && getpid() == armed.tools.pid && getcontext(&here) == 0;
    if (mine && atomic_compare_exchange_strong(&armed.reporter, &first, (pid_t)syscall(SYS_gettid)))
        write_line(0, NULL, &here);
}

bool crash_arm(const crash_map *map, int fd)
{
    if (armed.on)
        return false;
    if (!armed.at_exit)
        armed.at_exit = atexit(on_exit_called) == 0;
    armed.fd = fd;
    armed.reporter = 0;
    armed.tools = (crash_tools){.map = map, .pid = getpid()};
    if (pipe2(armed.tools.probe, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigfillset(&act.sa_mask);
    for (unsigned i = 0; i < SIGNAL_COUNT; i++)
        (void)sigaction(SIGNALS[i], &act, &armed.before[i]);
    (void)crash_stack_give(); /* the main thread's, for as long as it lives */
    if (!crash_running.owner)
        crash_running.owner = CRASH_SERVER;
    armed.on = true;
    return true;
}

/* What has been changed meanwhile by somebody else stays. */
void crash_disarm(void)
{
    struct sigaction now;
    if (!armed.on)
        return;
    for (unsigned i = 0; i < SIGNAL_COUNT; i++)
        if (sigaction(SIGNALS[i], NULL, &now) == 0 && now.sa_sigaction == on_fault)
            (void)sigaction(SIGNALS[i], &armed.before[i], NULL);
    close(armed.tools.probe[0]);
    close(armed.tools.probe[1]);
    armed.on = false;
}

/* ---- stacks ---- */

void *crash_stack_give(void)
{
    stack_t now;
    if (sigaltstack(NULL, &now) != 0 || !(now.ss_flags & SS_DISABLE))
        return NULL;
    char *memory = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    stack_t stack = {.ss_sp = memory + GUARD_BYTES, .ss_size = STACK_BYTES};
    if (mprotect(stack.ss_sp, STACK_BYTES, PROT_READ | PROT_WRITE) == 0 && sigaltstack(&stack, NULL) == 0)
        return memory;
    munmap(memory, GUARD_BYTES + STACK_BYTES);
    return NULL;
}

void crash_stack_take(void *stack)
{
    const stack_t none = {.ss_flags = SS_DISABLE};
    if (!stack || sigaltstack(&none, NULL) != 0)
        return;
    munmap(stack, GUARD_BYTES + STACK_BYTES);
}
