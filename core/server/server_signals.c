/* The main thread while the server serves: signals, the watchdog, a tick a second, and what systemd is told. */
#include "core/server/server.h"

#include "core/base/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

enum { TICK_MS = 1000, LOOP_STUCK_MS = 5000, SAME_SIGNAL_MS = 50 };

static const int WAITED[] = {SIGTERM, SIGINT, SIGHUP};

static sigset_t waited_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof WAITED / sizeof WAITED[0]; i++)
        sigaddset(&set, WAITED[i]);
    return set;
}

void signals_block(void)
{
    sigset_t set = waited_set();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool signals_pending(void)
{
    sigset_t set;
    sigpending(&set);
    for (size_t i = 0; i < sizeof WAITED / sizeof WAITED[0]; i++)
        if (sigismember(&set, WAITED[i]))
            return true;
    return false;
}

/* The next signal, or 0 when none came for `ms`. */
static int next_signal(int64_t ms)
{
    sigset_t set = waited_set();
    const struct timespec limit = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    int number = sigtimedwait(&set, NULL, &limit);
    return number > 0 ? number : 0;
}

/* The second SIGTERM ends the process at once: an operator who asks twice does not want to wait. */
static void leave_now(int number)
{
    static const char LINE[] = "stopped at once by a second signal\n";
    (void)number;
    (void)!write(STDERR_FILENO, LINE, sizeof LINE - 1);
    _exit(1);
}

static void leave_on_second_signal(void)
{
    struct sigaction act = {.sa_handler = leave_now};
    sigset_t set;
    sigemptyset(&act.sa_mask);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* A loop looks at its clock twice a second; one that has not for a while hangs, and with it its clients. */
static bool loops_alive(const runtime *rt)
{
    int64_t now = sw_monotonic_ms();
    for (unsigned i = 0; i < rt->loop_count; i++)
        if (now - rt->loops[i].now_ms > LOOP_STUCK_MS)
            return false;
    return true;
}

/* Microseconds between two WATCHDOG=1; 0 when none is wanted. */
static uint64_t notify_watchdog_us(void);

void signals_serve(server *s)
{
    int64_t watchdog_ms = (int64_t)(notify_watchdog_us() / 1000) / 2;
    int64_t every = watchdog_ms > 0 && watchdog_ms < TICK_MS ? watchdog_ms : TICK_MS;
    int64_t fed = sw_monotonic_ms();
    for (;;) {
        int number = next_signal(every);
        if (number == SIGTERM || number == SIGINT)
            break;
        if (number == SIGHUP)
            server_reload(s);
        registry_tick(s->plugins);
        if (watchdog_ms > 0 && sw_monotonic_ms() - fed >= watchdog_ms && loops_alive(&s->rt)) {
            notify("WATCHDOG=1");
            fed = sw_monotonic_ms();
        }
    }
    /* One request to stop may arrive twice, by the process and by its group: timeout(1) and terminals do so. */
    (void)next_signal(SAME_SIGNAL_MS);
    leave_on_second_signal();
}

/* ---- systemd, where it was there at build time ---- */

void notify(const char *state)
{
#ifdef HAVE_SYSTEMD
    (void)sd_notify(0, state);
#else
    (void)state;
#endif
}

static uint64_t notify_watchdog_us(void)
{
#ifdef HAVE_SYSTEMD
    uint64_t every = 0;
    if (sd_watchdog_enabled(0, &every) > 0)
        return every;
#endif
    return 0;
}
