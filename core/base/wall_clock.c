/* What time it is. A file of its own, since libsteward-testhost has another one, whose clock a test sets. Any thread.
 */
#include <steward/host.h>
#include <time.h>

int64_t sw_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
