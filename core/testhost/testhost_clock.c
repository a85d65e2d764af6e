/* The process's part of a host: its clock, and that there is one. sw_now_ms() has no argument that a host could be
 * found by. In the place of core/base/wall_clock.c. */
#include "core/testhost/testhost.h"

#include <time.h>

static struct {
    _Atomic bool taken;
    _Atomic int64_t frozen_ms; /* 0: the clock runs */
} process;

bool host_claim(void)
{
    return !atomic_exchange(&process.taken, true);
}

void host_release(void)
{
    process.frozen_ms = 0;
    process.taken = false;
}

void host_freeze(int64_t unix_ms)
{
    process.frozen_ms = unix_ms;
}

int64_t sw_now_ms(void)
{
    struct timespec now;
    int64_t frozen = process.frozen_ms;
    if (frozen)
        return frozen;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
