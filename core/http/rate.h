/* Limits per client address without locks: an address (of IPv6: its /64) is one of 65,536 slots by a seeded hash. Two
 * addresses in one slot share its limit. Any thread. */
#ifndef CORE_HTTP_RATE_H
#define CORE_HTTP_RATE_H

#include "core/base/address.h"

typedef struct rates rates;

/* 0: no limit. */
rates *rates_new(uint32_t requests_per_second, uint32_t bad_tokens_per_minute);
void rates_free(rates *r);
uint32_t rates_slot(const rates *r, const address *a);
/* One more connection of that slot; false: it has `limit` already. */
bool rates_connect(rates *r, uint32_t slot, uint32_t limit);
void rates_disconnect(rates *r, uint32_t slot);
/* One more request of that slot; false: too many within a second. */
bool rates_request(rates *r, uint32_t slot, int64_t mono_ms);
/* One more bad token of that slot; one that was told so a moment ago (`repeated`) guesses nothing and counts a
 * twentieth. 0, or when there were too many in a minute after how many seconds the next one will be told that it is
 * bad. */
int rates_bad_token(rates *r, uint32_t slot, bool repeated, int64_t mono_ms);

#endif
