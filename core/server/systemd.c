/* systemd, where it was there at build time. */
#include "core/server/server.h"

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

void notify(const char *state)
{
    (void)sd_notify(0, state);
}

uint64_t notify_watchdog_us(void)
{
    uint64_t every = 0;
    return sd_watchdog_enabled(0, &every) > 0 ? every : 0;
}

#else

void notify(const char *state)
{
    (void)state;
}

uint64_t notify_watchdog_us(void)
{
    return 0;
}

#endif
