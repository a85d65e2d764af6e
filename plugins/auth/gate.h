/* The gate before password hashing: who may try now, who waits, who is refused.
 *
 * Failures count per (user, address) and per address. An address has few attempts in the hash lane at once; the rest of
 * its attempts wait here, in order, so that it can neither fill the lane nor slip past the limit by trying in parallel.
 * Memory is bounded: what was touched longest ago is forgotten. Any thread; the lock is short and no call waits. */
#ifndef AUTH_GATE_H
#define AUTH_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gate gate;

typedef struct {
    uint32_t failures;         /* of one user from one address in a minute: then refused; 0: never */
    uint32_t address_failures; /* of one address; 0: never */
    uint32_t at_once;          /* attempts of one address in the hash lane */
    uint32_t waiting;          /* attempts of one address that may wait */
    uint32_t remembered;       /* addresses and pairs */
} gate_rules;

enum { GATE_FAILURES_MAX = 64, GATE_KEY_SIZE = 16 };

/* Two names in one table: of the address, and of the user at that address. */
typedef struct {
    uint8_t address[GATE_KEY_SIZE];
    uint8_t user[GATE_KEY_SIZE];
} gate_key;

typedef enum { GATE_OPEN = 1, GATE_WAIT, GATE_REFUSED, GATE_BUSY } gate_answer;
typedef enum { GATE_PASSED = 1, GATE_FAILED, GATE_NOTHING } gate_outcome;

/* NULL: no memory. */
gate *gate_new(const gate_rules *rules);
void gate_free(gate *g);

/* `woken`: this attempt waited, and was woken by a handle from gate_leave() or gate_next(). OPEN: gate_leave() must
 * follow. WAIT: gate_park() must follow. REFUSED: *ret_retry_s is when to come again. BUSY: all places are taken. A
 * woken one that is refused calls gate_next(). */
gate_answer gate_enter(gate *g, const gate_key *key, bool woken, int64_t now_ms, int *ret_retry_s);
/* false: nothing is left to wait for: wake the handle at once. */
bool gate_park(gate *g, const gate_key *key, uint64_t handle, int64_t now_ms);
/* The attempt is over. Returns the handle to wake, 0: nobody waits. */
uint64_t gate_leave(gate *g, const gate_key *key, gate_outcome outcome, int64_t now_ms);
/* The attempt that was woken is gone, or was refused: the next one. `unused`: it never came to gate_enter(). */
uint64_t gate_next(gate *g, const gate_key *key, bool unused, int64_t now_ms);

#endif
