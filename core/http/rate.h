/* Limits per client address without locks: an address (of IPv6: its /64) is one of 65,536 slots by a seeded hash. Two
 * addresses in one slot share its limit. Any thread. */
#ifndef CORE_HTTP_RATE_H
#define CORE_HTTP_RATE_H

#include "core/base/address.h"

typedef struct rates rates;

/* `per_second` 0: no limit of requests. */
rates *rates_new(uint32_t per_second);
void rates_free(rates *r);
uint32_t rates_slot(const rates *r, const address *a);
/* One more connection of that slot; false: it has `limit` already. */
bool rates_connect(rates *r, uint32_t slot, uint32_t limit);
void rates_disconnect(rates *r, uint32_t slot);
/* Takes a token of that slot's bucket, which holds those of one second. */
bool rates_request(rates *r, uint32_t slot, int64_t mono_ms);

#endif
