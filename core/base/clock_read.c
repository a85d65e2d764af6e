/* What time it is. A file of its own: libsteward-testhost has another one, whose wall clock a test sets. */
#include <steward/host.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t sw_now_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t sw_monotonic_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}
