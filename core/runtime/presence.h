/* Who has a WebSocket open, and on which loops: what any thread may ask. One entry a user, in locked shards.
 *
 * A loop tells when a socket of a user is registered or leaves; it knows itself whether it was its last of that user.
 */
#ifndef CORE_RUNTIME_PRESENCE_H
#define CORE_RUNTIME_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct presence presence;

/* NULL: no memory. */
presence *presence_new(unsigned loop_count);
void presence_free(presence *p);
/* Any thread, short lock. false: no memory, nothing changed. */
bool presence_enter(presence *p, int64_t user_id, unsigned loop);
/* The reverse; `last_here`: that loop has no other socket of this user. Returns how many the user still has. */
uint32_t presence_leave(presence *p, int64_t user_id, unsigned loop, bool last_here);
/* The loops that hold a socket of this user: bit (index % 64); 0: the user is offline. */
uint64_t presence_loops(presence *p, int64_t user_id);
/* How many sockets of this user are registered. */
uint32_t presence_sockets(presence *p, int64_t user_id);

#endif
