/* Starting threads, and what they wait with. Any thread. */
#include "core/runtime/thread.h"

#include "core/crash/crash_handler.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { GIVE_WAY_NICE = 5, PROMPT_SLICE_NS = 500000 };

/* What a new thread is given; it frees it. */
typedef struct {
    void *(*run)(void *arg);
    void *arg;
    char name[16];
} beginning;

static void *begin(void *given)
{
    beginning b = *(beginning *)given;
    free(given);
    pthread_setname_np(pthread_self(), b.name);
    void *stack = crash_stack_give();
    (void)crash_enter(CRASH_SERVER, NULL, NULL, NULL);
    void *result = b.run(b.arg);
    crash_stack_take(stack);
    return result;
}

bool thread_start(pthread_t *ret, const char *name, void *(*run)(void *arg), void *arg)
{
    beginning *b = malloc(sizeof *b);
    if (!b)
        return false;
    *b = (beginning){.run = run, .arg = arg};
    snprintf(b->name, sizeof b->name, "%s", name);
    sigset_t all, before;
    sigfillset(&all);
    const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(ret, NULL, begin, b) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started)
        free(b);
    return started;
}

void thread_give_way(void)
{
    (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + GIVE_WAY_NICE); /* 0: this thread alone */
}

/* The C library has neither the call nor its struct. Kernels before 6.12 ignore the slice. */
void thread_be_prompt(void)
{
    const struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } wish = {.size = sizeof wish, .nice = getpriority(PRIO_PROCESS, 0), .runtime = PROMPT_SLICE_NS};
    (void)syscall(SYS_sched_setattr, 0, &wish, 0);
}

bool cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    bool ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(c, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return ok;
}

void cond_wait_until(pthread_cond_t *c, pthread_mutex_t *lock, int64_t until_ms)
{
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    pthread_cond_timedwait(c, lock, &until);
}

unsigned core_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- latches ---- */

void latch_init(latch *l)
{
    sem_init(&l->opened, 0, 0);
}

void latch_open(latch *l)
{
    sem_post(&l->opened);
}

void latch_wait(latch *l)
{
    while (sem_wait(&l->opened) != 0 && errno == EINTR)
        ;
}

void latch_done(latch *l)
{
    sem_destroy(&l->opened);
}
