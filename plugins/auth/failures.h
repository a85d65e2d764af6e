/* Failed attempts of an entry of the table: after `max` within a minute it is refused, each time for longer, until a
 * minute has passed without one. `max` 0: never. Not locked: the gate does that. */
#ifndef AUTH_FAILURES_H
#define AUTH_FAILURES_H

#include "table.h"

void failures_note(entry *e, uint32_t max, int64_t now_ms);
void failures_forgive(entry *e);
/* How many attempts may run at once, so that the limit is never passed by trying in parallel. */
uint32_t failures_room(const entry *e, uint32_t max, uint32_t at_once, int64_t now_ms);
/* For how many seconds it is refused yet; 0: it is not. */
int failures_refused_s(const entry *e, int64_t now_ms);

#endif
