/* Reading times. Writing them and the clocks: <steward/host.h>. */
#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* An RFC 3339 time ("2026-03-05T21:42:08.123Z", "2026-03-05t21:42:08+08:00") as Unix milliseconds; what is finer
 * is cut. A leap second counts as the second after it. false: not such a time. */
bool time_parse(const char *text, int64_t *ret_ms);

#endif
