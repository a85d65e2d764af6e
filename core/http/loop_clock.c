/* The time as one turn of the loop sees it, and its texts. On that loop. */
#include "core/http/conn.h"

#include <event2/util.h>
#include <string.h>
#include <time.h>

static void new_second(loop_clock *c, time_t second)
{
    struct tm utc;
    gmtime_r(&second, &utc);
    memcpy(c->date, "Date: ", 6);
    int n = evutil_date_rfc1123(c->date + 6, sizeof c->date - 8, &utc);
    if (n < 0 || (size_t)n >= sizeof c->date - 8)
        n = 0;
    memcpy(c->date + 6 + n, "\r\n", 2);
    c->date_len = (size_t)n + 8;
    sw_time_format((int64_t)second * 1000, c->stamp);
    c->wall_s = second;
}

void tick(http_loop *l)
{
    loop_clock *c = &l->clock;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    int64_t mono = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (mono == c->mono_ms)
        return;
    c->mono_ms = mono;
    c->awake_ms = mono - loop_lost_ms(l->loop, mono);
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != c->wall_s)
        new_second(c, now.tv_sec);
    unsigned ms = (unsigned)(now.tv_nsec / 1000000);
    c->stamp[20] = (char)('0' + ms / 100);
    c->stamp[21] = (char)('0' + ms / 10 % 10);
    c->stamp[22] = (char)('0' + ms % 10);
}
